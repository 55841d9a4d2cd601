// SPDX-License-Identifier: GPL-2.0
/*
 * hold [--json] [--quick]: how soon the automatic hold is in force once a VMM switches its
 * dirty log on, and how long CPUs that are held are slower than they should be. Runs where
 * kmigrate.ko and the cpufreq driver of ../kmod/fakefreq are loaded; the script of the same
 * name starts a host.
 *
 * The driver keeps the accounts (debugfs), so nobody polls, which would take the one CPU that
 * an emulated host has from what is measured. A try is a VM whose vCPU writes all its pages,
 * over and over, while the log is on. "quiet": nothing else runs, "busy": a process on each
 * CPU that does nothing else than run.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define ACCOUNTS	"/sys/kernel/debug/fakefreq/"
#define FLOOR_KHZ	3200000
#define IN_FORCE_MS	10.0	/* wanted, in the median */
#define GRACE_NS	20000000ull
#define MOVE_NS		300000000ull
#define PAGES		256
#define MAX_CPUS	64

static struct vmm vmm;
static long nr_cpus;

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	must(f && fputs(text, f) >= 0 && !fclose(f) ? 0 : -errno, path);
}

static void switch_auto(bool on)
{
	put("/sys/module/kmigrate/parameters/auto_hold", on ? "1" : "0");
}

/* Of a policy, from the driver: what it runs at and must at least run at, since when it does
 * both, and how long it was below the floor. */
struct account {
	unsigned int khz, min_khz;
	uint64_t since_ns, below_ns;
};

static void read_account(long policy, struct account *a)
{
	unsigned long long ns, min_ns;
	unsigned int khz;
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), ACCOUNTS "policy%ld", policy);
	f = fopen(path, "r");
	must(f ? 0 : -errno, path);
	must(fscanf(f, "%u since %llu %u since %llu", &a->khz, &ns, &a->min_khz, &min_ns) == 4 ?
		     0 : -EPROTO, path);
	a->since_ns = ns > min_ns ? ns : min_ns;
	a->below_ns = 0;
	while (fscanf(f, "%u for %llu", &khz, &ns) == 2)
		if (khz < FLOOR_KHZ)
			a->below_ns += ns;
	fclose(f);
}

/* All policies are as before: at their lowest, or wherever their governor has them. */
static bool all_at(bool floor)
{
	char path[96], text[16];
	long cpu;
	FILE *f;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpufreq/policy%ld/scaling_min_freq", cpu);
		f = fopen(path, "r");
		must(f && fgets(text, sizeof(text), f) ? 0 : -errno, path);
		fclose(f);
		if ((atoi(text) == FLOOR_KHZ) != floor)
			return false;
	}
	return true;
}

static void until_released(void)
{
	uint64_t begin = now_ns();

	while (!all_at(false)) {
		must(now_ns() - begin < 10000000000ull ? 0 : -ETIMEDOUT, "the end of a hold");
		usleep(5000);
	}
	usleep(20000 + random_below(20000)); /* not always at the same point of a tick */
}

struct found {
	double in_force_ms, below_ms, all_ms;
};

/* The longest of all policies. */
static void try_once(struct found *found)
{
	static uint32_t pages[PAGES];
	uint64_t begin, end;
	char text[32];
	uint32_t value = 0;
	long cpu;

	*found = (struct found){};
	choose_pages(pages, PAGES, PAGES);
	begin = now_ns();
	snprintf(text, sizeof(text), "%llu", (unsigned long long)(begin + GRACE_NS));
	put(ACCOUNTS "from", text);
	begin = now_ns();
	must(vmm_log(&vmm, true), "dirty logging");
	do {
		must(vmm_write(&vmm, 0, pages, PAGES, ++value), "the guest");
		usleep(1000);
		end = now_ns();
	} while (end - begin < MOVE_NS);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		struct account a;
		double ms;

		read_account(cpu, &a);
		must(a.khz == FLOOR_KHZ && a.min_khz == FLOOR_KHZ ? 0 : -1, "the hold");
		ms = ((double)a.since_ns - (double)begin) / 1e6;
		found->in_force_ms = ms > found->in_force_ms ? ms : found->in_force_ms;
		found->below_ms += (double)a.below_ns / 1e6;
		found->all_ms += (double)(end - begin - GRACE_NS) / 1e6;
	}
	must(vmm_log(&vmm, false), "dirty logging");
	until_released();
}

static pid_t spin(long cpu)
{
	pid_t pid = fork();
	cpu_set_t one;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (volatile unsigned int i = 0;; i++)
		;
}

static void measure(bool busy)
{
	static struct pairs in_force, below;
	const char *when = busy ? "busy" : "quiet";
	pid_t spinners[MAX_CPUS];
	double below_ms = 0, all_ms = 0;
	char name[64];
	size_t nr = how_many(100, 5);
	long cpu;

	in_force.nr = below.nr = 0;
	for (cpu = 0; busy && cpu < nr_cpus; cpu++)
		spinners[cpu] = spin(cpu);
	while (in_force.nr < nr) {
		struct found found;

		try_once(&found);
		pairs_add(&in_force, found.in_force_ms, IN_FORCE_MS);
		below_ms += found.below_ms;
		all_ms += found.all_ms;
	}
	/* One of them all: that most tries had none of it is not enough. */
	pairs_add(&below, below_ms, all_ms);
	for (cpu = 0; busy && cpu < nr_cpus; cpu++) {
		kill(spinners[cpu], SIGKILL);
		waitpid(spinners[cpu], NULL, 0);
	}
	snprintf(name, sizeof(name), "%s: log on to held / %.0f ms", when, IN_FORCE_MS);
	report_pairs(&(struct row){ .section = "hold", .name = name, .unit = "ms", .wanted = 1 },
		     &in_force);
	snprintf(name, sizeof(name), "%s: below the floor, after %llu ms", when,
		 GRACE_NS / 1000000);
	report_pairs(&(struct row){ .section = "hold", .name = name, .unit = "ms",
				    .wanted = WANTED_NONE }, &below);
}

int main(int argc, char **argv)
{
	const struct vmm_options vmm_options = { .pages = PAGES, .vcpus = 1 };

	bench_parse(argc, argv);
	srandom((unsigned int)now_ns());
	nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	must(nr_cpus <= MAX_CPUS ? 0 : -E2BIG, "the CPUs");
	must(vmm_open(&vmm, &vmm_options), "a VM");
	report_begin();
	switch_auto(true);
	measure(false);
	measure(true);
	switch_auto(false);
	vmm_close(&vmm);
	return report_end();
}
