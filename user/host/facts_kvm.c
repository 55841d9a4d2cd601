// SPDX-License-Identifier: GPL-2.0
/* What KVM can give to guests. Documentation/virt/kvm/api.rst. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "facts.h"
#include "sysfile.h"

#define CPUID_MAX 256 /* KVM_MAX_CPUID_ENTRIES */

static const struct km_rec_cpuid *find(const struct km_rec_kvm *k, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < k->ncpuid; i++)
		if (k->cpuid[i].leaf == leaf && k->cpuid[i].index == index)
			return &k->cpuid[i];
	return NULL;
}

static void read_cpuid(int kvm, struct km_rec_kvm *k)
{
	struct kvm_cpuid2 *all =
		calloc(1, sizeof(*all) + CPUID_MAX * sizeof(struct kvm_cpuid_entry2));
	const struct km_rec_cpuid *e;

	if (!all)
		return;
	all->nent = CPUID_MAX;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, all))
		all->nent = 0;
	for (uint32_t i = 0; i < all->nent && k->ncpuid < KM_REC_CPUID; i++) {
		const struct kvm_cpuid_entry2 *s = &all->entries[i];

		if (s->eax | s->ebx | s->ecx | s->edx)
			k->cpuid[k->ncpuid++] = (struct km_rec_cpuid){ s->function, s->index,
								       s->eax,	    s->ebx,
								       s->ecx,	    s->edx };
	}
	free(all);
	e = find(k, 0x80000008, 0);
	k->phys_bits = e ? e->eax & 0xff : 0;
	e = find(k, 0xa, 0); /* Intel SDM vol. 3B, architectural performance monitoring */
	k->pmu_version = e ? e->eax & 0xff : 0;
	e = find(k, 0x80000022, 0); /* AMD APM vol. 3: PerfMonV2 is bit 0 */
	if (!k->pmu_version && e && (e->eax & 1))
		k->pmu_version = 2;
	e = find(k, 0xd, 0);
	k->xsave_bytes = e ? e->ecx : 0;
}

static void read_msrs(int kvm, struct km_rec_kvm *k)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + KM_REC_MSRS * sizeof(uint32_t));
	struct kvm_msrs *one = calloc(1, sizeof(*one) + sizeof(struct kvm_msr_entry));

	if (list && one) {
		list->nmsrs = KM_REC_MSRS;
		if (ioctl(kvm, KVM_GET_MSR_FEATURE_INDEX_LIST, list))
			list->nmsrs = 0;
		for (uint32_t i = 0; i < list->nmsrs; i++) {
			one->nmsrs = 1;
			one->entries[0].index = list->indices[i];
			/* How many could be read. */
			if (ioctl(kvm, KVM_GET_MSRS, one) == 1)
				k->msr[k->nmsrs++] = (struct km_rec_msr){ list->indices[i],
									  one->entries[0].data };
		}
	}
	free(list);
	free(one);
}

/* The default of a new vCPU is the host's. */
static void read_tsc(int kvm, struct km_rec_kvm *k)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu, khz;

	if (vm < 0)
		return;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	khz = vcpu < 0 ? -1 : ioctl(vcpu, KVM_GET_TSC_KHZ, 0);
	if (khz > 0)
		k->tsc_khz = (uint64_t)khz;
	if (vcpu >= 0)
		close(vcpu);
	close(vm);
}

static void read_parameters(const char *root, struct km_rec_kvm *k, struct km_rec_encryption *e)
{
	bool intel = km_sys_there("%s/sys/module/kvm_intel/parameters", root);
	const char *mod = intel ? "kvm_intel" : "kvm_amd";

	if (!intel && !km_sys_there("%s/sys/module/kvm_amd/parameters", root))
		return;
	memcpy(k->module, mod, strlen(mod) + 1);
	k->nested = km_sys_yes("%s/sys/module/%s/parameters/nested", root, mod);
	k->nested_paging =
		km_sys_yes("%s/sys/module/%s/parameters/%s", root, mod, intel ? "ept" : "npt");
	/* AMD's nested paging always keeps accessed and dirty bits (APM vol. 2, 15.25). */
	k->ad_bits = intel ? km_sys_yes("%s/sys/module/kvm_intel/parameters/eptad", root) :
			     k->nested_paging;
	k->pml = km_sys_yes("%s/sys/module/%s/parameters/pml", root, mod);
	if (!intel && k->pml == KM_UNKNOWN)
		k->pml = KM_NO; /* a kvm_amd that can has the parameter */
	e->kvm_sev = km_sys_yes("%s/sys/module/kvm_amd/parameters/sev", root);
	e->kvm_sev_es = km_sys_yes("%s/sys/module/kvm_amd/parameters/sev_es", root);
	e->kvm_sev_snp = km_sys_yes("%s/sys/module/kvm_amd/parameters/sev_snp", root);
	e->kvm_tdx = km_sys_yes("%s/sys/module/kvm_intel/parameters/tdx", root);
}

void km_facts_kvm(const char *root, struct km_rec_kvm *k, struct km_rec_encryption *e)
{
	int kvm = root[0] ? -1 : open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int n;

	read_parameters(root, k, e);
	if (root[0])
		return;
	k->usable = kvm >= 0 && ioctl(kvm, KVM_GET_API_VERSION, 0) == KVM_API_VERSION ? KM_YES :
											KM_NO;
	if (k->usable == KM_YES) {
		k->tsc_scaling = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0 ? KM_YES :
											    KM_NO;
		n = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
		k->max_vcpus = n > 0 ? (uint32_t)n : 0;
		read_cpuid(kvm, k);
		n = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
		if (n > 0) /* with what is not in the default, as AMX */
			k->xsave_bytes = (uint32_t)n;
		read_msrs(kvm, k);
		read_tsc(kvm, k);
	}
	if (kvm >= 0)
		close(kvm);
}
