// SPDX-License-Identifier: GPL-2.0
/* The inventory of a fleet; what is taken is planned for as well. */
#include "fuzz.h"
#include "fleet/inventory.h"
#include "fleet/plan.h"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const seeds[] = {
		"{\"kmigrate_inventory\":1,\"hosts\":[{\"name\":\"a\",\"memory_bytes\":9000,"
		"\"up_bit_per_s\":8e6},{\"name\":\"b\",\"nodes\":[{\"free_bytes\":3000},"
		"{\"free_bytes\":5000}],\"vcpus_max\":8,\"cpu\":{\"level\":\"x86-64-v2\"},"
		"\"up_bit_per_s\":8e6,\"max_moves_in\":1},{\"name\":\"c\",\"memory_bytes\":6000,"
		"\"labels\":[\"l\"],\"up_bit_per_s\":8e6}],\"links\":[{\"name\":\"k\","
		"\"up_bit_per_s\":1e6,\"hosts\":[\"a\",\"c\"]}],\"vms\":[{\"name\":\"v\",\"host\":"
		"\"a\",\"memory_bytes\":4000,\"vcpus\":2,\"numa_nodes\":1,\"anti_affinity\":[\"g\"],"
		"\"dirty\":{\"bytes_per_s\":900,\"working_set_bytes\":500}},{\"name\":\"w\",\"host\":"
		"\"c\",\"memory_bytes\":2000,\"anti_affinity\":[\"g\"],\"dirty\":[{\"ms\":1,\"bytes\":"
		"10},{\"ms\":20,\"bytes\":30}]},{\"name\":\"x\",\"host\":\"a\",\"memory_bytes\":3500,"
		"\"cpu\":{\"features\":[\"sse2\"]}}],\"drain\":[\"a\"]}",
		"{\"kmigrate_inventory\":1,\"max_moves\":1,\"hosts\":[{\"name\":\"a\",\"memory_bytes\""
		":99,\"up_bit_per_s\":1e9},{\"name\":\"b\",\"memory_bytes\":9,\"up_bit_per_s\":1e9}],"
		"\"vms\":[{\"name\":\"v\",\"host\":\"a\",\"memory_bytes\":8,\"max_pause_ms\":1},"
		"{\"name\":\"w\",\"host\":\"b\",\"memory_bytes\":8,\"movable\":false,"
		"\"memory_by_node\":[8]}],\"drain\":[\"a\"]}",
	};

	return i < sizeof(seeds) / sizeof(*seeds) ? fuzz_text(buf, seeds[i]) : 0;
}

static void plan(const struct km_fleet *f)
{
	struct km_fleet_plan p;
	uint32_t have_to = 0;

	must(!km_fleet_plan(f, &km_move_model_simple, 3, &p, NULL));
	for (uint32_t i = 0; i < f->nvms; i++)
		have_to += f->host[f->vm[i].host].drain;
	must(p.nmoves + p.nleft == have_to + p.nchain);
	must(p.bound.seconds <= p.makespan_s * (1 + 1e-6));
	for (uint32_t i = 0; i < p.nmoves; i++)
		must(!f->host[p.move[i].to].drain && p.move[i].to != p.move[i].from &&
		     p.move[i].end_s > p.move[i].start_s && f->vm[p.move[i].vm].movable);
	km_fleet_plan_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = fuzz_string(data, len);
	struct km_err err = { 0 };
	struct km_fleet *f;
	int rc = km_inventory_parse(text, len, &f, &err);

	must(rc ? !f && err.text[0] && !strchr(err.text, '\n') : !!f);
	if (f) {
		plan(f);
		fuzz_accepted++;
	}
	km_fleet_free(f);
	free(text);
	return 0;
}
