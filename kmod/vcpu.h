/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_VCPU_H
#define KM_VCPU_H

#include <linux/types.h>

struct kvm;

struct km_vcpu_info {
	u32 id;			/* as given to KVM_CREATE_VCPU */
	pid_t tid;		/* 0: never ran, or not to be seen from here */
};

unsigned int km_vcpu_count(struct kvm *kvm);
bool km_vcpu_get(struct kvm *kvm, unsigned int idx, struct km_vcpu_info *info);

#endif /* KM_VCPU_H */
