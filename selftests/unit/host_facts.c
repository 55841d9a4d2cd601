// SPDX-License-Identifier: GPL-2.0
/* The facts of a host, read from folders that look like /proc and /sys of others. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/facts.h"
#include "host/sysfile.h"
#include "ktap.h"

static char root[64];

/* With the folders above it. */
static void put(const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(full, 0755) && errno != EEXIST)
			abort();
		*p = '/';
	}
	f = fopen(full, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void begin(void)
{
	strcpy(root, "/tmp/kmigrate-facts-XXXXXX");
	if (!mkdtemp(root))
		abort();
}

static void end(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
	if (system(cmd))
		abort();
}

static void cpu(bool *ok)
{
	struct km_rec_cpu c = { 0 };
	struct km_rec_encryption e = { 0 };

	begin();
	put("proc/cpuinfo", "processor\t: 0\n"
			    "vendor_id\t: AuthenticAMD\n"
			    "cpu family\t: 25\n"
			    "model\t\t: 17\n"
			    "model name\t: AMD EPYC 9654 96-Core Processor\n"
			    "stepping\t: 1\n"
			    "microcode\t: 0xa101144\n"
			    "flags\t\t: fpu sme smep sev_es svm\n"
			    "address sizes\t: 52 bits physical, 57 bits virtual\n"
			    "\n"
			    "processor\t: 1\n"
			    "vendor_id\t: Other\n");
	put("sys/devices/system/cpu/smt/active", "1\n");
	km_facts_cpu(root, &c, &e);
	CHECK(!strcmp(c.vendor, "AuthenticAMD") &&
	      !strcmp(c.name, "AMD EPYC 9654 96-Core Processor"));
	CHECK(c.family == 25 && c.model == 17 && c.stepping == 1 && c.microcode == 0xa101144);
	CHECK(c.phys_bits == 52 && c.virt_bits == 57 && c.smt == KM_YES && c.hypervisor == KM_NO);
	/* sev_es is not sev. */
	CHECK(e.sme == KM_YES && e.sev == KM_NO && e.tme == KM_NO);
	end();
	begin();
	memset(&c, 0, sizeof(c));
	km_facts_cpu(root, &c, &e);
	CHECK(!c.vendor[0] && c.smt == KM_UNKNOWN && c.hypervisor == KM_UNKNOWN);
	end();
}

static void kvm(bool *ok)
{
	struct km_rec_kvm k = { 0 };
	struct km_rec_encryption e = { 0 };

	begin();
	put("sys/module/kvm_intel/parameters/nested", "Y\n");
	put("sys/module/kvm_intel/parameters/ept", "Y\n");
	put("sys/module/kvm_intel/parameters/eptad", "N\n");
	put("sys/module/kvm_intel/parameters/pml", "N\n");
	put("sys/module/kvm_intel/parameters/tdx", "Y\n");
	km_facts_kvm(root, &k, &e);
	CHECK(!strcmp(k.module, "kvm_intel") && k.nested == KM_YES && k.nested_paging == KM_YES);
	CHECK(k.ad_bits == KM_NO && k.pml == KM_NO && e.kvm_tdx == KM_YES &&
	      e.kvm_sev == KM_UNKNOWN);
	end();
	begin();
	memset(&k, 0, sizeof(k));
	memset(&e, 0, sizeof(e));
	put("sys/module/kvm_amd/parameters/nested", "0\n");
	put("sys/module/kvm_amd/parameters/npt", "Y\n");
	put("sys/module/kvm_amd/parameters/sev", "N\n");
	put("sys/module/kvm_amd/parameters/sev_snp", "Y\n");
	km_facts_kvm(root, &k, &e);
	CHECK(!strcmp(k.module, "kvm_amd") && k.nested == KM_NO && k.nested_paging == KM_YES);
	CHECK(k.ad_bits == KM_YES && k.pml == KM_NO && e.kvm_sev == KM_NO &&
	      e.kvm_sev_snp == KM_YES && e.kvm_tdx == KM_UNKNOWN);
	end();
}

static void memory(bool *ok)
{
	struct km_rec_memory m = { 0 };
	const struct km_rec_huge *h = m.huge;

	begin();
	put("proc/meminfo", "MemTotal:       65792 kB\nMemFree:         100 kB\n"
			    "MemAvailable:   20000 kB\nSwapTotal:      4096 kB\n"
			    "SwapFree:       4000 kB\nCommitLimit:    7 kB\nCommitted_AS: 8 kB\n"
			    "HugePages_Total:    5\n");
	put("proc/sys/vm/overcommit_memory", "2\n");
	put("sys/kernel/mm/ksm/run", "1\n");
	put("sys/kernel/mm/ksm/pages_sharing", "10\n");
	put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "5\n");
	put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n");
	km_facts_memory(root, &m);
	CHECK(m.total_bytes == 65792 << 10 && m.free_bytes == 100 << 10);
	CHECK(m.available_bytes == 20000 << 10 && m.swap_bytes == 4096 << 10);
	CHECK(m.swap_free_bytes == 4000 << 10 && m.commit_limit_bytes == 7 << 10);
	CHECK(m.committed_bytes == 8 << 10 && !strcmp(m.overcommit, "never"));
	CHECK(m.ksm == KM_YES && m.ksm_saved_bytes == 40960 && m.memlock_bytes);
	CHECK(m.nhuge == 1 && h->page_bytes == 2 << 20 && h->pages == 5 && h->free_pages == 3);
	end();
}

/* This machine's nodes by hwloc, and what a tree says of node 0. */
static void nodes(bool *ok)
{
	struct km_rec_topology *t = calloc(1, sizeof(*t));
	const struct km_rec_node *n = &t->node[0];

	begin();
	put("sys/devices/system/node/node0/cpulist", "0-3\n");
	put("sys/devices/system/node/node0/distance", "10 21\n");
	put("sys/devices/system/node/node0/meminfo",
	    "Node 0 MemTotal:       1000 kB\nNode 0 MemFree:        10 kB\n");
	put("sys/devices/system/node/node0/hugepages/hugepages-1048576kB/nr_hugepages", "2\n");
	put("sys/devices/system/node/node0/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
	km_facts_topology(root, t);
	CHECK(t->cpus == (uint32_t)sysconf(_SC_NPROCESSORS_ONLN) && t->nnodes && !n->node);
	CHECK(!strcmp(n->cpus, "0-3") && !strcmp(n->distances, "10 21"));
	CHECK(n->memory_bytes == 1000 << 10 && n->free_bytes == 10 << 10);
	CHECK(n->nhuge == 1 && n->huge[0].page_bytes == 1 << 30 && n->huge[0].free_pages == 1);
	end();
	free(t);
}

#define CPU0 "sys/devices/system/cpu/cpu0/"

static void power(bool *ok)
{
	struct km_rec_power p = { 0 };

	begin();
	put(CPU0 "cpufreq/scaling_driver", "intel_pstate\n");
	put(CPU0 "cpufreq/scaling_governor", "powersave\n");
	put(CPU0 "cpufreq/energy_performance_preference", "balance_power\n");
	put(CPU0 "cpufreq/cpuinfo_max_freq", "3500000\n");
	put(CPU0 "cpuidle/state0/name", "POLL\n");
	put(CPU0 "cpuidle/state0/latency", "0\n");
	put(CPU0 "cpuidle/state1/name", "C1\n");
	put(CPU0 "cpuidle/state1/disable", "0\n");
	put(CPU0 "cpuidle/state1/latency", "2\n");
	put(CPU0 "cpuidle/state2/name", "C6\n");
	put(CPU0 "cpuidle/state2/disable", "1\n");
	put(CPU0 "cpuidle/state2/latency", "133\n");
	put("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
	km_facts_power(root, &p);
	CHECK(!strcmp(p.driver, "intel_pstate") && !strcmp(p.governor, "powersave"));
	CHECK(!strcmp(p.preference, "balance_power") && p.max_khz == 3500000);
	CHECK(!strcmp(p.idle_state, "C1") && p.idle_latency_us == 2 && p.turbo == KM_NO);
	put("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
	put("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
	memset(&p, 0, sizeof(p));
	km_facts_power(root, &p);
	CHECK(p.turbo == KM_YES);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		CHECK(!strcmp(p.governor, "mixed"));
	end();
	begin();
	memset(&p, 0, sizeof(p));
	put("sys/devices/system/cpu/cpufreq/boost", "0\n");
	km_facts_power(root, &p);
	CHECK(!p.driver[0] && !p.idle_state[0] && p.turbo == KM_NO);
	end();
}

static void small_files(bool *ok)
{
	char text[8];
	uint64_t v = 7;

	begin();
	put("a", "  \t\n");
	put("b", "12 34\n");
	put("c", "a line that is too long\n");
	put("d", "-3\n");
	CHECK(km_sys_text(text, sizeof(text), "%s/a", root) && !text[0]);
	CHECK(km_sys_text(text, sizeof(text), "%s/c", root) && !strcmp(text, "a line"));
	CHECK(!km_sys_text(text, sizeof(text), "%s/none", root) && !text[0]);
	CHECK(km_sys_number(&v, "%s/b", root) && v == 12);
	CHECK(!km_sys_number(&v, "%s/d", root) && v == 12);
	CHECK(km_sys_yes("%s/a", root) == KM_UNKNOWN && km_sys_yes("%s/b", root) == KM_YES);
	CHECK(km_sys_yes("%s", root) == KM_UNKNOWN && km_sys_there("%s/a", root));
	end();
}

static void a_file(bool *ok)
{
	struct km_rec_file f = { 0 };

	begin();
	put("disk", "x");
	strcat(root, "/disk");
	km_facts_file(root, &f);
	CHECK(f.there == KM_YES && !strcmp(f.path, root));
	*strrchr(root, '/') = '\0';
	km_facts_file("/nowhere/at/all", &f);
	CHECK(f.there == KM_NO);
	end();
}

static const struct ktap_case cases[] = {
	{ "the CPU, by /proc/cpuinfo", cpu },
	{ "KVM, by its parameters", kvm },
	{ "memory", memory },
	{ "NUMA nodes", nodes },
	{ "clocks and sleep", power },
	{ "small files", small_files },
	{ "a file that is asked for", a_file },
};

KTAP_MAIN(cases)
