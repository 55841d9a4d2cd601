// SPDX-License-Identifier: GPL-2.0
/* A guest's record, by what a monitor says. The replies have the form of QEMU 7.2's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fakeqmp.h"
#include "host/guest_record.h"
#include "ktap.h"

struct reply {
	const char *asks; /* in the request */
	const char *says;
};

#define CPU "/machine/unattached/device[0]"

static const struct reply all[] = {
	{ "query-cpus-fast", "[{\"cpu-index\": 0, \"qom-path\": \"" CPU "\", \"thread-id\": 1}]" },
	{ CPU "\",\"property\":\"type\"", "\"EPYC-v1-x86_64-cpu\"" },
	{ "query-cpu-model-expansion",
	  "{\"model\": {\"name\": \"base\", \"props\": {\"avx\": false, \"pku\": false, "
	  "\"svm\": false, \"family\": 6, \"vendor\": \"x\"}}}" },
	{ "\"avx\"", "true" },
	{ "\"pku\"", "false" },
	{ "\"svm\"", "true" },
	{ "\"unavailable-features\"", "[\"sha-ni\", 7]" },
	{ "\"phys-bits\"", "46" },
	{ "\"tsc-frequency\"", "2100000000" },
	{ "\"pmu\"", "true" },
	{ "query-balloon", "{\"actual\": 1073741824}" },
	{ "query-tpm", "[{\"id\": \"t\", \"model\": \"tpm-crb\", \"options\": {\"type\": "
		       "\"emulator\", \"data\": {\"chardev\": \"c\"}}}]" },
	{ "query-block",
	  "[{\"device\": \"\", \"qdev\": \"/machine/peripheral/v\", \"inserted\": {\"file\": "
	  "\"/srv/a.qcow2\", \"ro\": false}}, {\"device\": \"cd\", \"inserted\": {\"file\": "
	  "\"/iso\", \"ro\": true}}, {\"device\": \"empty\"}, {\"device\": \"n\", \"inserted\": "
	  "{\"file\": \"nbd://h\", \"ro\": false}}]" },
	{ "\"confidential-guest-support\"", "\"/objects/sev0\"" },
	{ "/objects/sev0", "\"sev-guest\"" },
	{ NULL, NULL },
};

static const struct reply bare[] = {
	{ "query-cpus-fast", "[{\"cpu-index\": 0, \"qom-path\": \"" CPU "\"}]" },
	{ "\"type\"", "\"host-x86_64-cpu\"" },
	{ "query-tpm", "[]" },
	{ "query-block", "[]" },
	{ "\"confidential-guest-support\"", "\"\"" },
	{ NULL, NULL },
};

/* Answers of other types than are wanted. */
static const struct reply odd[] = {
	{ "query-cpus-fast", "[{\"qom-path\": \"" CPU "\"}]" },
	{ "\"type\"", "7" },
	{ "query-cpu-model-expansion", "[]" },
	{ "\"unavailable-features\"", "{}" },
	{ "\"phys-bits\"", "-4" },
	{ "\"tsc-frequency\"", "\"fast\"" },
	{ "query-tpm", "{\"options\": 3}" },
	{ "query-block", "[3, {\"inserted\": 3}, {\"inserted\": {\"file\": 4}}]" },
	{ "\"confidential-guest-support\"", "[1]" },
	{ NULL, NULL },
};

static const struct reply *replies;

static void serve(struct fake *f, int fd)
{
	char line[4096], id[32], text[4096];

	fake_hello(f, fd);
	while (!fake_read(f, fd, line, sizeof(line), id)) {
		const struct reply *r = replies;

		while (r->asks && !strstr(line, r->asks))
			r++;
		if (r->asks) {
			fake_answer(fd, id, r->says);
			continue;
		}
		snprintf(
			text, sizeof(text),
			"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": %s}\r\n",
			id);
		fake_say(fd, text);
	}
}

static struct km_guest_record *take(const struct reply *with)
{
	struct km_vm vm = { .pid = getpid(), .name = "g", .exe = "/usr/bin/q", .vcpus = 2 };
	struct km_guest_record *g;
	struct fake f;

	replies = with;
	fake_start(&f, serve);
	snprintf(vm.qmp, sizeof(vm.qmp), "%s", f.path);
	snprintf(vm.qemu_version, sizeof(vm.qemu_version), "7.2.22");
	vm.accel = KM_ACCEL_KVM;
	g = km_guest_record_take(&vm);
	fake_stop(&f);
	return g;
}

static void whole(bool *ok)
{
	struct km_guest_record *g = take(all);

	CHECK(!strcmp(g->name, "g") && !strcmp(g->qemu_path, "/usr/bin/q") && g->vcpus == 2);
	CHECK(g->kvm == KM_YES && !strcmp(g->cpu_model, "EPYC-v1") && g->host_cpu == KM_NO);
	CHECK(g->nfeatures == 2 && !strcmp(g->feature[0], "avx") && !strcmp(g->feature[1], "svm"));
	CHECK(g->nmissing == 1 && !strcmp(g->missing[0], "sha-ni"));
	CHECK(g->phys_bits == 46 && g->tsc_khz == 2100000 && g->pmu == KM_YES);
	CHECK(g->balloon == KM_YES && !strcmp(g->tpm, "emulator"));
	CHECK(!strcmp(g->confidential, "sev-guest") && g->ndisks == 2);
	CHECK(!strcmp(g->disk[0].path, "/srv/a.qcow2") && g->disk[0].read_only == KM_NO &&
	      !strcmp(g->disk[0].device, "/machine/peripheral/v"));
	CHECK(!strcmp(g->disk[1].path, "/iso") && g->disk[1].read_only == KM_YES);
	free(g);
}

static void little(bool *ok)
{
	struct km_guest_record *g = take(bare);

	CHECK(g->host_cpu == KM_YES && !strcmp(g->cpu_model, "host") && !g->nfeatures);
	CHECK(g->balloon == KM_NO && !g->tpm[0] && !g->confidential[0] && !g->ndisks);
	CHECK(g->pmu == KM_UNKNOWN && !g->phys_bits && !g->tsc_khz && !g->huge_page_bytes);
	free(g);
}

static void strange(bool *ok)
{
	struct km_guest_record *g = take(odd);

	CHECK(!g->cpu_model[0] && !g->nfeatures && !g->nmissing && !g->phys_bits && !g->tsc_khz);
	CHECK(!g->tpm[0] && !g->ndisks && !g->confidential[0]);
	free(g);
}

/* One whose monitor is in use: what /proc shows, and no look at the monitor. */
static void closed(bool *ok)
{
	struct km_vm vm = { .pid = getpid(), .name = "g", .qmp = "/tmp/none" };
	struct km_guest_record *g;

	snprintf(vm.unmovable, sizeof(vm.unmovable), "its QMP monitor is in use");
	g = km_guest_record_take(&vm);
	CHECK(g && !strcmp(g->unmovable, vm.unmovable) && g->balloon == KM_UNKNOWN);
	CHECK(g->kvm == KM_UNKNOWN && !g->nfeatures);
	free(g);
}

static const struct ktap_case cases[] = {
	{ "all that a guest can have", whole },
	{ "one with little", little },
	{ "answers of other types", strange },
	{ "a monitor that can't be used", closed },
};

KTAP_MAIN(cases)
