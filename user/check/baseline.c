// SPDX-License-Identifier: GPL-2.0
#include "baseline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rules.h"

/* Of the QEMUs of a host the first that knows its KVM. */
static const struct km_rec_qemu *qemu_of(const struct km_host_record *h)
{
	for (uint32_t i = 0; i < h->nqemus; i++)
		if (h->qemu[i].kvm == KM_YES && !km_set_empty(&h->qemu[i].movable))
			return &h->qemu[i];
	return NULL;
}

static int check_hosts(const struct km_host_record *const *hosts, const char *const *names,
		       unsigned int n, struct km_err *err)
{
	if (!n || n > KM_BASELINE_HOSTS)
		return km_err_set(err, -EINVAL, "1 to %d hosts make a baseline", KM_BASELINE_HOSTS);
	for (unsigned int i = 0; i < n; i++) {
		if (!qemu_of(hosts[i]))
			return km_err_set(err, -EINVAL,
					  "%.200s: no QEMU in its record that was asked with KVM",
					  names[i]);
		if (strcmp(hosts[i]->cpu.vendor, hosts[0]->cpu.vendor))
			return km_err_set(err, -EINVAL,
					  "%.120s has a CPU of %s, and %.120s one of %s: no guest "
					  "can be moved between them",
					  names[0], hosts[0]->cpu.vendor, names[i],
					  hosts[i]->cpu.vendor);
	}
	return 0;
}

/* What QEMU makes up for its guests (kvm-*, kvmclock) is the machine type's matter, hypervisor is
 * always there, and what tells of cores and threads is the guest's own. */
static bool is_invented(const char *feature)
{
	return !strncmp(feature, "kvm", 3) || !strcmp(feature, "hypervisor") ||
	       km_feature_is_topology(feature);
}

/* Does the host with this QEMU have the feature that `of` numbers so? */
static bool has(const struct km_rec_qemu *q, const struct km_rec_qemu *of, unsigned int i)
{
	return km_set_has(&q->movable, q == of ? i : km_feature_of(q, of->feature[i]));
}

/* The features of the first host that all others have, too, in its numbers. */
static void find_common(const struct km_host_record *const *hosts, unsigned int n,
			struct km_set *common)
{
	const struct km_rec_qemu *first = qemu_of(hosts[0]);

	for (unsigned int i = 0; i < first->nfeatures; i++) {
		bool all = !is_invented(first->feature[i]);

		for (unsigned int h = 0; all && h < n; h++)
			all = has(qemu_of(hosts[h]), first, i);
		if (all)
			km_set_add(common, i);
	}
}

/* Those of a model that count. */
static struct km_set features_of(const struct km_rec_qemu *q, const struct km_rec_model *m)
{
	struct km_set s = { 0 };

	for (unsigned int i = 0; i < q->nfeatures; i++)
		if (km_set_has(&m->features, i) && !is_invented(q->feature[i]))
			km_set_add(&s, i);
	return s;
}

static bool known_to(const struct km_rec_qemu *q, const char *model)
{
	for (uint32_t i = 0; i < q->nmodels; i++)
		if (!strcmp(q->model[i].name, model))
			return true;
	return false;
}

static bool known_to_all(const struct km_host_record *const *hosts, unsigned int n,
			 const char *model)
{
	for (unsigned int h = 0; h < n; h++)
		if (!known_to(qemu_of(hosts[h]), model))
			return false;
	return true;
}

struct fit {
	const struct km_rec_model *model;
	unsigned int drop, add;
};

/* The one that differs by the fewest features, whichever way; among equals the one that needs
 * the fewest left out. */
static bool is_better(const struct fit *a, const struct fit *b)
{
	unsigned int x = a->drop + a->add, y = b->drop + b->add;

	return !b->model || x < y || (x == y && a->drop < b->drop);
}

/* A model of a later family than a host's would make guests look for what the host has not. */
static bool is_candidate(const struct km_host_record *const *hosts, unsigned int n,
			 const struct km_rec_model *m)
{
	for (unsigned int h = 0; h < n; h++)
		if (hosts[h]->cpu.family && m->family > hosts[h]->cpu.family)
			return false;
	return (!m->vendor[0] || !strcmp(m->vendor, hosts[0]->cpu.vendor)) &&
	       known_to_all(hosts, n, m->name);
}

static struct fit find_model(const struct km_host_record *const *hosts, unsigned int n,
			     const struct km_set *common)
{
	const struct km_rec_qemu *q = qemu_of(hosts[0]);
	struct fit best = { 0 };

	for (uint32_t i = 0; i < q->nmodels; i++) {
		struct fit f = { &q->model[i], 0, 0 };
		struct km_set own;

		if (!is_candidate(hosts, n, f.model))
			continue;
		own = features_of(q, f.model);
		for (size_t w = 0; w < KM_SET_WORDS; w++) {
			uint64_t has_it = own.w[w], can = common->w[w];

			f.drop += (unsigned int)__builtin_popcountll(has_it & ~can);
			f.add += (unsigned int)__builtin_popcountll(can & ~has_it);
		}
		if (is_better(&f, &best))
			best = f;
	}
	return best;
}

/* Whatever any host has and not all have. */
static void find_costs(const struct km_host_record *const *hosts, unsigned int n,
		       struct km_baseline *out)
{
	for (unsigned int h = 0; h < n; h++) {
		const struct km_rec_qemu *q = qemu_of(hosts[h]);

		for (unsigned int i = 0; i < q->nfeatures && out->ncosts < KM_SET_MAX; i++) {
			struct km_baseline_cost *c = &out->cost[out->ncosts];
			bool seen = false;

			for (unsigned int k = 0; !seen && k < out->ncosts; k++)
				seen = !strcmp(out->cost[k].feature, q->feature[i]);
			if (seen || !km_set_has(&q->movable, i) || is_invented(q->feature[i]))
				continue;
			for (unsigned int o = 0; o < n; o++)
				if (!has(qemu_of(hosts[o]), q, i))
					c->host[c->nhosts++] = o;
			memcpy(c->feature, q->feature[i], sizeof(c->feature));
			out->ncosts += c->nhosts != 0;
		}
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void name_difference(const struct km_rec_qemu *q, const struct km_set *a,
			    const struct km_set *b, char (*list)[40], unsigned int *n)
{
	for (unsigned int i = 0; i < q->nfeatures; i++)
		if (km_set_has(a, i) && !km_set_has(b, i))
			memcpy(list[(*n)++], q->feature[i], sizeof(list[0]));
	qsort(list, *n, sizeof(list[0]), by_name);
}

int km_baseline_find(const struct km_host_record *const *hosts, const char *const *names,
		     unsigned int n, struct km_baseline *out, struct km_err *err)
{
	struct km_set common = { 0 }, own;
	struct fit best;
	int rc = check_hosts(hosts, names, n, err);

	memset(out, 0, sizeof(*out));
	if (rc)
		return rc;
	find_common(hosts, n, &common);
	best = find_model(hosts, n, &common);
	if (!best.model)
		return km_err_set(err, -EINVAL,
				  "the QEMUs of these hosts have no CPU model of %s "
				  "in common",
				  hosts[0]->cpu.vendor);
	out->nhosts = n;
	for (unsigned int i = 0; i < n; i++) {
		uint32_t bits = hosts[i]->kvm.phys_bits;

		snprintf(out->host[i], sizeof(out->host[i]), "%s", names[i]);
		if (bits && (!out->phys_bits || bits < out->phys_bits))
			out->phys_bits = bits;
	}
	memcpy(out->model, best.model->name, sizeof(out->model));
	memcpy(out->vendor, best.model->vendor, sizeof(out->vendor));
	out->nfeatures = km_set_count(&common);
	own = features_of(qemu_of(hosts[0]), best.model);
	name_difference(qemu_of(hosts[0]), &common, &own, out->add, &out->nadd);
	name_difference(qemu_of(hosts[0]), &own, &common, out->drop, &out->ndrop);
	find_costs(hosts, n, out);
	return 0;
}

char *km_baseline_qemu(const struct km_baseline *b)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fputs(b->model, f);
	for (unsigned int i = 0; i < b->nadd; i++)
		fprintf(f, ",%s=on", b->add[i]);
	for (unsigned int i = 0; i < b->ndrop; i++)
		fprintf(f, ",%s=off", b->drop[i]);
	fclose(f);
	return text;
}

/* Where libvirt calls them otherwise (its src/qemu/qemu_capabilities.c, what it translates for
 * QEMU on x86). */
static const char *libvirt_name(const char *feature)
{
	static const char *const other[][2] = {
		{ "cmp-legacy", "cmp_legacy" },	    { "ds-cpl", "ds_cpl" },
		{ "fxsr-opt", "fxsr_opt" },	    { "lahf-lm", "lahf_lm" },
		{ "nodeid-msr", "nodeid_msr" },	    { "pclmulqdq", "pclmuldq" },
		{ "perfctr-core", "perfctr_core" }, { "perfctr-nb", "perfctr_nb" },
		{ "tsc-adjust", "tsc_adjust" },
	};

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (!strcmp(feature, other[i][0]))
			return other[i][1];
	return feature;
}

static void put_features(FILE *f, const char *policy, const char (*name)[40], unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "  <feature policy='%s' name='%s'/>\n", policy, libvirt_name(name[i]));
}

/* https://libvirt.org/formatdomain.html#cpu-model-and-topology. No name needs quoting: the
 * record's reader takes no other. */
char *km_baseline_libvirt(const struct km_baseline *b)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f,
		"<cpu mode='custom' match='exact' check='full'>\n"
		"  <model fallback='forbid'>%s</model>\n",
		b->model);
	put_features(f, "require", b->add, b->nadd);
	put_features(f, "disable", b->drop, b->ndrop);
	fputs("</cpu>\n", f);
	fclose(f);
	return text;
}
