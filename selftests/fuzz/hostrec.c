// SPDX-License-Identifier: GPL-2.0
/* Another host's record, which may come from anywhere: read, compared both ways, written, and
 * made a baseline of. */
#include "check/baseline.h"
#include "check/findings.h"
#include "check/schema.h"
#include "fuzz.h"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const records[] = {
		"{\"kmigrate_host\": 1, \"software\": {\"host\": \"a\", \"wire_abi\": 2},"
		" \"cpu\": {\"vendor\": \"AuthenticAMD\", \"family\": 25}, \"kvm\": {\"usable\": true,"
		" \"tsc_khz\": 2000000, \"cpuid\": [{\"leaf\": 13, \"index\": 2, \"ebx\": 576}]},"
		" \"qemus\": [{\"path\": \"/usr/bin/q\", \"version\": \"7.2.5\", \"kvm\": true,"
		" \"machines\": [\"pc\"], \"cpu_features\": [\"avx\", \"sha-ni\"], \"host\": \"3\","
		" \"movable\": \"3\", \"cpu_models\": [{\"name\": \"EPYC\", \"vendor\":"
		" \"AuthenticAMD\", \"features\": \"1\", \"lacking\": \"0\", \"runs\": true}]}]}",
		"{\"kmigrate_host\": 1, \"topology\": {\"cpus\": 4, \"nodes\": [{\"node\": 0,"
		" \"huge_pages\": [{\"page_bytes\": 2097152, \"free_pages\": 3}]}, {}]},"
		" \"memory\": {\"available_bytes\": 5, \"overcommit\": \"never\"},"
		" \"network\": {\"peer\": \"b\", \"device\": \"e\", \"nics\": [{\"name\": \"e\","
		" \"bit_per_s\": 1, \"mtu\": 1500, \"node\": null}]},"
		" \"power\": {\"governor\": \"powersave\"}, \"files\": [{\"path\": \"/d\","
		" \"there\": false}]}",
	};

	return i < sizeof(records) / sizeof(records[0]) ? fuzz_text(buf, records[i]) : 0;
}

static const struct km_guest_record *a_guest(void)
{
	static struct km_guest_record g = {
		.name = "g",
		.qemu_path = "/usr/bin/q",
		.qemu_version = "7.2.5",
		.machine = "pc",
		.kvm = KM_YES,
		.vcpus = 4,
		.ram_bytes = 1000,
		.nfeatures = 2,
		.feature = { "avx", "sse" },
		.ndisks = 1,
		.disk = { { .device = "d", .path = "/d" } },
	};

	return &g;
}

/* What was taken is written as what reads the same. */
static void write_and_read(const struct km_host_record *h)
{
	json_t *j = km_host_record_json(h);
	char *text = json_dumps(j, 0);
	struct km_err err = { 0 };
	struct km_host_record *again;

	must(text);
	again = km_host_record_parse(text, strlen(text), "again", &err);
	must(again && !memcmp(h, again, sizeof(*h)));
	free(again);
	free(text);
	json_decref(j);
}

static unsigned int count(const char *text, char c)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void make_baseline(const struct km_host_record *h)
{
	const struct km_host_record *both[] = { h, h };
	const char *names[] = { "a", "b" };
	struct km_baseline *b = malloc(sizeof(*b));
	struct km_err err = { 0 };
	char *text;

	must(b);
	if (!km_baseline_find(both, names, 2, b, &err)) {
		/* Equal hosts cost nothing, and no name breaks out of the argument or the XML. */
		must(!b->ncosts && b->model[0]);
		text = km_baseline_libvirt(b);
		must(text && count(text, '<') == 4 + b->nadd + b->ndrop &&
		     count(text, '\'') == 6 + 2 + 4 * (b->nadd + b->ndrop));
		free(text);
		text = km_baseline_qemu(b);
		must(text && count(text, ',') == b->nadd + b->ndrop && !strchr(text, ' '));
		free(text);
	}
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_findings *f = malloc(sizeof(*f));
	struct km_host_record *h, *none;
	struct km_err err = { 0 };

	h = km_host_record_parse((const char *)data, len, "x", &err);
	must(f && !h == (err.code < 0) && (h || err.text[0]));
	if (h) {
		fuzz_accepted++;
		none = calloc(1, sizeof(*none));
		must(none);
		km_check(h, none, a_guest(), f);
		must(f->n <= KM_FINDINGS_MAX);
		km_check(none, h, a_guest(), f);
		km_check(h, h, a_guest(), f);
		for (unsigned int i = 0; i + 1 < f->n; i++)
			must(f->f[i].severity <= f->f[i + 1].severity);
		write_and_read(h);
		make_baseline(h);
		free(none);
	}
	free(h);
	free(f);
	return 0;
}
