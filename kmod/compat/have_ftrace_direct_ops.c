// SPDX-License-Identifier: GPL-2.0
/* Since 6.4 these take an ops; before, their names ended in _multi. */
#include <linux/ftrace.h>

int probe(struct ftrace_ops *ops);
int probe(struct ftrace_ops *ops)
{
	ops->ops_func = NULL;
	return register_ftrace_direct(ops, 0) + unregister_ftrace_direct(ops, 0, false);
}
