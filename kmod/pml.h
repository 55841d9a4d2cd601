/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_PML_H
#define KM_PML_H

#include <linux/types.h>

struct km_dirty_counter;
struct kvm_vcpu;

bool km_pml_start(void);
void km_pml_stop(void);
void km_pml_fini(void);

bool km_pml_drains(struct km_dirty_counter *counter, const struct kvm_vcpu *vcpu,
		   unsigned long ip);

#endif /* KM_PML_H */
