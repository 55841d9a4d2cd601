// SPDX-License-Identifier: GPL-2.0
/* Sets of CPUs, and what is left of hwloc's topologies. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ktap.h"
#include "place/topo.h"

static struct km_topo t; /* 100 KiB */

static void lists(bool *ok)
{
	static const struct {
		const char *in, *out;
		unsigned int n;
	} good[] = {
		{ "", "none", 0 },	   { "\n", "none", 0 },	    { "0", "0", 1 },
		{ "0-3,8\n", "0-3,8", 5 }, { "8,0,1", "0-1,8", 3 }, { "5-5", "5", 1 },
		{ "62-65", "62-65", 4 },   { "8191", "8191", 1 },   { "0-8191", "0-8191", 8192 },
		{ "1,1,0-2", "0-2", 3 },
	};
	static const char *const bad[] = {
		"a",  "0-",  "-1",  "3-1",   ",",    "0,",   "0,,1",
		" 0", "0 1", "0x1", "0-3-5", "1\n2", "8192", "99999999999999999999"
	};
	char text[KM_CPUS_TEXT];
	struct km_cpus s;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(!km_cpus_parse(&s, good[i].in));
		CHECK(!strcmp(km_cpus_format(&s, text), good[i].out));
		CHECK(km_cpus_count(&s) == good[i].n && km_cpus_empty(&s) == !good[i].n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(km_cpus_parse(&s, bad[i]) < 0);
	CHECK(km_cpus_parse(&s, "0-8192") == -ERANGE);
	/* Every second CPU: too long for a line, and says so. */
	memset(&s, 0x55, sizeof(s));
	km_cpus_format(&s, text);
	CHECK(strlen(text) < KM_CPUS_TEXT && !strncmp(text, "0,2,4,", 6));
	CHECK(!strcmp(text + strlen(text) - 3, "..."));
	km_cpus_add(&s, KM_CPUS_MAX);
	km_cpus_add(&s, -1);
	CHECK(!km_cpus_has(&s, KM_CPUS_MAX) && !km_cpus_has(&s, -1) && km_cpus_count(&s) == 4096);
	CHECK(km_cpus_next(&s, 8191) == -1 && km_cpus_next(&s, 8190) == 8190);
}

static void algebra(bool *ok)
{
	struct km_cpus a, b, s;

	km_cpus_parse(&a, "0-9,100");
	km_cpus_parse(&b, "5-20");
	s = a;
	km_cpus_and(&s, &b);
	CHECK(km_cpus_count(&s) == 5 && km_cpus_within(&s, &a) && km_cpus_within(&s, &b));
	CHECK(!km_cpus_within(&a, &b) && km_cpus_overlap(&a, &b) && !km_cpus_equal(&a, &b));
	s = a;
	km_cpus_sub(&s, &b);
	CHECK(km_cpus_count(&s) == 6 && !km_cpus_overlap(&s, &b) && km_cpus_has(&s, 100));
	km_cpus_or(&s, &b);
	CHECK(km_cpus_count(&s) == 22 && km_cpus_within(&a, &s));
}

/* The node's CPUs as the kernel would list them. */
static bool node_is(int node, const char *want)
{
	char text[KM_CPUS_TEXT];
	struct km_cpus s;

	km_topo_node(&t, node, &s);
	if (!strcmp(km_cpus_format(&s, text), want))
		return true;
	printf("# node %d: %s, not %s\n", node, text, want);
	return false;
}

static bool siblings_are(const char *of, const char *want)
{
	char text[KM_CPUS_TEXT];
	struct km_cpus a, s;

	km_cpus_parse(&a, of);
	km_topo_siblings(&t, &a, &s);
	if (!strcmp(km_cpus_format(&s, text), want))
		return true;
	printf("# siblings of %s: %s, not %s\n", of, text, want);
	return false;
}

static void small(bool *ok)
{
	CHECK(!km_topo_load_synthetic(&t, "[numa] core:1 pu:1", NULL));
	CHECK(t.ncores == 1 && t.npackages == 1 && t.nnodes == 1 && t.node[0] == 0);
	CHECK(node_is(0, "0") && siblings_are("0", "none"));
	CHECK(!km_topo_load_synthetic(&t, "[numa] core:2 pu:1", NULL));
	CHECK(t.ncores == 2 && node_is(0, "0-1") && siblings_are("1", "none"));
	/* No cores in it, only CPUs: each is a core. */
	CHECK(!km_topo_load_synthetic(&t, "pack:1 [numa] pu:3", NULL));
	CHECK(t.ncores == 3 && node_is(0, "0-2") && siblings_are("0", "none"));
}

static void two_sockets(bool *ok)
{
	CHECK(!km_topo_load_synthetic(&t, "pack:2 [numa] core:2 pu:2", NULL));
	CHECK(t.ncores == 4 && t.npackages == 2 && t.nnodes == 2);
	CHECK(node_is(0, "0-3") && node_is(1, "4-7") && node_is(2, "none"));
	CHECK(siblings_are("0", "1") && siblings_are("5,6", "4,7") && siblings_are("0-1", "none"));
	CHECK(km_topo_node_package(&t, 0) == 0 && km_topo_node_package(&t, 1) == 1);
	CHECK(km_topo_node_package(&t, 7) == -1 && t.cpu[2].core != t.cpu[4].core);
}

/* Numbered as Linux does: the second threads of all cores after all first ones. */
static void epyc(bool *ok)
{
	CHECK(!km_topo_load_synthetic(&t, "pack:2 [numa] core:64 pu:2(indexes=2*128:128*1)", NULL));
	CHECK(t.ncores == 128 && t.npackages == 2 && t.nnodes == 2);
	CHECK(node_is(0, "0-63,128-191") && node_is(1, "64-127,192-255"));
	CHECK(siblings_are("0,130", "2,128") && km_cpus_count(&t.cpus) == 256);
}

static void sub_numa(bool *ok)
{
	CHECK(!km_topo_load_synthetic(&t, "pack:2 numa:2 core:4 pu:2", NULL));
	CHECK(t.ncores == 16 && t.npackages == 2 && t.nnodes == 4);
	CHECK(node_is(1, "8-15") && node_is(3, "24-31"));
	CHECK(km_topo_node_package(&t, 1) == 0 && km_topo_node_package(&t, 2) == 1);
	/* Memory of two kinds at each package: a CPU is in the first. */
	CHECK(!km_topo_load_synthetic(&t, "pack:2 [numa] [numa] core:2 pu:1", NULL));
	CHECK(t.nnodes == 4 && t.node[3] == 3);
	CHECK(t.cpu[0].node == t.cpu[1].node && t.cpu[0].node != t.cpu[2].node);
	/* A node of the package's own besides the nodes in it: the smaller is the CPU's. */
	CHECK(!km_topo_load_synthetic(&t, "pack:1 [numa] group:2 [numa] core:2 pu:1", NULL));
	CHECK(t.nnodes == 3 && t.cpu[0].node != t.cpu[2].node);
}

static void mistakes(bool *ok)
{
	struct km_err err = { 0 };

	CHECK(km_topo_load_synthetic(&t, "nonsense:3", &err) == -EINVAL);
	CHECK(strstr(err.text, "nonsense:3"));
	CHECK(km_topo_load_synthetic(&t, "[numa] pu:2(indexes=0,9000)", &err) == -E2BIG &&
	      strstr(err.text, "9000"));
	CHECK(km_topo_load_xml(&t, "/no/such/file.xml", &err) < 0);
	CHECK(strstr(err.text, "/no/such/file.xml"));
	CHECK(km_topo_load_xml(&t, "/dev/null", &err) < 0);
}

static void xml(bool *ok)
{
	/* What lstopo writes of two CPUs in one core, shortened to what matters. */
	static const char text[] =
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
		"<topology version=\"2.0\">\n"
		"<object type=\"Machine\" os_index=\"0\" cpuset=\"0x00000030\" "
		"complete_cpuset=\"0x00000030\" allowed_cpuset=\"0x00000030\" nodeset=\"0x00000004\" "
		"complete_nodeset=\"0x00000004\" allowed_nodeset=\"0x00000004\" gp_index=\"1\">\n"
		"<object type=\"NUMANode\" os_index=\"2\" cpuset=\"0x00000030\" "
		"complete_cpuset=\"0x00000030\" nodeset=\"0x00000004\" "
		"complete_nodeset=\"0x00000004\" gp_index=\"2\" local_memory=\"1048576\"/>\n"
		"<object type=\"Core\" os_index=\"0\" cpuset=\"0x00000030\" "
		"complete_cpuset=\"0x00000030\" nodeset=\"0x00000004\" "
		"complete_nodeset=\"0x00000004\" gp_index=\"3\">\n"
		"<object type=\"PU\" os_index=\"4\" cpuset=\"0x00000010\" "
		"complete_cpuset=\"0x00000010\" nodeset=\"0x00000004\" "
		"complete_nodeset=\"0x00000004\" gp_index=\"4\"/>\n"
		"<object type=\"PU\" os_index=\"5\" cpuset=\"0x00000020\" "
		"complete_cpuset=\"0x00000020\" nodeset=\"0x00000004\" "
		"complete_nodeset=\"0x00000004\" gp_index=\"5\"/>\n"
		"</object></object></topology>\n";
	char path[] = "/tmp/kmigrate-topo-XXXXXX";
	int fd = mkstemp(path);
	struct km_err err = { 0 };

	CHECK(fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
	close(fd);
	CHECK(!km_topo_load_xml(&t, path, &err));
	if (err.code)
		printf("# %s\n", err.text);
	CHECK(t.nnodes == 1 && t.node[0] == 2 && t.ncores == 1 && node_is(2, "4-5"));
	CHECK(siblings_are("5", "4"));
	unlink(path);
}

static void this_machine(bool *ok)
{
	struct km_cpus mine = { 0 };

	CHECK(!km_topo_load(&t, NULL) && t.ncores >= 1 && t.nnodes >= 1);
	CHECK(!sched_getaffinity(0, sizeof(mine), (cpu_set_t *)&mine));
	CHECK(km_cpus_within(&mine, &t.cpus));
	CHECK(km_cpus_count(&t.cpus) == (unsigned int)sysconf(_SC_NPROCESSORS_ONLN));
}

static const struct ktap_case cases[] = {
	{ "lists of CPUs", lists },
	{ "sets of CPUs", algebra },
	{ "1, 2, 3 cores", small },
	{ "2 sockets with SMT", two_sockets },
	{ "EPYC, 2 x 64 cores with SMT", epyc },
	{ "nodes within a package, nodes of two kinds", sub_numa },
	{ "what is no topology", mistakes },
	{ "hwloc's XML", xml },
	{ "this machine", this_machine },
};

KTAP_MAIN(cases)
