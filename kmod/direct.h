/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_DIRECT_H
#define KM_DIRECT_H

#include <linux/kvm_host.h>

/* Kbuild says whether direct.c can be built as it must. */
#ifdef KM_DIRECT
void km_direct_dirty(const struct kvm *kvm, const struct kvm_memory_slot *slot, gfn_t gfn);
#define KM_DIRECT_DIRTY	((unsigned long)km_direct_dirty)
#else
#define KM_DIRECT_DIRTY	0ul
#endif

#endif /* KM_DIRECT_H */
