// SPDX-License-Identifier: GPL-2.0
/* The CPU as the guest sees it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "rules.h"

/* Names in f->there, as many as fit, and how many there are. Returns that. */
struct names {
	unsigned int n;
	size_t used;
	char text[KM_SEEN_TEXT - 64];
};

static void add_name(struct names *l, const char *name)
{
	size_t room = sizeof(l->text) - l->used;

	l->n++;
	if (strlen(name) + 2 < room)
		l->used +=
			(size_t)snprintf(l->text + l->used, room, "%s%s", l->used ? " " : "", name);
}

/* QEMU gives these without the host's help, and -cpu host, by which hosts are known, leaves them
 * out (target/i386/kvm/kvm.c, kvm_arch_get_supported_cpuid). */
static bool is_qemus_own(const char *feature)
{
	return !strcmp(feature, "kvm-hint-dedicated") || !strcmp(feature, "kvm-msi-ext-dest-id") ||
	       km_feature_is_topology(feature);
}

/* What the guest sees and the other QEMU can't give it. */
static void find_missing(const struct km_pair *p, const struct km_rec_qemu *q, struct names *l)
{
	for (uint32_t i = 0; i < p->guest->nfeatures; i++)
		if (!km_set_has(&q->host, km_feature_of(q, p->guest->feature[i])) &&
		    !is_qemus_own(p->guest->feature[i]))
			add_name(l, p->guest->feature[i]);
}

/* NULL where the guest's CPU is not the host's, or nothing is known of it. */
static const struct km_rec_qemu *features_there(const struct km_pair *p)
{
	const struct km_rec_qemu *q = km_qemu_for(p->there, p->guest);

	return p->guest->kvm != KM_NO && q && q->kvm == KM_YES && !km_set_empty(&q->host) ? q :
											    NULL;
}

static bool vendor(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_qemu *q = features_there(p);
	struct names l = { 0 };

	if (p->guest->kvm == KM_NO ||
	    !km_rule_texts_differ(p->here->cpu.vendor, p->there->cpu.vendor))
		return false;
	km_rule_here(f, "%s (%s)", p->here->cpu.vendor, p->here->cpu.name);
	if (q)
		find_missing(p, q, &l);
	if (!q || !p->guest->nfeatures)
		km_rule_there(f, "%s (%s)", p->there->cpu.vendor, p->there->cpu.name);
	else if (l.n)
		km_rule_there(f, "%s (%s); %u of the %u features that the guest sees are missing",
			      p->there->cpu.vendor, p->there->cpu.name, l.n, p->guest->nfeatures);
	else
		km_rule_there(f, "%s (%s); all %u features that the guest sees are there, too",
			      p->there->cpu.vendor, p->there->cpu.name, p->guest->nfeatures);
	return true;
}

static bool features(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_qemu *q = features_there(p);
	struct names l = { 0 };

	if (!q)
		return false;
	find_missing(p, q, &l);
	km_rule_here(f, "%u features, CPU model %s", p->guest->nfeatures, p->guest->cpu_model);
	km_rule_there(f, "%u missing: %s", l.n, l.text);
	return l.n;
}

static bool unknown(const struct km_pair *p, struct km_finding *f)
{
	bool there = features_there(p);

	if (p->guest->nfeatures)
		km_rule_here(f, "%u features", p->guest->nfeatures);
	else
		km_rule_here(f, "the guest's QEMU did not say");
	if (!there)
		km_rule_there(f, "no QEMU that was asked with KVM");
	return p->guest->kvm == KM_YES && (!p->guest->nfeatures || !there);
}

/* What was asked for and could not be given here: a host that can will. */
static bool appears(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_qemu *q = features_there(p);
	struct names l = { 0 };

	for (uint32_t i = 0; q && i < p->guest->nmissing; i++)
		if (km_set_has(&q->host, km_feature_of(q, p->guest->missing[i])))
			add_name(&l, p->guest->missing[i]);
	km_rule_here(f, "asked for and not given");
	km_rule_there(f, "given: %s", l.text);
	return l.n;
}

static bool same_model(const struct km_rec_cpu *a, const struct km_rec_cpu *b)
{
	return !a->family || !b->family ||
	       (a->family == b->family && a->model == b->model && a->stepping == b->stepping);
}

static void tell_models(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_cpu *a = &p->here->cpu, *b = &p->there->cpu;

	km_rule_here(f, "%s (family %u, model %u, stepping %u)", a->name, a->family, a->model,
		     a->stepping);
	km_rule_there(f, "%s (family %u, model %u, stepping %u)", b->name, b->family, b->model,
		      b->stepping);
}

static bool host_model(const struct km_pair *p, struct km_finding *f)
{
	tell_models(p, f);
	return p->guest->host_cpu == KM_YES && !same_model(&p->here->cpu, &p->there->cpu);
}

static bool model(const struct km_pair *p, struct km_finding *f)
{
	tell_models(p, f);
	return p->guest->host_cpu != KM_YES && !same_model(&p->here->cpu, &p->there->cpu);
}

static bool microcode(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_cpu *a = &p->here->cpu, *b = &p->there->cpu;

	km_rule_here(f, "%#x", a->microcode);
	km_rule_there(f, "%#x", b->microcode);
	return same_model(a, b) && a->microcode && b->microcode && a->microcode != b->microcode;
}

static bool phys_bits(const struct km_pair *p, struct km_finding *f)
{
	uint32_t have = p->there->kvm.phys_bits;

	km_rule_here(f, "the guest has %u bits", p->guest->phys_bits);
	km_rule_there(f, "%u bits", have);
	return p->guest->kvm != KM_NO && have && p->guest->phys_bits > have;
}

/* The state components that a feature brings (Intel SDM vol. 1, 13.1; QEMU's
 * x86_ext_save_areas). SSE's and x87's have no place of their own choice. */
static const struct {
	const char *feature;
	unsigned int first, last;
} states[] = {
	{ "avx", 2, 2 }, { "mpx", 3, 4 },	 { "avx512f", 5, 7 },
	{ "pku", 9, 9 }, { "amx-tile", 17, 18 },
};

static const struct km_rec_cpuid *state(const struct km_rec_kvm *k, uint32_t component)
{
	for (uint32_t i = 0; i < k->ncpuid; i++)
		if (k->cpuid[i].leaf == 0xd && k->cpuid[i].index == component)
			return &k->cpuid[i];
	return NULL;
}

/* CPUID 0xd: EAX is the size, EBX the offset. One that is missing there is cpu-features'. */
static bool xsave(const struct km_pair *p, struct km_finding *f)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (p->guest->kvm == KM_NO || !km_guest_sees(p->guest, states[i].feature))
			continue;
		for (uint32_t c = states[i].first; c <= states[i].last; c++) {
			const struct km_rec_cpuid *a = state(&p->here->kvm, c);
			const struct km_rec_cpuid *b = state(&p->there->kvm, c);

			if (!a || !b || (a->eax == b->eax && a->ebx == b->ebx))
				continue;
			km_rule_here(f, "%s: component %u, %u bytes at %u", states[i].feature, c,
				     a->eax, a->ebx);
			km_rule_there(f, "%u bytes at %u", b->eax, b->ebx);
			return true;
		}
	}
	return false;
}

/* KVM calls 250 millionths equal (its parameter tsc_tolerance_ppm). */
static bool tsc(const struct km_pair *p, struct km_finding *f)
{
	uint64_t want = p->guest->tsc_khz ? p->guest->tsc_khz : p->here->kvm.tsc_khz;
	uint64_t have = p->there->kvm.tsc_khz;
	uint64_t apart = want > have ? want - have : have - want;

	if (p->guest->kvm == KM_NO || !want || !have || p->there->kvm.tsc_scaling == KM_YES ||
	    (double)apart <= (double)want * 250e-6)
		return false;
	if (km_guest_sees(p->guest, "invtsc"))
		f->severity = KM_BLOCKS;
	km_rule_here(f, "%" PRIu64 " kHz", want);
	km_rule_there(f, "%" PRIu64 " kHz, which it can't scale", have);
	return true;
}

static bool pmu(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "version %u, and the guest has it", p->here->kvm.pmu_version);
	km_rule_there(f, "version %u", p->there->kvm.pmu_version);
	return p->guest->pmu == KM_YES && p->there->kvm.usable == KM_YES &&
	       p->here->kvm.pmu_version != p->there->kvm.pmu_version;
}

static bool smt(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "off");
	km_rule_there(f, "on");
	return km_rule_lost(p->there->cpu.smt, p->here->cpu.smt);
}

static bool count(const struct km_pair *p, struct km_finding *f)
{
	uint32_t most = p->there->kvm.max_vcpus, cpus = p->there->topology.cpus;

	km_rule_here(f, "%u vCPUs", p->guest->vcpus);
	if (most && p->guest->vcpus > most) {
		f->severity = KM_BLOCKS;
		km_rule_there(f, "KVM there has %u vCPUs at most", most);
		return true;
	}
	km_rule_there(f, "%u CPUs", cpus);
	return cpus && p->guest->vcpus > cpus;
}

const struct km_rule km_rules_cpu[] = {
	{ "cpu-vendor", KM_BLOCKS, vendor,
	  "a guest looks at the vendor when it starts, and keeps to it: which registers there are, "
	  "which mitigations it needs, how SYSENTER and VMCALL work and where XSAVE puts things "
	  "differ between Intel and AMD, and it would find out by crashing",
	  "move it to a host of the same vendor; or shut it down and start it there" },
	{ "cpu-features", KM_BLOCKS, features,
	  "the guest uses instructions that would fault there; QEMU would refuse it, or not show "
	  "them any more to software that has seen them",
	  "start the guest with a CPU model that both hosts have: kmigrate baseline names the "
	  "richest" },
	{ "cpu-phys-bits", KM_BLOCKS, phys_bits,
	  "the guest may put memory and devices at addresses that the CPU there can't reach",
	  "start the guest with phys-bits= of the smallest host" },
	{ "cpu-xsave", KM_BLOCKS, xsave,
	  "the guest was told where XSAVE puts its registers, and the CPU there puts them elsewhere",
	  "start the guest without the feature on both hosts, or move it to a host of the same kind" },
	{ "cpu-tsc", KM_WARNS, tsc,
	  "the guest's time stamp counter would run at another speed, and its clock with it, if it "
	  "uses that",
	  "move it to a host whose CPU scales the TSC, or let the guest use kvm-clock" },
	{ "cpu-unknown", KM_WARNS, unknown,
	  "whether the CPU there has all that the guest uses was not compared",
	  "look at what keeps it from being known: the guest's monitor, or QEMU and KVM there" },
	{ "cpu-appears", KM_WARNS, appears,
	  "features would appear in a running guest that has been told that there are none",
	  "start the guest without them (-cpu MODEL,FEATURE=off)" },
	{ "cpu-host-model", KM_WARNS, host_model,
	  "with -cpu host the guest sees the CPU of whatever host it is on: its model and features "
	  "change under it",
	  "start the guest with a CPU model that both hosts have: kmigrate baseline names one" },
	{ "cpu-pmu", KM_WARNS, pmu,
	  "the guest's performance counters would be others than it has set up",
	  "start the guest with pmu=off, if it must move" },
	{ "cpu-count", KM_WARNS, count, "the guest's vCPUs would wait for each other",
	  "take a host with more CPUs" },
	{ "cpu-smt", KM_INFO, smt,
	  "there two CPUs share a core: vCPUs next to each other get less of it, and can observe "
	  "each other",
	  "pin vCPUs to cores, or let it be" },
	{ "cpu-model", KM_INFO, model,
	  "the guest keeps the CPU model that it was started with; only its speed changes",
	  "nothing" },
	{ "cpu-microcode", KM_INFO, microcode,
	  "bugs and their mitigations may differ; the guest looked at them when it started",
	  "load the same microcode on both hosts" },
	{ 0 },
};
