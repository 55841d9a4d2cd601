// SPDX-License-Identifier: GPL-2.0
/* A VM's vCPUs. They only ever get more: kvm_destroy_vcpus() is for the VM's end. */
#include <linux/kvm_host.h>

#include "compat/compat.h"
#include "vcpu.h"

unsigned int km_vcpu_count(struct kvm *kvm)
{
	return atomic_read(&kvm->online_vcpus);
}

/* False if there is no vCPU of that index (kvm_vcpu::vcpu_idx). */
bool km_vcpu_get(struct kvm *kvm, unsigned int idx, struct km_vcpu_info *info)
{
	struct kvm_vcpu *vcpu;

	if (idx >= km_vcpu_count(kvm))
		return false;
	vcpu = kvm_get_vcpu(kvm, idx);
	if (!vcpu)
		return false;

	info->id = vcpu->vcpu_id;
	info->tid = km_compat_vcpu_tid(vcpu);
	return true;
}
