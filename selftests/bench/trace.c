// SPDX-License-Identifier: GPL-2.0
/*
 * trace [--json] [--quick] [--count]: what it costs a guest that `kmigrate trace`, which
 * KMIGRATE names, watches it. Runs where KVM works; the script of the same name starts a host.
 *
 * Two guests. One leaves for the VMM and does nothing else: what an exit takes longer is what
 * tracing it costs. The other works as one that moves: it writes pages of its own, one that is
 * not dirty yet after each WORK that are, and the VMM harvests. At an instruction a cycle and
 * 3 GHz that would dirty 27,000 pages a second, which is what 1 Gbit/s carries.
 *
 * As in observe.c: phases in random order, two of them without a tracer, whose ratio is the
 * control and whose mean is what the other is compared with; by time the quickest tenth of the
 * pieces counts, by executed instructions the mean of all.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define RAM		4096			/* pages */
#define WORK		21000			/* writes, of 5 instructions each */
#define FRESH		2			/* pages that a piece dirties */
#define PIECE		(FRESH * (WORK + 1))
#define PIECES		100			/* of a phase */
#define EXITS		2000			/* of a phase of the other guest */
#define PRECISION	0.01
#define COUNT_NS	2.0			/* an instruction's (../vm/qemu.sh, tcg-count) */

enum how { NOTHING, NOTHING_TOO, TRACED, HOWS };

static struct vmm vmm;
static uint64_t bitmap[RAM / 64];

/* The programs that a process has attached hang on links, which its fdinfo shows. */
static unsigned int links_of(pid_t pid)
{
	char path[300], line[64];
	unsigned int nr = 0;
	struct dirent *d;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, d->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			nr += !strncmp(line, "link_type", 9);
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return nr;
}

static pid_t trace(char *const questions[], unsigned int links)
{
	char pid[16], *argv[16] = { getenv("KMIGRATE"), "trace", "--vm", pid, "--seconds", "3600" };
	int i, null;
	pid_t child;

	snprintf(pid, sizeof(pid), "%d", getpid());
	for (i = 0; questions[i]; i++)
		argv[6 + i] = questions[i];
	must(argv[0] ? 0 : -ENOENT, "KMIGRATE");
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	must(child < 0 ? -errno : 0, "fork");
	while (links_of(child) < links) {
		must(waitpid(child, NULL, WNOHANG) ? -ECHILD : 0, "kmigrate trace");
		usleep(20000);
	}
	usleep(100000);
	return child;
}

static void end(pid_t tracer)
{
	int status;

	kill(tracer, SIGINT);
	waitpid(tracer, &status, 0);
	must(WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1, "the end of kmigrate trace");
}

static double job_ns(const uint32_t *pages, size_t nr)
{
	static uint32_t value;
	uint64_t start = now_ns();

	must(vmm_write(&vmm, 0, pages, nr, ++value), "the guest");
	return (double)(now_ns() - start);
}

static double typical(double *ns, size_t nr)
{
	return options.count ? mean(ns, nr) : quantile(ns, nr, 0.1);
}

/* The guest that only leaves: a job without a write is an exit to the VMM. */
static double leave(void)
{
	static double ns[EXITS];
	size_t i;

	for (i = 0; i < EXITS; i++)
		ns[i] = job_ns(NULL, 0);
	return typical(ns, EXITS);
}

/*
 * Of the pages of a piece only two are not dirty, the first and the one in the middle. What
 * it takes the VMM to give the guest a job and to learn that it is done is measured by jobs
 * without a write, and taken off.
 */
static double work(void)
{
	static double ns[PIECES], empty_ns[PIECES];
	static uint32_t pages[PIECE];
	uint32_t i, j;

	for (i = 0; i < PIECES; i++) {
		for (j = 0; j < PIECE; j++)
			pages[j] = (i * FRESH + j / (WORK + 1)) % RAM;
		ns[i] = job_ns(pages, PIECE);
		empty_ns[i] = job_ns(NULL, 0);
	}
	must(vmm_harvest(&vmm, bitmap), "KVM_GET_DIRTY_LOG");
	return typical(ns, PIECES) - typical(empty_ns, PIECES);
}

static double phase(double (*guest)(void), enum how how, char *const questions[],
		    unsigned int links)
{
	pid_t tracer = how == TRACED ? trace(questions, links) : 0;
	double ns;

	/* Code was patched: caches are cold, and an emulator translates anew. */
	guest();
	ns = guest();
	if (tracer)
		end(tracer);
	return ns;
}

/* Fills the pairs of traced and not, and of the control. */
static void measure(double (*guest)(void), char *const questions[], unsigned int links,
		    struct pairs *traced, struct pairs *control)
{
	size_t i, h, nr = how_many(options.count ? 5 : 60, 2);
	uint32_t order[HOWS] = { NOTHING, NOTHING_TOO, TRACED };
	double ns[HOWS];

	for (i = 0; i < nr; i++) {
		shuffle(order, HOWS);
		for (h = 0; h < HOWS; h++)
			ns[order[h]] = phase(guest, (enum how)order[h], questions, links);
		pairs_add(traced, ns[TRACED], (ns[NOTHING] + ns[NOTHING_TOO]) / 2);
		pairs_add(control, ns[NOTHING_TOO], ns[NOTHING]);
	}
}

static void to_instructions(struct pairs *pairs)
{
	size_t i;

	for (i = 0; options.count && i < pairs->nr; i++) {
		pairs->ours[i] /= COUNT_NS;
		pairs->theirs[i] /= COUNT_NS;
	}
}

/* What a part of the benchmark is called, and asked. */
struct part {
	const char *name;
	double (*guest)(void);
	char *questions[4]; /* NULL-terminated */
	unsigned int links;
	double wanted;
	const char *unit;
};

static void run_part(const struct part *part)
{
	struct row row = {
		.section = "trace", .unit = part->unit,
		.statistic = options.count ? "mean of a phase" : "10 % quantile of a phase",
	};
	struct pairs *traced = calloc(1, sizeof(*traced)), *control = calloc(1, sizeof(*control));
	char name[64];

	must(traced && control ? 0 : -ENOMEM, "memory");
	measure(part->guest, part->questions, part->links, traced, control);
	to_instructions(traced);
	to_instructions(control);
	snprintf(name, sizeof(name), "%s, untraced / untraced", part->name);
	row.name = name;
	row.unsure = !report_control(&row, control, PRECISION);
	snprintf(name, sizeof(name), "%s, traced / untraced", part->name);
	row.wanted = part->wanted;
	report_pairs(&row, traced);
	free(traced);
	free(control);
}

int main(int argc, char **argv)
{
	const struct vmm_options vmm_options = { .pages = RAM, .vcpus = 1 };
	const char *unit = NULL;

	bench_parse(argc, argv);
	unit = options.count ? "instr" : "ns";
	const struct part parts[] = {
		{ "an exit, exits", leave, { "exits" }, 2, 0, unit },
		{ "an exit, stalls", leave, { "stalls" }, 5, 0, unit },
		{ "an exit, pause", leave, { "pause" }, 4, 0, unit },
		{ "an exit, impact", leave, { "impact" }, 8, 0, unit },
		{ "a guest at work, all three", work, { "exits", "stalls", "pause" }, 11, 1.02, unit },
		{ "a guest at work, impact", work, { "impact" }, 8, 1.02, unit },
	};

	srandom((unsigned int)now_ns());
	must(vmm_open(&vmm, &vmm_options), "a VM");
	must(vmm_log(&vmm, true), "dirty logging");
	report_begin();
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		run_part(&parts[i]);
	vmm_close(&vmm);
	return report_end();
}
