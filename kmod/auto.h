/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_AUTO_H
#define KM_AUTO_H

#include "compat/compat.h"

struct kvm;

void km_auto_init(void);
void km_auto_stop(void);
void km_auto_fini(void);

void km_auto_vmm_sets(const struct kvm *kvm, const struct km_compat_region *region);

#endif /* KM_AUTO_H */
