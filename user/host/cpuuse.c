// SPDX-License-Identifier: GPL-2.0
#include "cpuuse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../textfile.h"

#define FILE_MAX (1u << 20) /* bytes; a line a CPU, and one of interrupts with a number for each */
#define LEAST	 0.5
#define COLUMNS	 8 /* user nice system idle iowait irq softirq steal; guests' are in the first */
#define NICE	 1
#define IDLE	 3
#define IOWAIT	 4

static bool add_line(const char *line, const cpu_set_t *set, struct km_cpuuse *u)
{
	uint64_t t[COLUMNS];
	unsigned int cpu;

	if (sscanf(line,
		   "cpu%u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &cpu, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 1 + COLUMNS)
		return false;
	if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, set))
		return true;
	u->cpus++;
	for (unsigned int i = 0; i < COLUMNS; i++)
		u->all += t[i];
	u->free += t[NICE] + t[IDLE] + t[IOWAIT];
	return true;
}

int km_cpuuse_parse(const char *text, const cpu_set_t *set, struct km_cpuuse *u, struct km_err *err)
{
	const char *line = strchr(text, '\n'); /* the first is of all CPUs */

	*u = (struct km_cpuuse){ 0 };
	while (line && add_line(line + 1, set, u))
		line = strchr(line + 1, '\n');
	return u->cpus ? 0 : km_err_set(err, -EPROTO, "/proc/stat says nothing of our CPUs");
}

int km_cpuuse_read(struct km_cpuuse *u, struct km_err *err)
{
	cpu_set_t set;
	char *text, *ended;
	size_t len;
	int rc;

	if (sched_getaffinity(0, sizeof(set), &set))
		return km_err_set(err, -errno, "sched_getaffinity: %s", strerror(errno));
	rc = km_textfile_read("/proc/stat", FILE_MAX, &text, &len, err);
	if (rc)
		return km_err_set(err, rc, "/proc/stat: %s", strerror(-rc));
	ended = strndup(text, len);
	rc = ended ? km_cpuuse_parse(ended, &set, u, err) :
		     km_err_set(err, -ENOMEM, "out of memory");
	free(ended);
	free(text);
	return rc;
}

double km_cpuuse_free(const struct km_cpuuse *before, const struct km_cpuuse *after)
{
	double all = (double)after->all - (double)before->all;
	double free = (double)after->free - (double)before->free;
	double part = all > 0 ? free / all : LEAST;

	return after->cpus * (part < LEAST ? LEAST : part > 1 ? 1 : part);
}
