// SPDX-License-Identifier: GPL-2.0
/*
 * eed52e434bc3 ("KVM: Allow arch code to track number of memslot address spaces
 * per VM"), 6.8
 */
#include <linux/kvm_host.h>

int probe(struct kvm *kvm);
int probe(struct kvm *kvm)
{
	return kvm_arch_nr_memslot_as_ids(kvm);
}
