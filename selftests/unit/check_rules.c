// SPDX-License-Identifier: GPL-2.0
/* The rules of the CPU and of KVM, and what holds for all. */
#include "rules.h"

static const struct rule_case cpu[] = {
	{ "cpu-vendor",
	  "blocks",
	  "all 2 features",
	  { NONE, "{'cpu': {'vendor': 'GenuineIntel'}}", NONE },
	  { NONE, "{'cpu': {'vendor': null}}", NONE } },
	{ "cpu-vendor cpu-features",
	  "blocks",
	  "1 of the 2 features",
	  { NONE, "{'cpu': {'vendor': 'GenuineIntel'}, 'qemus': [{'host': '1'}]}", NONE },
	  { NONE, "{'cpu': {'vendor': 'GenuineIntel'}, 'qemus': [{'host': '1'}]}",
	    "{'kvm': false}" } },
	{ "cpu-features",
	  "blocks",
	  "1 missing: pku",
	  { NONE, "{'qemus': [{'host': '1'}]}", NONE },
	  { NONE, "{'qemus': [{'host': '3'}]}",
	    "{'features': ['avx', 'ht', 'kvm-hint-dedicated', 'kvm-msi-ext-dest-id']}" } },
	{ "cpu-features",
	  "blocks",
	  "1 missing: newest",
	  { NONE, NONE, "{'features': ['avx', 'newest']}" },
	  { NONE, "{'qemus': [{'kvm': false}]}", "{'features': ['avx', 'newest']}" } },
	{ "cpu-unknown",
	  "warns",
	  "did not say",
	  { NONE, NONE, "{'features': []}" },
	  { NONE, NONE, "{'features': [], 'kvm': false}" } },
	{ "cpu-unknown",
	  "warns",
	  "no QEMU that was asked with KVM",
	  { NONE, "{'qemus': [{'kvm': false}]}", NONE },
	  { "{'qemus': [{'kvm': false}]}", NONE, NONE } },
	{ "cpu-phys-bits",
	  "blocks",
	  "46 bits",
	  { NONE, "{'kvm': {'phys_bits': 46}}", NONE },
	  { NONE, "{'kvm': {'phys_bits': 46}}", "{'phys_bits': 46}" } },
	{ "cpu-xsave",
	  "blocks",
	  "8 bytes at 2688",
	  { NONE, "{'kvm': {'cpuid': [{'leaf': 13, 'index': 9, 'eax': 8, 'ebx': 2688}]}}", NONE },
	  { NONE, "{'kvm': {'cpuid': [{'leaf': 13, 'index': 9, 'eax': 8, 'ebx': 2688}]}}",
	    "{'features': ['avx']}" } },
	{ "cpu-tsc",
	  "warns",
	  "2001000 kHz",
	  { NONE, "{'kvm': {'tsc_khz': 2001000}}", NONE },
	  { NONE, "{'kvm': {'tsc_khz': 2000400}}", NONE } },
	{ "cpu-tsc",
	  "blocks",
	  "2001000 kHz",
	  { NONE, "{'kvm': {'tsc_khz': 2001000}}", "{'features': ['invtsc']}" },
	  { NONE, "{'kvm': {'tsc_khz': 2001000, 'tsc_scaling': true}}",
	    "{'features': ['invtsc']}" } },
	{ "cpu-tsc",
	  "warns",
	  "2500000 kHz",
	  { NONE, NONE, "{'tsc_khz': 2500000}" },
	  { NONE, "{'kvm': {'tsc_khz': 2500000}}", "{'tsc_khz': 2500000}" } },
	{ "cpu-appears",
	  "warns",
	  "given: sha-ni",
	  { NONE, NONE, "{'missing_features': ['sha-ni', 'mpx']}" },
	  { NONE, "{'qemus': [{'host': '17'}]}", "{'missing_features': ['sha-ni', 'mpx']}" } },
	{ "cpu-host-model",
	  "warns",
	  "model 17",
	  { NONE, "{'cpu': {'model': 17}}", "{'host_cpu': true}" },
	  { NONE, NONE, "{'host_cpu': true}" } },
	{ "cpu-model",
	  "info",
	  "model 17",
	  { NONE, "{'cpu': {'model': 17}}", NONE },
	  { NONE, "{'cpu': {'family': 0, 'model': 17}}", NONE } },
	{ "cpu-microcode",
	  "info",
	  "0x6",
	  { NONE, "{'cpu': {'microcode': 6}}", NONE },
	  { NONE, "{'cpu': {'microcode': 0}}", NONE } },
	{ "cpu-pmu",
	  "warns",
	  "version 1",
	  { NONE, "{'kvm': {'pmu_version': 1}}", "{'pmu': true}" },
	  { NONE, "{'kvm': {'pmu_version': 1}}", NONE } },
	{ "cpu-count",
	  "warns",
	  "16 CPUs",
	  { NONE, NONE, "{'vcpus': 17}" },
	  { NONE, NONE, "{'vcpus': 16}" } },
	{ "cpu-count",
	  "blocks",
	  "1024 vCPUs at most",
	  { NONE, NONE, "{'vcpus': 1025}" },
	  { NONE, "{'topology': {'cpus': 2000}}", "{'vcpus': 1024}" } },
	{ "cpu-smt",
	  "info",
	  "on",
	  { NONE, "{'cpu': {'smt': true}}", NONE },
	  { "{'cpu': {'smt': true}}", NONE, NONE } },
};

static const struct rule_case kvm[] = {
	{ "kvm-missing",
	  "blocks",
	  "/dev/kvm",
	  { NONE, "{'kvm': {'usable': false}}", NONE },
	  { NONE, "{'kvm': {'usable': false}}", "{'kvm': false}" } },
	{ "kvm-nested",
	  "blocks",
	  "nested is off",
	  { NONE, "{'kvm': {'nested': false}}", "{'features': ['svm']}" },
	  { NONE, "{'kvm': {'nested': false}}", NONE } },
	{ "encryption-guest",
	  "blocks",
	  "sev-guest",
	  { NONE, NONE, "{'confidential': 'sev-guest'}" },
	  { NONE, NONE, "{'confidential': null}" } },
	{ "encryption-host",
	  "warns",
	  "neither",
	  { NONE, "{'encryption': {'sme': false}}", NONE },
	  { NONE, "{'encryption': {'sme': false, 'tme': true}}", NONE } },
	{ "kvm-paging",
	  "warns",
	  "off",
	  { NONE, "{'kvm': {'nested_paging': false}}", NONE },
	  { "{'kvm': {'nested_paging': false}}", "{'kvm': {'nested_paging': false}}", NONE } },
	{ "kvm-hypervisor",
	  "warns",
	  "virtual",
	  { NONE, "{'cpu': {'hypervisor': true}}", NONE },
	  { "{'cpu': {'hypervisor': true}}", "{'cpu': {'hypervisor': true}}", NONE } },
	{ "kvm-pml",
	  "info",
	  "off",
	  { NONE, "{'kvm': {'pml': false}}", NONE },
	  { "{'kvm': {'pml': false}}", NONE, NONE } },
	{ "kvm-ad-bits",
	  "info",
	  "off",
	  { NONE, "{'kvm': {'ad_bits': false}}", NONE },
	  { "{'kvm': {'ad_bits': null}}", "{'kvm': {'ad_bits': false}}", NONE } },
};

static void cpu_rules(bool *ok)
{
	try_table(&(struct rule_table)TABLE(cpu), ok);
}

static void kvm_rules(bool *ok)
{
	try_table(&(struct rule_table)TABLE(kvm), ok);
}

static void at_rest(bool *ok)
{
	struct km_findings *f = calloc(1, sizeof(*f));

	compare(&(struct state){ NONE, NONE, NONE }, f);
	CHECK(found_are(f, "") && km_findings_worst(f) == KM_INFO);
	free(f);
}

/* What is unknown at either end is no difference. */
static void unknown(bool *ok)
{
	struct km_findings *f = calloc(1, sizeof(*f));
	struct km_host_record *none = calloc(1, sizeof(*none));
	struct km_host_record *a = record(km_host_fields, sizeof(*a), host_text, NONE);
	struct km_guest_record *g = calloc(1, sizeof(*g));

	km_check(none, none, g, f);
	CHECK(found_are(f, ""));
	km_check(a, none, g, f);
	CHECK(found_are(f, ""));
	km_check(none, a, g, f);
	CHECK(found_are(f, ""));
	free(f);
	free(none);
	free(a);
	free(g);
}

static void sorted(bool *ok)
{
	const struct state s = {
		"{'memory': {'ksm': true}}",
		"{'power': {'throttled': 1}, 'software': {'clock_synced': false, 'wire_abi': 3},"
		" 'kvm': {'usable': false}}",
		NONE
	};
	struct km_findings *f = calloc(1, sizeof(*f));

	compare(&s, f);
	CHECK(found_are(f, "kvm-missing soft-wire soft-clock mem-ksm power-throttled"));
	CHECK(km_findings_worst(f) == KM_BLOCKS);
	free(f);
}

static const struct ktap_case cases[] = {
	{ "two equal hosts: nothing to say", at_rest },
	{ "what is unknown is no difference", unknown },
	{ "the worst first", sorted },
	{ "rules of the CPU: each finds what it is for, alone, and not what is nearly so",
	  cpu_rules },
	{ "rules of KVM: each finds what it is for, alone, and not what is nearly so", kvm_rules },
};

KTAP_MAIN(cases)
