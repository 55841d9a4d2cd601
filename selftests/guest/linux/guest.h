/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LINUX_GUEST_H
#define LINUX_GUEST_H

#include <stdatomic.h>
#include <stdint.h>

enum content { CONTENT_RANDOM, CONTENT_TEXT, CONTENT_SILENT, CONTENT_ZERO };

/* From the kernel's command line, as kmg.NAME=VALUE */
struct params {
	uint64_t mem;		/* bytes with known content; 0: half of free memory */
	uint64_t ws;		/* how many of them are rewritten; 0: half */
	uint64_t rate;		/* pages a second by all threads, 0: no limit */
	uint64_t threads;	/* 0: one a CPU */
	uint64_t bytes;		/* changed by each write, 8 to 4096 */
	uint64_t content;
	uint64_t sweep;		/* pages a second checked in whole by all threads */
	uint64_t seed;
	uint64_t tick;		/* ms between ticks */
	uint64_t status;	/* ms between status lines */
};

extern struct params params;

/* params.c */
void params_read(void);

/* memory.c */
struct counters {
	_Atomic uint64_t writes, verified, wrong, sweeps;
};

extern struct counters counters;

void memory_start(void);

/* init.c: one line to the console, in one write */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t now_ns(void);

#endif
