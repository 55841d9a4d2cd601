/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_HOLD_POLICY_H
#define KM_HOLD_POLICY_H

#include <linux/cpufreq.h>
#include <linux/cpumask.h>

#define KM_HOLD_NO_FLOOR	0
#define KM_HOLD_TOP_FLOOR	U32_MAX		/* what the policy has */

/* A policy that is held, for a report. The rest is the policy's own. */
struct km_hold_policy_view {
	char name[16];			/* policyN, its folder */
	const struct cpumask *cpus;	/* online and not */
	u32 floor_khz;
	u32 min_before, max_before, min_khz, max_khz;
	char governor_before[CPUFREQ_NAME_LEN];
	char governor[CPUFREQ_NAME_LEN];
	u32 shortfall, fought;
	int error;			/* of the last try to set the governor */
};

typedef int (*km_hold_policy_fn)(const struct km_hold_policy_view *view, void *ctx);

int km_hold_policy_init(void (*changed)(void));
void km_hold_policy_unwatch(void);
void km_hold_policy_fini(void);

void km_hold_policy_begin(void);
int km_hold_policy_want(unsigned int cpu, u32 floor_khz, bool governor);
void km_hold_policy_end(void);

int km_hold_policy_check(unsigned int cpu, u32 floor_khz);
u32 km_hold_policy_shortfall(const struct cpumask *cpus);
u32 km_hold_policy_generation(void);
int km_hold_policy_walk(u32 *index, km_hold_policy_fn fn, void *ctx);

#endif /* KM_HOLD_POLICY_H */
