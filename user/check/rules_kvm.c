// SPDX-License-Identifier: GPL-2.0
/* KVM itself, and the encryption of memory. */
#include "rules.h"

static bool usable(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "the guest runs under KVM");
	km_rule_there(f, "/dev/kvm can't be used");
	return p->guest->kvm == KM_YES && p->there->kvm.usable == KM_NO;
}

static bool nested(const struct km_pair *p, struct km_finding *f)
{
	bool vmx = km_guest_sees(p->guest, "vmx");

	km_rule_here(f, "the guest sees %s", vmx ? "vmx" : "svm");
	km_rule_there(f, "nested is off");
	return (vmx || km_guest_sees(p->guest, "svm")) && p->there->kvm.nested == KM_NO;
}

static bool paging(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "on");
	km_rule_there(f, "off");
	return km_rule_lost(p->here->kvm.nested_paging, p->there->kvm.nested_paging);
}

static bool pml(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "on");
	km_rule_there(f, "off, or not there");
	return km_rule_lost(p->here->kvm.pml, p->there->kvm.pml);
}

static bool ad_bits(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "on");
	km_rule_there(f, "off, or not there");
	return km_rule_lost(p->here->kvm.ad_bits, p->there->kvm.ad_bits);
}

static bool hypervisor(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "a machine of its own");
	km_rule_there(f, "a virtual machine");
	return km_rule_lost(p->there->cpu.hypervisor, p->here->cpu.hypervisor);
}

static bool confidential(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "the guest is protected by %s", p->guest->confidential);
	return p->guest->confidential[0];
}

static bool encrypted(const struct km_rec_encryption *e, const char **name)
{
	*name = e->sme == KM_YES ? "SME" : "TME";
	return e->sme == KM_YES || e->tme == KM_YES;
}

static bool encryption(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_encryption *b = &p->there->encryption;
	const char *here, *there;

	if (!encrypted(&p->here->encryption, &here) || encrypted(b, &there) ||
	    (b->sme == KM_UNKNOWN && b->tme == KM_UNKNOWN))
		return false;
	km_rule_here(f, "the CPU has %s", here);
	km_rule_there(f, "neither SME nor TME");
	return true;
}

const struct km_rule km_rules_kvm[] = {
	{ "kvm-missing", KM_BLOCKS, usable, "the guest's QEMU could not be started there",
	  "load kvm_intel or kvm_amd there, and switch virtualisation on in its firmware" },
	{ "kvm-nested", KM_BLOCKS, nested,
	  "the guest may run guests of its own, and the KVM there does not let it",
	  "load the KVM module there with nested=1, or start the guest without the feature" },
	{ "encryption-guest", KM_BLOCKS, confidential,
	  "the host can't read the memory of such a guest, and this QEMU can't move it",
	  "shut it down and start it there" },
	{ "kvm-paging", KM_WARNS, paging,
	  "without nested paging each change of the guest's page tables costs an exit",
	  "load kvm_intel with ept=1, or kvm_amd with npt=1" },
	{ "kvm-hypervisor", KM_WARNS, hypervisor,
	  "the guest would be nested: each of its exits costs many times as much",
	  "nothing, or take another host" },
	{ "encryption-host", KM_WARNS, encryption,
	  "the memory here can be encrypted, so that modules taken out of the machine tell nothing; "
	  "there it can't",
	  "take a host with memory encryption, if the guest was promised one" },
	{ "kvm-pml", KM_INFO, pml,
	  "dirty pages are found by write faults there: moving it on costs the guest more",
	  "load kvm_intel with pml=1, where the CPU has it" },
	{ "kvm-ad-bits", KM_INFO, ad_bits,
	  "the kernel there can't see which pages are in use without faults",
	  "load kvm_intel with eptad=1, where the CPU has it" },
	{ 0 },
};
