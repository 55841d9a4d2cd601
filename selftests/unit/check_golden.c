// SPDX-License-Identifier: GPL-2.0
/*
 * What is found between emulated hosts, by their records (selftests/host/records.sh).  What is
 * wanted follows from how they were started: two AMD CPUs, of which the newer has CLWB and UMIP
 * besides; two Intel ones without KVM, one with SMT, one with two nodes of half a GiB; no network
 * and no NTP anywhere; and TSCs that the emulator's guests have measured a little differently.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check/baseline.h"
#include "check/findings.h"
#include "check/schema.h"
#include "ktap.h"

enum { EPYC, ROME, HASWELL, SKYLAKE, NHOSTS };
static struct km_host_record *host[NHOSTS];
static const char *const names[NHOSTS] = { "epyc", "rome", "haswell", "skylake" };
static struct km_findings found;

/* One that has everything that a host can give and let move. */
static struct km_guest_record *guest_of(const struct km_host_record *h, uint64_t ram_mib)
{
	struct km_guest_record *g = calloc(1, sizeof(*g));
	const struct km_rec_qemu *q = &h->qemu[0];

	strcpy(g->name, "guest");
	strcpy(g->qemu_path, "/usr/bin/qemu-system-x86_64");
	strcpy(g->qemu_version, "7.2.22");
	strcpy(g->machine, "pc-q35-7.2");
	strcpy(g->cpu_model, "EPYC-v1");
	g->kvm = h->kvm.usable;
	g->vcpus = 2;
	g->ram_bytes = ram_mib << 20;
	for (uint32_t i = 0; i < q->nfeatures; i++)
		if (km_set_has(&q->movable, i))
			strcpy(g->feature[g->nfeatures++], q->feature[i]);
	return g;
}

static bool between(int here, int there, uint64_t ram_mib, uint32_t pinned, const char *ids)
{
	struct km_guest_record *g = guest_of(host[here], ram_mib);
	char all[1024] = "";

	g->pinned_threads = pinned;
	km_check(host[here], host[there], g, &found);
	free(g);
	for (unsigned int i = 0; i < found.n; i++) {
		strcat(all, i ? " " : "");
		strcat(all, found.f[i].id);
	}
	if (strcmp(all, ids))
		printf("# %s to %s: %s\n", names[here], names[there], all);
	return !strcmp(all, ids);
}

static void to_newer(bool *ok)
{
	CHECK(between(EPYC, ROME, 256, 0, "cpu-tsc net-route soft-clock cpu-model"));
}

static void to_older(bool *ok)
{
	CHECK(between(ROME, EPYC, 256, 0, "cpu-features cpu-tsc net-route soft-clock cpu-model"));
	CHECK(found.f[0].severity == KM_BLOCKS && strstr(found.f[0].there, "2 missing") &&
	      strstr(found.f[0].there, "clwb") && strstr(found.f[0].there, "umip"));
	/* Half a GiB fits into the one node here, and into neither there. */
	CHECK(between(ROME, EPYC, 512, 0,
		      "cpu-features cpu-tsc net-route soft-clock cpu-model mem-node"));
	/* 1 GiB of memory has no room for a guest of that size. */
	CHECK(between(ROME, EPYC, 1024, 0,
		      "cpu-features mem-free cpu-tsc net-route soft-clock cpu-model mem-node"));
}

static void to_intel(bool *ok)
{
	CHECK(between(EPYC, HASWELL, 256, 0,
		      "cpu-vendor kvm-missing cpu-unknown net-route soft-clock cpu-smt cpu-model"));
	CHECK(between(ROME, SKYLAKE, 256, 0,
		      "cpu-vendor kvm-missing cpu-unknown net-route soft-clock cpu-model"));
}

/* An emulated guest does not mind the CPU; a pinned one the topology. */
static void emulated(bool *ok)
{
	CHECK(between(HASWELL, SKYLAKE, 600, 1,
		      "guest-pinned net-route soft-clock cpu-model mem-node"));
	CHECK(between(SKYLAKE, HASWELL, 600, 1,
		      "guest-pinned net-route soft-clock cpu-smt cpu-model"));
	CHECK(between(SKYLAKE, EPYC, 256, 0, "net-route soft-clock cpu-model"));
}

/* No CPU of these emulated hosts is one of QEMU's models in full; the sum is right, and is what
 * both have. */
static bool is_common(const struct km_baseline *b, const struct km_host_record *h)
{
	const struct km_rec_qemu *q = &h->qemu[0];
	unsigned int n = 0;

	for (uint32_t m = 0; m < q->nmodels; m++) {
		if (strcmp(q->model[m].name, b->model))
			continue;
		for (uint32_t i = 0; i < q->nfeatures; i++) {
			bool in = km_set_has(&q->model[m].features, i) &&
				  strncmp(q->feature[i], "kvm", 3) &&
				  strcmp(q->feature[i], "hypervisor") &&
				  strcmp(q->feature[i], "cmp-legacy") &&
				  strcmp(q->feature[i], "ht");

			for (unsigned int k = 0; k < b->nadd; k++)
				in = in || !strcmp(b->add[k], q->feature[i]);
			for (unsigned int k = 0; k < b->ndrop; k++)
				in = in && strcmp(b->drop[k], q->feature[i]);
			if (in && !km_set_has(&q->movable, i))
				printf("# %s of %s can't be had\n", q->feature[i], b->model);
			if (in && !km_set_has(&q->movable, i))
				return false;
			n += in;
		}
	}
	return n == b->nfeatures;
}

static bool costs(const struct km_baseline *b, const char *feature)
{
	for (unsigned int i = 0; i < b->ncosts; i++)
		if (!strcmp(b->cost[i].feature, feature))
			return b->cost[i].nhosts == 1 && b->cost[i].host[0] == 0;
	return false;
}

static void baseline(bool *ok)
{
	const struct km_host_record *amd[] = { host[EPYC], host[ROME] };
	const struct km_host_record *mixed[] = { host[ROME], host[HASWELL] };
	struct km_baseline *b = calloc(1, sizeof(*b));
	struct km_err err = { 0 };

	CHECK(!km_baseline_find(amd, names, 2, b, &err));
	CHECK(!strcmp(b->vendor, "AuthenticAMD") && is_common(b, host[EPYC]) &&
	      is_common(b, host[ROME]));
	/* Not CMP-LEGACY, which tells of cores. */
	CHECK(b->ncosts == 2 && costs(b, "clwb") && costs(b, "umip"));
	CHECK(km_baseline_find(mixed, names + 1, 2, b, &err) &&
	      strstr(err.text, "haswell: no QEMU"));
	free(b);
}

static const struct ktap_case cases[] = {
	{ "to a newer CPU", to_newer },
	{ "to an older one", to_older },
	{ "from AMD to Intel, without KVM there", to_intel },
	{ "an emulated guest", emulated },
	{ "the baseline of two", baseline },
};

int main(void)
{
	int rc = 0;

	for (int i = 0; i < NHOSTS; i++) {
		struct km_err err = { 0 };
		char path[128];

		snprintf(path, sizeof(path), "selftests/host/records/%s.json", names[i]);
		host[i] = km_host_record_load(path, &err);
		if (!host[i])
			printf("# %s (run in the repository's root)\n", err.text);
		rc |= !host[i];
	}
	if (!rc)
		rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	for (int i = 0; i < NHOSTS; i++)
		free(host[i]);
	return rc;
}
