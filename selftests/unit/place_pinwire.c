// SPDX-License-Identifier: GPL-2.0
/* A pinning on its way: out, in, the answer, and what a peer must not get past the checks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "place/pinwire.h"

#define EPYC "pack:2 [numa] core:64 pu:2(indexes=2*128:128*1)"
#define XEON "pack:2 group:2 [numa] core:14 pu:2" /* sub-NUMA clusters */

static struct km_pinning sent, got;
static struct km_pin pins[300];
static struct km_pinned facts;
static struct km_topo to;
static struct km_pinmap m;
static struct km_err err;

static void from(const char *host)
{
	memset(&sent, 0, sizeof(sent));
	if (km_topo_load_synthetic(&sent.from, host, NULL))
		abort();
	sent.policy = KM_PIN_KEEP;
	sent.pins = pins;
}

static void pin(const char *who, const char *cpus)
{
	snprintf(pins[sent.n].who, KM_PIN_WHO, "%s", who);
	km_cpus_parse(&pins[sent.n++].cpus, cpus);
}

static int parse(json_t *j)
{
	int rc;

	km_pinning_free(&got);
	rc = km_pinning_parse(j, &got, &err);
	json_decref(j);
	return rc;
}

static bool same_host(const struct km_topo *a, const struct km_topo *b)
{
	if (!km_cpus_equal(&a->cpus, &b->cpus) || a->ncores != b->ncores ||
	    a->npackages != b->npackages || a->nnodes != b->nnodes ||
	    memcmp(a->node, b->node, a->nnodes * sizeof(a->node[0])))
		return false;
	for (int c = km_cpus_next(&a->cpus, 0); c >= 0; c = km_cpus_next(&a->cpus, c + 1))
		if (memcmp(&a->cpu[c], &b->cpu[c], sizeof(a->cpu[c])))
			return false;
	return true;
}

static void there(bool *ok)
{
	static const char *const hosts[] = { EPYC, XEON, "[numa] core:1 pu:1" };

	for (int i = 0; i < 3; i++) {
		from(hosts[i]);
		pin("vCPU 0", "0");
		pin("iothread a b", "0");
		sent.policy = i ? KM_PIN_RELAX : KM_PIN_KEEP;
		CHECK(!parse(km_pinning_json(&sent)));
		CHECK(same_host(&sent.from, &got.from) && got.policy == sent.policy && got.n == 2);
		CHECK(!strcmp(got.pins[1].who, "iothread a b"));
		CHECK(km_cpus_equal(&got.pins[0].cpus, &pins[0].cpus));
	}
	/* Every other CPU of many: more than a line of text holds. */
	from(EPYC);
	pin("emulator", "");
	for (int c = 0; c < 256; c += 2)
		km_cpus_add(&pins[0].cpus, c);
	CHECK(!parse(km_pinning_json(&sent)));
	CHECK(km_cpus_equal(&got.pins[0].cpus, &pins[0].cpus));
	/* CPUs that went offline meanwhile are no CPUs of it. */
	from(XEON);
	pin("vCPU 0", "3,4000");
	CHECK(!parse(km_pinning_json(&sent)) && km_cpus_count(&got.pins[0].cpus) == 1);
}

static void back(bool *ok)
{
	struct km_pin_in in = { .from = &got.from, .to = &to };

	from(EPYC);
	pin("vCPU 0", "0");
	pin("vCPU 1", "128");
	pin("vCPU 2", "64");
	sent.policy = KM_PIN_RELAX;
	CHECK(!parse(km_pinning_json(&sent)));
	CHECK(!km_topo_load_synthetic(&to, XEON, NULL));
	in.allowed = to.cpus;
	in.pins = got.pins;
	in.npins = got.n;
	in.policy = got.policy;
	CHECK(!km_pinmap(&in, &m, &err) && m.kept);
	json_t *j = km_pinned_json(&got, &m);
	memset(&facts, 0, sizeof(facts));
	CHECK(!km_pinned_parse(j, &sent, &facts, &err) && facts.done && facts.nlaid == 3);
	json_decref(j);
	CHECK(!strcmp(facts.laid[1].who, "vCPU 1") && !strcmp(facts.laid[1].from, "128"));
	CHECK(!facts.nbreaks && strcmp(facts.laid[0].to, facts.laid[1].to));
	km_pinmap_free(&m);

	/* What was relaxed is told, at most KM_PIN_TOLD_MAX of it. */
	CHECK(!km_topo_load_synthetic(&to, "[numa] core:3 pu:1", NULL));
	in.allowed = to.cpus;
	CHECK(!km_pinmap(&in, &m, &err) && !m.kept);
	for (int i = 0; i < 20; i++)
		km_pin_broken(&m, KM_PIN_NOT_THERE, "thing %d", i);
	j = km_pinned_json(&got, &m);
	CHECK(!km_pinned_parse(j, &sent, &facts, &err) && facts.nbreaks == m.nbreaks);
	CHECK(strstr(facts.breaks[0], "SMT siblings"));
	json_decref(j);
	km_pinmap_free(&m);
}

/* HELLO's part, with one thing wrong in each. */
static void hostile_hello(bool *ok)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{'policy': 'none', 'cpus': [[0,0,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 7, 'cpus': [[0,0,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': []}",
		"{'policy': 'keep', 'cpus': [[0,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,'0']], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0.5]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[8192,0,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,8192,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,8192,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,1024]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,-1,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[4294967296,0,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0],[0,1,0,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0],[1,0,0,1]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0],[1,0,1,0]], 'threads': [['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': [['v', '1']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': [['v', '']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': [['v', '0-99999']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': [['v', 0]]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': [['', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': [['v\\n', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': [['v', '0'], ['v', '0']]}",
		"{'policy': 'keep', 'cpus': [[0,0,0,0]], 'threads': ['v', '0']}",
	};
	static const char good[] =
		"{'policy': 'keep', 'cpus': [[0,0,0,0],[1,0,0,0]], 'threads': [['v', '0-1']]}";

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) + 1; i++) {
		const char *text = i ? texts[i - 1] : good;
		char *quoted = strdup(text);
		int rc;

		for (char *c = quoted; *c; c++)
			*c = *c == '\'' ? '"' : *c;
		rc = parse(json_loads(quoted, 0, NULL));
		free(quoted);
		if (rc != (i ? -EPROTO : 0))
			printf("# %d: %s\n", rc, text);
		CHECK(rc == (i ? -EPROTO : 0));
	}
	CHECK(parse(NULL) == -EPROTO);
}

static void too_many(bool *ok)
{
	json_t *j, *threads;

	from("[numa] core:2 pu:1");
	pin("vCPU 0", "0");
	j = km_pinning_json(&sent);
	threads = json_object_get(j, "threads");
	for (int i = 1; i < KM_PINS_MAX; i++) {
		char who[32];

		snprintf(who, sizeof(who), "vCPU %d", i);
		json_array_append_new(threads, json_pack("[s,s]", who, "1"));
	}
	CHECK(!parse(json_incref(j)) && got.n == KM_PINS_MAX);
	json_array_append_new(threads, json_pack("[s,s]", "one more", "1"));
	CHECK(parse(j) == -EPROTO);
	/* A name of 79 bytes is one, of 80 is not. */
	from("[numa] core:2 pu:1");
	pin("v", "0");
	memset(pins[0].who, 'v', KM_PIN_WHO - 1);
	CHECK(!parse(km_pinning_json(&sent)));
	j = km_pinning_json(&sent);
	json_array_set_new(json_array_get(json_object_get(j, "threads"), 0), 0,
			   json_sprintf("%s%s", pins[0].who, "v"));
	CHECK(parse(j) == -EPROTO);
}

static int answer(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);
	int rc;

	memset(&facts, 0, sizeof(facts));
	rc = km_pinned_parse(j, &sent, &facts, &err);
	json_decref(j);
	return rc;
}

static void hostile_welcome(bool *ok)
{
	from("[numa] core:2 pu:1");
	pin("vCPU 0", "0");
	CHECK(!answer("{\"threads\": [[\"vCPU 0\", \"7\"]], \"breaks\": [], \"nbreaks\": 0}"));
	CHECK(!strcmp(facts.laid[0].to, "7"));
	CHECK(answer("{\"threads\": [], \"breaks\": [], \"nbreaks\": 0}") == -EPROTO);
	CHECK(answer("{\"threads\": [[\"vCPU 1\", \"7\"]], \"breaks\": [], \"nbreaks\": 0}") ==
	      -EPROTO);
	CHECK(answer("{\"threads\": [[\"vCPU 0\", \"x\"]], \"breaks\": [], \"nbreaks\": 0}") ==
	      -EPROTO);
	CHECK(answer("{\"threads\": [[\"vCPU 0\", \"7\"]], \"breaks\": [], \"nbreaks\": -1}") ==
	      -EPROTO);
	CHECK(answer("{\"threads\": [[\"vCPU 0\", \"7\"]], \"breaks\": [7], \"nbreaks\": 1}") ==
	      -EPROTO);
	CHECK(answer("{\"threads\": [[\"vCPU 0\", \"7\"]], \"breaks\": [\"a\"], \"nbreaks\": 0}") ==
	      -EPROTO);
	CHECK(answer("{\"threads\": [[\"vCPU 0\", \"7\"]], \"breaks\": {}, \"nbreaks\": 0}") ==
	      -EPROTO);
	CHECK(answer("7") == -EPROTO && !facts.done);
}

static void lists(bool *ok)
{
	struct km_cpus s = { 0 }, again;
	char *text = km_cpus_list(&s);

	CHECK(text && !*text);
	free(text);
	for (int c = 0; c < KM_CPUS_MAX; c += 2)
		km_cpus_add(&s, c);
	text = km_cpus_list(&s);
	CHECK(!km_cpus_parse(&again, text) && km_cpus_equal(&s, &again));
	free(text);
	km_cpus_parse(&s, "0-3,7,8191");
	text = km_cpus_list(&s);
	CHECK(!strcmp(text, "0-3,7,8191"));
	free(text);
}

static const struct ktap_case cases[] = {
	{ "there, from hosts large and small", there },
	{ "and back", back },
	{ "HELLO: each number, length and name is checked", hostile_hello },
	{ "HELLO: as many as may be, and one more", too_many },
	{ "WELCOME: must be the answer to what was sent", hostile_welcome },
	{ "lists of CPUs in full", lists },
};

int main(void)
{
	int rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));

	km_pinning_free(&got);
	return rc;
}
