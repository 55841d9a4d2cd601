// SPDX-License-Identifier: GPL-2.0
/* From 6.0, which has ops_func, to 6.3. */
#include <linux/ftrace.h>

int probe(struct ftrace_ops *ops);
int probe(struct ftrace_ops *ops)
{
	ops->ops_func = NULL;
	return register_ftrace_direct_multi(ops, 0) + unregister_ftrace_direct_multi(ops, 0);
}
