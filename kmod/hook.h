/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_HOOK_H
#define KM_HOOK_H

#include <linux/ftrace.h>
#include <linux/list.h>

/*
 * A hook on one of KVM's functions, for all VMs. hook.c's lock protects all but @ops and
 * @direct_ops.
 */
struct km_hook {
	struct ftrace_ops ops;
	struct ftrace_ops direct_ops;
	unsigned long direct;		/* what the function calls by itself, or 0 */
	unsigned char *name;
	unsigned int users;
	struct list_head placed;
	bool is_direct;
};

/*
 * PERMANENT: else writing 0 to kernel.ftrace_enabled would silently stop the hook.
 * Neither IPMODIFY nor SAVE_REGS: nothing is changed.
 *
 * Nor RECURSION and RCU, with either of which ftrace calls @callback by way of
 * ftrace_ops_assist_func(), at the cost of half of what ours do. A callback can't recurse,
 * as it calls nothing of KVM's that is hooked, and a function of KVM's never runs where RCU
 * isn't watching. So @callback runs as its hooked function would, maybe with interrupts
 * off, and must itself disable preemption where it needs that.
 *
 * Where it can, the function calls @trampoline instead, which does the same and preserves
 * what a caller of the function has put into registers for it.
 */
#define KM_HOOK_DIRECT(hook, function, callback, trampoline)			\
	static unsigned char hook##_name[] = (function);			\
	static struct km_hook hook = {						\
		.ops = {							\
			.func = (callback),					\
			.flags = FTRACE_OPS_FL_PERMANENT,			\
		},								\
		.direct = (trampoline),						\
		.name = hook##_name,						\
		.placed = LIST_HEAD_INIT(hook.placed),				\
	}

#define KM_HOOK(hook, function, callback)	KM_HOOK_DIRECT(hook, function, callback, 0ul)

int km_hook_get(struct km_hook *hook);
void km_hook_put(struct km_hook *hook);
void km_hook_fini(struct km_hook *hook);

#endif /* KM_HOOK_H */
