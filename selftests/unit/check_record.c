// SPDX-License-Identifier: GPL-2.0
/* Records as JSON and back, and what is no record. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "check/schema.h"
#include "ktap.h"

/* Every field of it differs from what it would be if it were not read. */
static void fill_field(const struct km_field *f, char *record, unsigned int *seed);

static void fill(const struct km_field *fields, char *record, unsigned int *seed)
{
	for (const struct km_field *f = fields; f->name || f->size; f++)
		fill_field(f, record, seed);
}

static void fill_field(const struct km_field *f, char *record, unsigned int *seed)
{
	char *at = record + f->offset;
	enum km_tri tri = *seed % 2 ? KM_YES : KM_NO;
	uint64_t v = INT64_MAX - ++*seed;
	uint32_t n = f->cap < 2 ? f->cap : 2, u32 = UINT32_MAX - *seed;
	int32_t node = (int32_t)(*seed % 30000);

	switch (f->kind) {
	case KM_FIELD_TEXT:
		memset(at, 'a' + (int)(*seed % 26), f->size - 1); /* as long as it may be */
		break;
	case KM_FIELD_U32:
		memcpy(at, &u32, sizeof(u32));
		break;
	case KM_FIELD_U64:
		memcpy(at, &v, sizeof(v));
		break;
	case KM_FIELD_NODE:
		memcpy(at, &node, sizeof(node));
		break;
	case KM_FIELD_TRI:
		memcpy(at, &tri, sizeof(tri));
		break;
	case KM_FIELD_SET:
		km_set_add((struct km_set *)(void *)at, *seed % 2);
		break;
	case KM_FIELD_OBJECT:
		fill(f->sub, at, seed);
		break;
	case KM_FIELD_LIST:
		memcpy(record + f->count, &n, sizeof(n));
		for (uint32_t i = 0; i < n; i++) {
			if (f->sub[0].name)
				fill(f->sub, at + i * f->size, seed);
			else
				fill_field(f->sub, at + i * f->size, seed);
		}
		break;
	}
}

static void there_and_back(bool *ok)
{
	struct km_host_record *a = calloc(1, sizeof(*a)), *b;
	struct km_guest_record *g = calloc(1, sizeof(*g)), *h = calloc(1, sizeof(*h));
	struct km_err err = { 0 };
	unsigned int seed = 0;
	char *text;
	json_t *j;

	fill(km_host_fields, (char *)a, &seed);
	a->version = KM_RECORD_VERSION;
	j = km_host_record_json(a);
	text = json_dumps(j, 0);
	b = km_host_record_parse(text, strlen(text), "test", &err);
	CHECK(b && !memcmp(a, b, sizeof(*a)));
	if (err.code)
		printf("# %s\n", err.text);
	json_decref(j);
	fill(km_guest_fields, (char *)g, &seed);
	j = km_record_json(km_guest_fields, g);
	CHECK(!km_record_of(km_guest_fields, j, h, &err) && !memcmp(g, h, sizeof(*g)));
	json_decref(j);
	free(text);
	free(a);
	free(b);
	free(g);
	free(h);
}

/* Nothing known: nothing but nulls, zeros and empty lists, and read as such. */
static void nothing_known(bool *ok)
{
	struct km_host_record *h;
	struct km_err err = { 0 };
	const char *text = "{\"kmigrate_host\": 1, \"network\": {\"nics\": [{}]}, \"later\": [1]}";

	h = km_host_record_parse(text, strlen(text), "test", &err);
	CHECK(h && h->version == 1 && !h->cpu.vendor[0] && h->kvm.usable == KM_UNKNOWN);
	CHECK(h && h->network.nnics == 1 && h->network.nic[0].node == -1);
	free(h);
}

static void refused(bool *ok)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "not JSON" },
		{ "{\"kmigrate_host\": 1, \"cpu\": {\"vend", "not JSON, or not all of it" },
		{ "{} {}", "not JSON" },
		{ "[]", "not a host record" },
		{ "{}", "not a host record" },
		{ "{\"kmigrate_host\": \"1\"}", "not a host record" },
		{ "{\"kmigrate_host\": 2}", "of version 2, and this kmigrate knows 1" },
		{ "{\"kmigrate_host\": 0}", "of version 0" },
		{ "{\"kmigrate_host\": -1}", "kmigrate_host is not a whole number" },
		{ "{\"kmigrate_host\": 1, \"kmigrate_host\": 1}", "duplicate" },
		{ "{\"kmigrate_host\": 1, \"cpu\": 7}", "cpu is not an object" },
		{ "{\"kmigrate_host\": 1, \"cpu\": {\"vendor\": 7}}", "cpu.vendor is not a text" },
		{ "{\"kmigrate_host\": 1, \"cpu\": {\"vendor\": \"0123456789abcdef\"}}",
		  "cpu.vendor is not a text of at most 15 bytes" },
		{ "{\"kmigrate_host\": 1, \"cpu\": {\"family\": 4294967296}}",
		  "cpu.family is not a whole number from 0 to 4294967295" },
		{ "{\"kmigrate_host\": 1, \"cpu\": {\"family\": 1.5}}", "cpu.family" },
		{ "{\"kmigrate_host\": 1, \"cpu\": {\"family\": 1e999}}", "not JSON" },
		{ "{\"kmigrate_host\": 1, \"kvm\": {\"tsc_khz\": -5}}", "kvm.tsc_khz" },
		{ "{\"kmigrate_host\": 1, \"kvm\": {\"tsc_khz\": 99999999999999999999}}",
		  "not JSON" },
		{ "{\"kmigrate_host\": 1, \"kvm\": {\"usable\": 1}}",
		  "kvm.usable is not true, false or null" },
		{ "{\"kmigrate_host\": 1, \"kvm\": {\"cpuid\": {}}}",
		  "kvm.cpuid is not a list of at most 192" },
		{ "{\"kmigrate_host\": 1, \"topology\": {\"nodes\": [{}, {\"cpus\": []}]}}",
		  "topology.nodes[1].cpus" },
		{ "{\"kmigrate_host\": 1, \"network\": {\"nics\": [{\"node\": 40000}]}}",
		  "network.nics[0].node" },
		{ "{\"kmigrate_host\": 1, \"qemus\": [{\"machines\": [null]}]}",
		  "qemus[0].machines[0]" },
		{ "{\"kmigrate_host\": 1, \"qemus\": [{\"host\": \"xyz\"}]}",
		  "qemus[0].host is not a set" },
		{ "{\"kmigrate_host\": 1, \"qemus\": [{\"host\": \"\"}]}", "qemus[0].host" },
		{ "{\"kmigrate_host\": 1, \"qemus\": [{\"cpu_features\": [\"avx\"], "
		  "\"movable\": \"2\"}]}",
		  "has feature 1, of 1" },
		{ "{\"kmigrate_host\": 1, \"qemus\": [{\"cpu_models\": [{\"name\": \"a\", "
		  "\"lacking\": \"1\"}]}]}",
		  "has feature 0, of 0" },
		{ "{\"kmigrate_host\": 1, \"qemus\": [{\"cpu_models\": [{}]}]}",
		  "'' is no name of a CPU model" },
		{ "{\"kmigrate_host\": 1, \"qemus\": [{\"cpu_features\": [\"avx,x=on\"]}]}",
		  "'avx,x=on' is no name of a CPU feature" },
		{ "{\"kmigrate_host\": 1, \"qemus\": [{\"cpu_features\": [\"x'/>\"]}]}",
		  "is no name of a CPU feature" },
		{ "{\"kmigrate_host\": 1, \"software\": {\"host\": \"a\\u0000b\"}}", "not JSON" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct km_err err = { 0 };
		struct km_host_record *h =
			km_host_record_parse(bad[i].text, strlen(bad[i].text), "b.json", &err);

		CHECK(!h && err.code < 0 && strstr(err.text, bad[i].says) &&
		      !strncmp(err.text, "b.json: ", 8) && !strchr(err.text, '\n'));
		if (h || !strstr(err.text, bad[i].says))
			printf("# %s: %s\n", bad[i].text, err.text);
		free(h);
	}
}

/* 100000 brackets do not end us. */
static void deep(bool *ok)
{
	size_t n = 100000;
	char *text = malloc(n + 64);
	struct km_err err = { 0 };
	int used = sprintf(text, "{\"kmigrate_host\": 1, \"x\": ");

	memset(text + used, '[', n);
	CHECK(!km_host_record_parse(text, (size_t)used + n, "deep", &err));
	CHECK(err.code == -EPROTO && strstr(err.text, "depth"));
	free(text);
}

static void large(bool *ok)
{
	size_t n = KM_RECORD_TEXT_MAX + 1;
	char *text = malloc(n), *list = malloc(100000), *at = list;
	struct km_err err = { 0 };

	memset(text, ' ', n);
	CHECK(!km_host_record_parse(text, n, "large", &err) && err.code == -EFBIG);
	/* One more than there is room for, of each list whose elements are small. */
	at += sprintf(at, "{\"kmigrate_host\": 1, \"kvm\": {\"cpuid\": [{}");
	for (int i = 0; i < KM_REC_CPUID; i++)
		at += sprintf(at, ",{}");
	at += sprintf(at, "]}}");
	CHECK(!km_host_record_parse(list, (size_t)(at - list), "list", &err));
	CHECK(strstr(err.text, "kvm.cpuid is not a list of at most"));
	free(text);
	free(list);
}

static void files(bool *ok)
{
	char path[] = "/tmp/kmigrate-record-XXXXXX";
	const char *text = "{\"kmigrate_host\": 1, \"cpu\": {\"vendor\": \"AuthenticAMD\"}}\n";
	struct km_err err = { 0 };
	struct km_host_record *h;
	int fd = mkstemp(path);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	h = km_host_record_load(path, &err);
	CHECK(h && !strcmp(h->cpu.vendor, "AuthenticAMD"));
	free(h);
	unlink(path);
	CHECK(!km_host_record_load(path, &err) && err.code == -ENOENT && strstr(err.text, path));
	CHECK(!km_host_record_load("/tmp", &err) && strstr(err.text, "/tmp"));
}

static void sets(bool *ok)
{
	static const char *const bad[] = { "", "g", "-1", "0x1", " 1", "A" };
	char text[KM_SET_TEXT], longest[KM_SET_TEXT + 1];
	struct km_set s = { { 0 } }, t;

	km_set_text(&s, text);
	CHECK(!strcmp(text, "0") && km_set_empty(&s) && km_set_parse(&t, text) && km_set_empty(&t));
	km_set_add(&s, 0);
	km_set_add(&s, 65);
	km_set_add(&s, KM_SET_MAX); /* nothing */
	km_set_text(&s, text);
	CHECK(!strcmp(text, "20000000000000001") && km_set_count(&s) == 2);
	CHECK(km_set_parse(&t, text) && !memcmp(&s, &t, sizeof(s)));
	CHECK(km_set_has(&t, 65) && !km_set_has(&t, 64) && !km_set_has(&t, KM_SET_MAX));
	for (unsigned int i = 0; i < KM_SET_MAX; i++)
		km_set_add(&s, i);
	km_set_text(&s, text);
	CHECK(strlen(text) == KM_SET_TEXT - 1 && km_set_parse(&t, text) &&
	      km_set_count(&t) == KM_SET_MAX);
	memset(longest, '1', KM_SET_TEXT);
	longest[KM_SET_TEXT] = '\0';
	CHECK(!km_set_parse(&t, longest));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!km_set_parse(&t, bad[i]));
}

static const struct ktap_case cases[] = {
	{ "every field, written and read", there_and_back },
	{ "what is not said is unknown, what is not known is passed over", nothing_known },
	{ "what is no record is told in one line", refused },
	{ "100000 brackets", deep },
	{ "too large, too many", large },
	{ "files", files },
	{ "sets", sets },
};

KTAP_MAIN(cases)
