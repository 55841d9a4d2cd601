// SPDX-License-Identifier: GPL-2.0
/*
 * ticks: the pause as the guest's surroundings see it. Guests write a byte to the debug
 * console every 5 ms, which QEMU appends to a file; this program puts CLOCK_MONOTONIC on
 * each, of the source's and the destination's file with one clock, and reports the
 * greatest distance. No clock inside a guest can: all of them stop while it moves.
 *
 * The byte is '0' + tick % 64, so what follows is seen as well: ticks lost or repeated at
 * the hand-over (a destination that runs from an old state), and ticks of an earlier file
 * after a later one has begun (two running guests).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_FILES	16

static struct file {
	const char *name;
	int fd;
	off_t at;
} files[MAX_FILES];
static int nfiles;

static struct {
	double start, last, gap, gap_at, handover;
	unsigned long count, lost, repeated, overlap, over;
	int file;		/* that ticked last */
	int next;		/* byte that should come, or -1 */
	int from, to;		/* files around the greatest gap */
} seen = { .file = -1, .next = -1 };

static double limit_ms = 50;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void usage(void)
{
	fputs("usage: ticks [--gap MS] [--seconds N] FILE...\n"
	      "Watches the tick files of one guest, in the order in which it moves, until\n"
	      "SIGTERM or N seconds. SIGUSR1: report and begin anew.\n"
	      "  --gap MS   tell every gap longer than this at once (50)\n", stderr);
	exit(2);
}

static void gap_ended(double t, int file)
{
	double gap = (t - seen.last) * 1000;

	if (seen.file < 0)
		return;
	if (gap > limit_ms) {
		seen.over++;
		printf("ticks: gap_ms=%.1f at=%.3f from=%s to=%s\n", gap, seen.last,
		       files[seen.file].name, files[file].name);
	}
	if (file != seen.file)
		seen.handover = gap;
	if (gap <= seen.gap)
		return;
	seen.gap = gap;
	seen.gap_at = seen.last;
	seen.from = seen.file;
	seen.to = file;
}

/* A batch of bytes that came together at T. */
static void count(const char *bytes, ssize_t n, double t, int file)
{
	ssize_t i;

	if (file < seen.file) {
		seen.overlap += (unsigned long)n;
		printf("ticks: OVERLAP %s ticks after %s\n", files[file].name,
		       files[seen.file].name);
		return;
	}
	gap_ended(t, file);
	seen.last = t;
	seen.file = file;
	for (i = 0; i < n; i++) {
		int missing = (bytes[i] - '0' - seen.next) & 63;

		seen.count++;
		if (seen.next >= 0 && missing && missing < 32)
			seen.lost += (unsigned long)missing;
		else if (seen.next >= 0 && missing)
			seen.repeated += 64 - (unsigned long)missing;
		seen.next = (bytes[i] - '0' + 1) & 63;
	}
}

static void read_file(int index, double t)
{
	struct file *f = &files[index];
	char bytes[4096];
	struct stat st;
	ssize_t n;

	if (f->fd < 0)
		f->fd = open(f->name, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &st))
		return;
	if (st.st_size < f->at)		/* begun anew */
		f->at = 0;
	while ((n = pread(f->fd, bytes, sizeof(bytes), f->at)) > 0) {
		f->at += n;
		count(bytes, n, t, index);
	}
}

static void report(void)
{
	printf("ticks: ticks=%lu maxgap_ms=%.1f at=%.3f handover_ms=%.1f over=%lu lost=%lu "
	       "repeated=%lu overlap=%lu seconds=%.1f\n", seen.count, seen.gap, seen.gap_at,
	       seen.handover, seen.over, seen.lost, seen.repeated, seen.overlap,
	       now() - seen.start);
	fflush(stdout);
	seen.gap = seen.gap_at = seen.handover = 0;
	seen.count = seen.over = seen.lost = seen.repeated = seen.overlap = 0;
	seen.start = now();
}

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* 1 when it is time to end */
static int on_signal(int fd)
{
	struct signalfd_siginfo info;
	int end = 0;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGUSR1)
			end = 1;
		else
			report();
	}
	return end;
}

/* Files need not be there yet, but must not be replaced later. */
static int watch(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), i, made;

	for (i = 0; i < nfiles; i++) {
		made = open(files[i].name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (made < 0 || inotify_add_watch(fd, files[i].name, IN_MODIFY) < 0) {
			fprintf(stderr, "ticks: %s: %s\n", files[i].name, strerror(errno));
			exit(1);
		}
		close(made);
		files[i].fd = -1;
		read_file(i, now());	/* what was before does not count */
	}
	seen.file = -1;
	seen.count = 0;
	seen.start = now();
	return fd;
}

static void run(double seconds)
{
	char junk[4096];
	struct pollfd p[2] = {
		{ .fd = signals(), .events = POLLIN }, { .fd = watch(), .events = POLLIN },
	};
	double end = seen.start + seconds, left;
	int i, wait = -1;

	for (;;) {
		left = end - now();
		if (seconds > 0)
			wait = left > 0 ? (int)(left * 1000) + 1 : 0;
		if (!poll(p, 2, wait))
			return;
		while (read(p[1].fd, junk, sizeof(junk)) > 0)
			;
		for (i = 0; i < nfiles; i++)
			read_file(i, now());
		if (on_signal(p[0].fd))
			return;
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	struct sched_param prio = { .sched_priority = 40 };
	double seconds = 0;
	int i;

	for (i = 1; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		if (!strcmp(argv[i], "--gap"))
			limit_ms = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--seconds"))
			seconds = atof(argv[i + 1]);
		else
			usage();
	}
	for (; i < argc; i++) {
		if (argv[i][0] == '-' || nfiles == MAX_FILES)
			usage();
		files[nfiles++].name = argv[i];
	}
	if (!nfiles)
		usage();
	/* With the right to it: what this program sleeps over is not the guest's pause. */
	sched_setscheduler(0, SCHED_FIFO, &prio);
	run(seconds);
	report();
	return 0;
}
