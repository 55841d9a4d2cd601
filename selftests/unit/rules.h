/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of the rules: two equal hosts and a guest at rest, of which no rule has anything
 * to say, patches to them, and cases of what a rule finds when they are patched so, and does not
 * find when that is nearly so.
 */
#ifndef RULES_H
#define RULES_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check/rules.h"
#include "check/schema.h"
#include "ktap.h"

static const char host_text[] =
	"{'kmigrate_host': 1,"
	" 'software': {'host': 'a', 'kernel': '6.1', 'tool': '0.1.0', 'wire_abi': 2,"
	"  'module': true, 'clock_synced': true, 'taken_s': 1000000},"
	" 'cpu': {'vendor': 'AuthenticAMD', 'name': 'EPYC', 'family': 25, 'model': 1,"
	"  'stepping': 1, 'microcode': 5, 'phys_bits': 48, 'smt': false, 'hypervisor': false},"
	" 'kvm': {'usable': true, 'module': 'kvm_amd', 'nested': true, 'nested_paging': true,"
	"  'ad_bits': true, 'pml': true, 'tsc_scaling': false, 'tsc_khz': 2000000,"
	"  'phys_bits': 48, 'pmu_version': 2, 'max_vcpus': 1024,"
	"  'cpuid': [{'leaf': 13, 'index': 2, 'eax': 256, 'ebx': 576},"
	"   {'leaf': 13, 'index': 9, 'eax': 8, 'ebx': 832}]},"
	" 'topology': {'cpus': 16, 'cores': 16, 'packages': 1, 'nodes': ["
	"  {'node': 0, 'memory_bytes': 32000000000, 'free_bytes': 20000000000,"
	"   'huge_pages': [{'page_bytes': 2097152, 'pages': 9000, 'free_pages': 9000}]},"
	"  {'node': 1, 'memory_bytes': 32000000000, 'free_bytes': 20000000000}]},"
	" 'memory': {'total_bytes': 64000000000, 'available_bytes': 40000000000,"
	"  'overcommit': 'guess', 'commit_limit_bytes': 50000000000,"
	"  'committed_bytes': 20000000000, 'ksm': false, 'memlock_bytes': 8000000,"
	"  'huge_pages': [{'page_bytes': 2097152, 'pages': 9000, 'free_pages': 9000}]},"
	" 'encryption': {'sme': true, 'tme': false},"
	" 'network': {'peer': 'b', 'device': 'eth0', 'path_mtu': 1500, 'nics': ["
	"  {'name': 'eth0', 'driver': 'mlx5_core', 'bit_per_s': 25000000000, 'mtu': 1500,"
	"   'queues': 8, 'tso': true, 'gso': true, 'gro': true, 'tx_csum': true,"
	"   'rx_csum': true, 'node': 0}]},"
	" 'power': {'driver': 'acpi-cpufreq', 'governor': 'schedutil', 'idle_state': 'C2',"
	"  'idle_latency_us': 400, 'turbo': true, 'throttled': 0, 'max_khz': 3000000},"
	" 'files': [{'path': '/srv/d', 'there': true, 'shared': true}],"
	" 'qemus': [{'path': '/usr/bin/q', 'version': '7.2.5', 'kvm': true,"
	"  'machines': ['pc-q35-7.2', 'pc-q35-6.2'],"
	"  'cpu_features': ['avx', 'pku', 'svm', 'sha-ni', 'invtsc', 'vmx'],"
	"  'host': '1f', 'movable': 'f'}]}";

static const char guest_text[] =
	"{'name': 'g', 'qemu_path': '/usr/bin/q', 'qemu_version': '7.2.5',"
	" 'machine': 'pc-q35-7.2', 'kvm': true, 'cpu_model': 'EPYC-v1', 'vcpus': 4,"
	" 'phys_bits': 48, 'host_cpu': false, 'pmu': false, 'features': ['avx', 'pku'],"
	" 'ram_bytes': 8589934592, 'balloon': false, 'pinned_threads': 0,"
	" 'disks': [{'device': 'virtio0', 'path': '/srv/d', 'read_only': false}]}";

/* Patches, "" for none. */
struct state {
	const char *here, *there, *guest;
};

struct rule_case {
	const char *finds;    /* the ids, in their order */
	const char *severity; /* of the first */
	const char *says;     /* somewhere in what was seen of the first */
	struct state yes, no;
};

#define NONE "{}"

struct rule_table {
	const struct rule_case *c;
	size_t n;
	const struct km_rule *rules;
};
#define TABLE(what)                                                     \
	{                                                               \
		what, sizeof(what) / sizeof((what)[0]), km_rules_##what \
	}

static inline json_t *read_text(const char *text)
{
	char *copy = strdup(text);
	json_error_t e;
	json_t *j;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	j = json_loads(copy, 0, &e);
	if (!j)
		printf("# %s: %s\n", e.text, text);
	free(copy);
	return j;
}

/* An object's keys are set one by one, a list's first elements likewise, and an empty list
 * empties it; anything else takes the place of what was there. */
static inline void patch(json_t *to, const json_t *with)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)with, key, v) {
		json_t *old = json_object_get(to, key);

		if (json_is_object(v) && json_is_object(old)) {
			patch(old, v);
		} else if (json_is_array(v) && json_array_size(v) && json_array_size(old) &&
			   json_is_object(json_array_get(v, 0))) {
			for (size_t i = 0; i < json_array_size(v); i++) {
				if (i < json_array_size(old))
					patch(json_array_get(old, i), json_array_get(v, i));
				else
					json_array_append(old, json_array_get(v, i));
			}
		} else {
			json_object_set(to, key, v);
		}
	}
}

static inline void *record(const struct km_field *fields, size_t size, const char *text,
			   const char *with)
{
	json_t *j = read_text(text), *p = read_text(with);
	struct km_err err = { 0 };
	void *r = calloc(1, size);

	patch(j, p);
	if (km_record_of(fields, j, r, &err))
		printf("# %s\n", err.text);
	json_decref(j);
	json_decref(p);
	return r;
}

static inline void compare(const struct state *s, struct km_findings *f)
{
	struct km_host_record *a = record(km_host_fields, sizeof(*a), host_text, s->here);
	struct km_host_record *b = record(km_host_fields, sizeof(*b), host_text, s->there);
	struct km_guest_record *g = record(km_guest_fields, sizeof(*g), guest_text, s->guest);

	km_check(a, b, g, f);
	free(a);
	free(b);
	free(g);
}

static inline bool found_are(const struct km_findings *f, const char *ids)
{
	char all[1024] = "";

	for (unsigned int i = 0; i < f->n; i++) {
		if (i)
			strcat(all, " ");
		strcat(all, f->f[i].id);
	}
	if (!strcmp(all, ids))
		return true;
	printf("# found: %s; wanted: %s\n", all, ids);
	return false;
}

static inline bool try_case(const struct rule_case *c, struct km_findings *f)
{
	const struct km_finding *x = &f->f[0];
	char first[64] = "";
	bool ok;

	compare(&c->yes, f);
	ok = found_are(f, c->finds);
	if (ok && strcmp(km_severity_name(x->severity), c->severity)) {
		printf("# %s %s, wanted %s\n", x->id, km_severity_name(x->severity), c->severity);
		ok = false;
	}
	if (ok && !strstr(x->here, c->says) && !strstr(x->there, c->says)) {
		printf("# %s: %s | %s\n", x->id, x->here, x->there);
		ok = false;
	}
	/* Nearly so: at least this rule has nothing to say, and no other takes its place. */
	sscanf(c->finds, "%63s", first);
	compare(&c->no, f);
	for (unsigned int i = 0; i < f->n; i++)
		if (!strcmp(f->f[i].id, first)) {
			printf("# %s found where it is not so\n", first);
			ok = false;
		}
	return ok;
}

/* Each rule of a table has cases, and words. */
static inline void try_table(const struct rule_table *t, bool *ok)
{
	struct km_findings *f = calloc(1, sizeof(*f));
	char first[64];

	for (size_t i = 0; i < t->n; i++)
		CHECK(try_case(&t->c[i], f));
	for (const struct km_rule *r = t->rules; r->id; r++) {
		bool tried = false;

		for (size_t i = 0; !tried && i < t->n; i++) {
			sscanf(t->c[i].finds, "%63s", first);
			tried = !strcmp(first, r->id);
		}
		CHECK(tried && r->why[0] && r->todo[0]);
		if (!tried)
			printf("# no case for %s\n", r->id);
	}
	free(f);
}

#endif
