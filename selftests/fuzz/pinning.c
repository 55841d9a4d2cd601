// SPDX-License-Identifier: GPL-2.0
/* The pinning in a peer's HELLO, up to what it would be laid on: after the checks no number in
 * it may lead anywhere but onto CPUs of the destination. */
#include <errno.h>
#include "fuzz.h"
#include "place/pinwire.h"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const texts[] = {
		"{\"policy\":\"keep\",\"cpus\":[[0,0,0,0],[1,0,0,0],[2,1,0,0],[3,1,0,0]],"
		"\"threads\":[[\"vCPU 0\",\"0\"],[\"vCPU 1\",\"1\"],[\"emulator\",\"2-3\"]]}",
		"{\"policy\":\"relax\",\"cpus\":[[0,0,0,0],[8,1,1,3],[9,1,1,3],[8191,2,7,1023]],"
		"\"threads\":[[\"vCPU 0\",\"8,9\"],[\"iothread a\",\"0,8191\"]]}",
		"{\"policy\":\"relax\",\"cpus\":[[0,0,0,0],[1,1,0,0],[2,2,0,1],[3,3,0,1],[4,4,1,2],"
		"[5,5,1,2]],\"threads\":[[\"vCPU 0\",\"0-1\"],[\"vCPU 1\",\"2-3\"],"
		"[\"vCPU 2\",\"4\"],[\"vCPU 3\",\"5\"]]}",
	};

	return i < sizeof(texts) / sizeof(texts[0]) ? fuzz_text(buf, texts[i]) : 0;
}

static void lay(const struct km_pinning *p)
{
	static struct km_topo here;
	struct km_pin_in in = {
		.from = &p->from, .to = &here, .pins = p->pins, .npins = p->n, .policy = p->policy
	};
	static struct km_pinned facts;
	struct km_err err = { 0 };
	struct km_pinmap m;
	json_t *j;
	int rc;

	if (km_cpus_empty(&here.cpus) &&
	    km_topo_load_synthetic(&here, "pack:2 [numa] core:2 pu:2", NULL))
		abort();
	in.allowed = here.cpus;
	rc = km_pinmap(&in, &m, &err);
	must(!rc || (rc == -ENOTSUP && p->policy == KM_PIN_KEEP && err.text[0]));
	for (unsigned int i = 0; i < m.n; i++)
		must(!km_cpus_empty(&m.cpus[i]) && km_cpus_within(&m.cpus[i], &here.cpus));
	j = km_pinned_json(p, &m);
	must(!km_pinned_parse(j, p, &facts, &err));
	json_decref(j);
	km_pinmap_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct km_pinning p;
	struct km_err err = { 0 };
	json_t *j = json_loadb((const char *)data, len, 0, NULL);
	int rc = km_pinning_parse(j, &p, &err);

	must(!rc || err.text[0]);
	if (!rc) {
		fuzz_accepted++;
		must(p.n >= 1 && p.n <= KM_PINS_MAX);
		for (unsigned int i = 0; i < p.n; i++)
			must(p.pins[i].who[0] && !km_cpus_empty(&p.pins[i].cpus) &&
			     km_cpus_within(&p.pins[i].cpus, &p.from.cpus));
		lay(&p);
	}
	km_pinning_free(&p);
	json_decref(j);
	return 0;
}
