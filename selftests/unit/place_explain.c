// SPDX-License-Identifier: GPL-2.0
/* A placement in words and in JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "place/explain.h"

static struct km_topo topo;
static struct km_place_in in;
static struct km_place place;
static struct km_explain e;
static struct km_claim claims[4];
static struct km_pin pins[4];

/* 2 x 4 cores with SMT; memory mostly and NIC on node 1; vCPUs on 8, on 10, and anywhere. */
static void setup(void)
{
	memset(&in, 0, sizeof(in));
	memset(&e, 0, sizeof(e));
	km_topo_load_synthetic(&topo, "pack:2 [numa] core:4 pu:2", NULL);
	in.topo = &topo;
	in.own_allowed = in.qemu_allowed = topo.cpus;
	in.claims = claims;
	in.nclaims = 2;
	km_cpus_parse(&claims[0].cpus, "8");
	km_cpus_parse(&claims[1].cpus, "10");
	in.nmem = 2;
	in.mem[0] = (struct km_place_mem){ 1, .75 };
	in.mem[1] = (struct km_place_mem){ 0, .25 };
	in.nic_node = 1;
	in.link_bit_per_s = 2500000000;
	e.in = &in;
	e.place = &place;
	e.pins = pins;
	e.npins = 4;
	e.vcpus = e.vcpus_seen = 3;
	snprintf(pins[0].who, sizeof(pins[0].who), "emulator");
	snprintf(pins[1].who, sizeof(pins[1].who), "vCPU 0");
	snprintf(pins[2].who, sizeof(pins[2].who), "vCPU 1");
	snprintf(pins[3].who, sizeof(pins[3].who), "vCPU 2");
	km_cpus_parse(&pins[0].cpus, "0-7");
	pins[1].cpus = claims[0].cpus;
	pins[2].cpus = claims[1].cpus;
	pins[3].cpus = topo.cpus;
	snprintf(e.vm_name, sizeof(e.vm_name), "web\xff");
	snprintf(e.nic, sizeof(e.nic), "bond0");
	e.vm_pid = 4711;
}

static char text[16384];

static const char *as_text(void)
{
	FILE *f = fmemopen(text, sizeof(text), "w");

	km_explain_text(f, &e);
	fclose(f);
	return text;
}

/* Some line begins with one and has the other. */
static bool line(const char *what, const char *has)
{
	for (const char *p = as_text(); *p; p = strchr(p, '\n') + 1) {
		char one[1024];

		snprintf(one, sizeof(one), "%.*s", (int)strcspn(p, "\n"), p);
		if (!strncmp(one, what, strlen(what)) && strstr(one, has))
			return true;
	}
	printf("# no '%s' with '%s' in:\n%s", what, has, text);
	return false;
}

static void words(bool *ok)
{
	setup();
	CHECK(!km_place_choose(&in, &place, NULL));
	CHECK(line("machine ", "16 CPUs") && line("machine ", "8 cores, 2 packages, 2 NUMA nodes"));
	CHECK(line("memory ", "node 1, 0 ") && line("memory ", "75 % on node 1, 25 % on node 0"));
	CHECK(line("NIC ", "bond0, node 1 ") && line("NIC ", "2.5 Gbit/s"));
	CHECK(line("vCPUs ", "2 of 3 pinned") && line("avoided ", "8,10 "));
	CHECK(line("avoided ", "9,11 ") && line("avoided ", "SMT siblings"));
	CHECK(line("streams ", "2 ") && line("streams ", "at least 2"));
	CHECK(line("helpers ", "1 ") && line("helpers ", "2.5 Gbit/s"));
	/* 2 streams, 1 helper, 1; node 0 has memory enough to count, behind node 1. */
	CHECK(line("kmigrate ", "12-15 ") && line("kmigrate ", "4 threads"));
	CHECK(line("kmigrate ", "node 1 is the NIC's and the memory's node"));
	CHECK(line("QEMU ", "0,2,4 ") && line("QEMU ", "nobody is pinned there"));
	CHECK(line("pinning ", "3 threads") && line("pinning ", "--pin relax"));
	/* Every line is one decision: 4 found, 1 to be kept, 2 avoided, 4 chosen. */
	size_t lines = 0;

	for (const char *p = as_text(); *p; p++)
		lines += *p == '\n';
	CHECK(lines == 11);
}

static void unknowns(bool *ok)
{
	setup();
	in.nmem = 0;
	in.nic_node = -1;
	in.link_bit_per_s = 0;
	e.nic[0] = '\0';
	e.vcpus_seen = 1;
	snprintf(e.why_no_nic, sizeof(e.why_no_nic), "because of this");
	snprintf(e.why_no_mem, sizeof(e.why_no_mem), "because of that");
	in.streams = 5;
	CHECK(!km_place_choose(&in, &place, NULL));
	CHECK(line("NIC ", "because of this") && line("memory ", "because of that"));
	CHECK(line("streams ", "asked for") && line("helpers ", "not known"));
	CHECK(line("vCPUs ", "2 of the threads can't be told"));
	CHECK(line("kmigrate ", "node with most room"));
}

static void in_the_way(bool *ok)
{
	setup();
	km_cpus_parse(&in.own_allowed, "8,10");
	km_cpus_parse(&in.qemu_allowed, "9");
	CHECK(!km_place_choose(&in, &place, NULL));
	CHECK(line("kmigrate ", "ON vCPUs' CPUs") && line("QEMU ", "BESIDE vCPUs"));
	CHECK(line("streams ", "no core is free") && line("helpers ", "no core is free"));
	/* An iothread and a roomy set have lines of their own. */
	setup();
	in.nclaims = 4;
	claims[2].kind = KM_CLAIM_OTHER;
	km_cpus_parse(&claims[2].cpus, "12");
	claims[3].kind = KM_CLAIM_VCPU;
	km_cpus_parse(&claims[3].cpus, "0-7");
	CHECK(!km_place_choose(&in, &place, NULL));
	CHECK(line("avoided ", "other threads") && line("if need be ", "0-7 "));
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void json(bool *ok)
{
	json_t *j, *own;

	setup();
	CHECK(!km_place_choose(&in, &place, NULL));
	j = km_explain_json(&e);
	CHECK(!strcmp(json_string_value(json_object_get(j, "vm")), "web?"));
	CHECK(number(j, "pid") == 4711 && number(j, "streams") == 2 && number(j, "helpers") == 1);
	CHECK(number(json_object_get(j, "machine"), "cores") == 8 && number(j, "free_cores") == 6);
	CHECK(number(json_object_get(j, "nic"), "bit_per_s") == 2500000000);
	CHECK(json_array_size(json_object_get(j, "threads")) == 4);
	CHECK(json_array_size(json_object_get(json_object_get(j, "avoided"), "siblings")) == 2);
	own = json_object_get(j, "kmigrate");
	CHECK(json_array_size(json_object_get(own, "cpus")) == 4 && number(own, "node") == 1);
	CHECK(json_integer_value(json_array_get(json_object_get(own, "cpus"), 0)) == 12);
	CHECK(json_array_size(json_object_get(j, "decisions")) == 11);
	json_decref(j);
	in.nic_node = -1;
	CHECK(!km_place_choose(&in, &place, NULL));
	j = km_explain_json(&e);
	CHECK(json_is_null(json_object_get(json_object_get(j, "nic"), "node")));
	json_decref(j);
}

static const struct ktap_case cases[] = {
	{ "a line a decision", words },
	{ "what isn't known says why", unknowns },
	{ "vCPUs that are in the way", in_the_way },
	{ "JSON", json },
};

KTAP_MAIN(cases)
