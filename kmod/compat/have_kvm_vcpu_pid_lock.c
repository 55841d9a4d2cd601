// SPDX-License-Identifier: GPL-2.0
/*
 * 3e7f43188ee2 ("KVM: Protect vCPU's "last run PID" with rwlock, not RCU"), 6.13
 */
#include <linux/kvm_host.h>

struct pid *probe(struct kvm_vcpu *vcpu);
struct pid *probe(struct kvm_vcpu *vcpu)
{
	struct pid *pid;

	read_lock(&vcpu->pid_lock);
	pid = vcpu->pid;
	read_unlock(&vcpu->pid_lock);
	return pid;
}
