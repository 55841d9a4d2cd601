// SPDX-License-Identifier: GPL-2.0
/* The CPU that all of some hosts can give. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check/baseline.h"
#include "ktap.h"

#define MOST 4

static struct km_host_record *hosts[MOST];
static const char *const names[MOST] = { "a", "b", "c", "d" };
static struct km_baseline *b;

static unsigned int number(struct km_rec_qemu *q, const char *feature)
{
	for (uint32_t i = 0; i < q->nfeatures; i++)
		if (!strcmp(q->feature[i], feature))
			return i;
	strcpy(q->feature[q->nfeatures], feature);
	return q->nfeatures++;
}

/* Words separated by blanks. */
static void set_of(struct km_rec_qemu *q, const char *words, struct km_set *s)
{
	char *copy = strdup(words), *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		km_set_add(s, number(q, w));
	free(copy);
}

static void add_model(struct km_rec_qemu *q, const char *name, const char *vendor,
		      const char *features)
{
	struct km_rec_model *m = &q->model[q->nmodels++];

	strcpy(m->name, name);
	strcpy(m->vendor, vendor);
	set_of(q, features, &m->features);
}

/* Each host numbers the features in an order of its own. */
static void make(unsigned int i, const char *vendor, const char *features)
{
	struct km_host_record *h = calloc(1, sizeof(*h));
	struct km_rec_qemu *q = &h->qemu[0];

	strcpy(h->cpu.vendor, vendor);
	h->kvm.phys_bits = 48 - i;
	h->nqemus = 1;
	q->kvm = KM_YES;
	set_of(q, features, &q->movable);
	q->host = q->movable;
	add_model(q, "old", "AuthenticAMD", "sse kvmclock");
	add_model(q, "wide", "AuthenticAMD", "sse avx avx2 xop");
	add_model(q, "mid", "AuthenticAMD", "sse avx kvmclock");
	add_model(q, "new", "AuthenticAMD", "sse avx avx2 sha-ni tbm");
	add_model(q, "other", "GenuineIntel", "sse avx avx2 sha-ni");
	free(hosts[i]);
	hosts[i] = h;
}

static int find(unsigned int n, struct km_err *err)
{
	memset(err, 0, sizeof(*err));
	return km_baseline_find((const struct km_host_record *const *)hosts, names, n, b, err);
}

static bool qemu_is(const char *want)
{
	char *text = km_baseline_qemu(b);
	bool same = !strcmp(text, want);

	if (!same)
		printf("# %s\n", text);
	free(text);
	return same;
}

static const struct km_baseline_cost *cost_of(const char *feature)
{
	for (unsigned int i = 0; i < b->ncosts; i++)
		if (!strcmp(b->cost[i].feature, feature))
			return &b->cost[i];
	return NULL;
}

static void one(bool *ok)
{
	struct km_err err;

	make(0, "AuthenticAMD", "sse avx kvmclock hypervisor");
	CHECK(!find(1, &err) && qemu_is("mid") && !b->ncosts && b->nfeatures == 2);
	CHECK(b->phys_bits == 48 && !strcmp(b->vendor, "AuthenticAMD"));
	/* The nearest: tbm is left out of the newest, lahf-lm is added. */
	make(0, "AuthenticAMD", "lahf-lm sse avx avx2 sha-ni");
	CHECK(!find(1, &err) && qemu_is("new,lahf-lm=on,tbm=off"));
	/* wide is as near, but something of it would have to be left out. */
	make(0, "AuthenticAMD", "sse avx avx2");
	CHECK(!find(1, &err) && qemu_is("mid,avx2=on"));
}

/* Of another vendor, or of a later family than any host's: not taken, however near. */
static void kind(bool *ok)
{
	struct km_err err;

	make(0, "AuthenticAMD", "sse avx avx2 xop");
	make(1, "AuthenticAMD", "sse avx avx2 xop");
	CHECK(!find(2, &err) && qemu_is("wide"));
	hosts[0]->qemu[0].model[1].family = 25;
	hosts[0]->cpu.family = 25;
	hosts[1]->cpu.family = 23;
	CHECK(!find(2, &err) && qemu_is("mid,avx2=on,xop=on"));
	hosts[1]->cpu.family = 26;
	CHECK(!find(2, &err) && qemu_is("wide"));
	strcpy(hosts[0]->qemu[0].model[1].vendor, "GenuineIntel");
	CHECK(!find(2, &err) && qemu_is("mid,avx2=on,xop=on"));
	hosts[0]->qemu[0].model[1].vendor[0] = '\0'; /* not known */
	CHECK(!find(2, &err) && qemu_is("wide"));
}

static void several(bool *ok)
{
	const struct km_baseline_cost *c;
	struct km_err err;

	make(0, "AuthenticAMD", "sse avx avx2 sha-ni tbm");
	make(1, "AuthenticAMD", "sha-ni avx sse gfni");
	make(2, "AuthenticAMD", "avx avx2 sse sha-ni");
	CHECK(!find(3, &err) && qemu_is("mid,sha-ni=on") && b->nfeatures == 3 && b->nhosts == 3);
	CHECK(b->phys_bits == 46);
	c = cost_of("avx2");
	CHECK(c && c->nhosts == 1 && c->host[0] == 1);
	c = cost_of("tbm");
	CHECK(c && c->nhosts == 2 && c->host[0] == 1 && c->host[1] == 2);
	c = cost_of("gfni");
	CHECK(c && c->nhosts == 2 && c->host[0] == 0 && c->host[1] == 2);
	CHECK(b->ncosts == 3 && !cost_of("sse") && !cost_of("kvmclock"));
}

/* Whatever the order, the same CPU; and every host can run it. */
static void order(bool *ok)
{
	struct km_host_record *first;
	struct km_err err;
	char *a, *z;

	CHECK(!find(3, &err));
	a = km_baseline_qemu(b);
	first = hosts[0];
	hosts[0] = hosts[2];
	hosts[2] = first;
	CHECK(!find(3, &err));
	z = km_baseline_qemu(b);
	CHECK(!strcmp(a, z));
	free(a);
	free(z);
}

static void none(bool *ok)
{
	struct km_err err;

	make(0, "AuthenticAMD", "sse avx");
	make(1, "GenuineIntel", "sse avx");
	CHECK(find(2, &err) && strstr(err.text, "a has a CPU of AuthenticAMD, and b one of Gen"));
	make(1, "AuthenticAMD", "sse avx");
	hosts[1]->qemu[0].kvm = KM_NO;
	CHECK(find(2, &err) && strstr(err.text, "b: no QEMU in its record"));
	hosts[1]->qemu[0].kvm = KM_YES;
	hosts[1]->qemu[0].nmodels = 0;
	CHECK(find(2, &err) && strstr(err.text, "no CPU model of AuthenticAMD in common"));
	hosts[1]->nqemus = 0;
	CHECK(find(2, &err) && find(0, &err));
}

static void libvirt(bool *ok)
{
	struct km_err err;
	char *text;

	make(0, "AuthenticAMD", "lahf-lm sse avx avx2 sha-ni");
	CHECK(!find(1, &err));
	text = km_baseline_libvirt(b);
	CHECK(!strcmp(text, "<cpu mode='custom' match='exact' check='full'>\n"
			    "  <model fallback='forbid'>new</model>\n"
			    "  <feature policy='require' name='lahf_lm'/>\n"
			    "  <feature policy='disable' name='tbm'/>\n"
			    "</cpu>\n"));
	free(text);
}

static const struct ktap_case cases[] = {
	{ "one host: the model that comes nearest", one },
	{ "vendor and family of the model", kind },
	{ "several: what all have, and who costs what", several },
	{ "in any order", order },
	{ "when there is none", none },
	{ "libvirt's names", libvirt },
};

int main(void)
{
	int rc;

	b = calloc(1, sizeof(*b));
	rc = b ? ktap_run(cases, sizeof(cases) / sizeof(cases[0])) : 1;
	free(b);
	for (int i = 0; i < MOST; i++)
		free(hosts[i]);
	return rc;
}
