// SPDX-License-Identifier: GPL-2.0
/* Must compile: else no probe's failure would mean anything. */
#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <net/genetlink.h>

int probe(struct kvm *kvm, struct ftrace_regs *fregs, struct genl_info *info);
int probe(struct kvm *kvm, struct ftrace_regs *fregs, struct genl_info *info)
{
	return kvm && fregs && info;
}
