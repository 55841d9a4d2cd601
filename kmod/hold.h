/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_HOLD_H
#define KM_HOLD_H

#include <linux/cpumask.h>
#include <linux/types.h>

struct pid;
struct sock;

/* What is asked for. */
struct km_hold_ask {
	cpumask_var_t cpus;
	u32 floor_khz;			/* or KM_HOLD_NO_FLOOR, KM_HOLD_TOP_FLOOR */
	u32 latency_us;
	bool keep_governor;
};

/* A hold as it is. */
struct km_hold_view {
	u32 id, port;			/* 0 if the module itself holds */
	pid_t pid;			/* as the reader sees it, or 0 */
	u64 since_ns;			/* CLOCK_MONOTONIC */
	const struct km_hold_ask *ask;
	u32 shortfall;
};

typedef int (*km_hold_fn)(const struct km_hold_view *view, void *ctx);

int km_hold_init(void);
void km_hold_fini(void);

int km_hold_start(struct sock *sk, u32 port, struct km_hold_ask *ask, u32 *id, u32 *shortfall);
int km_hold_start_for(struct pid *pid, struct km_hold_ask *ask, u32 *id, u32 *shortfall);
int km_hold_stop(struct sock *sk, u32 id);
unsigned int km_hold_count(void);

u32 km_hold_generation(void);
int km_hold_walk(u32 *next, km_hold_fn fn, void *ctx);

#endif /* KM_HOLD_H */
