/* SPDX-License-Identifier: GPL-2.0 */
/* What kvm_page_fault's error code says of the page, for programs. */
#ifndef KM_BPF_FAULT_BPF_H
#define KM_BPF_FAULT_BPF_H

/* Whether it is Intel's: kvm_page_fault has the exit qualification there, and a #PF's
 * error code on AMD (handle_ept_violation(), npf_interception()). */
const volatile _Bool vmx = 0;

/* Something may be read, written or run there (SDM 3C, table 28-7, bits 3 to 5); on AMD
 * it is present (bit 0), or KVM's mark for MMIO (reserved bits, bit 3). */
static __always_inline _Bool km_fault_is_mapped(__u64 code)
{
	return vmx ? code & 7 << 3 : code & 1 << 0 || code & 1 << 3;
}

/* A write (bit 1 of both) to what is mapped, and is no MMIO. */
static __always_inline _Bool km_fault_is_protected(__u64 code)
{
	if (!(code & 1 << 1))
		return 0;
	return vmx ? code & 7 << 3 : code & 1 << 0 && !(code & 1 << 3);
}

#endif
