/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_POLICY_H
#define KM_POLICY_H

#include <linux/cpufreq.h>
#include <linux/list.h>

#include "governor.h"

/* A cpufreq policy that is held. All of it under hold_policy.c's lock, but for @gone. */
struct km_policy {
	struct list_head list;
	struct cpufreq_policy *policy;	/* a reference */
	bool gone;			/* cpufreq waits for that reference */
	struct freq_qos_request floor;
	struct km_governor before;	/* saved before the governor is switched */
	u32 min_before, max_before;
	s32 max_request;		/* of scaling_max_freq */
	u32 wanted_khz;
	bool wanted_governor;
	bool switched;			/* the governor is what we made it */
	int error;
	unsigned long retry_at, tell_at;
	u32 fought;
};

struct km_hold_policy_view;

struct km_policy *km_policy_take(struct cpufreq_policy *policy);
void km_policy_free(struct km_policy *held);
int km_policy_want(struct km_policy *held, u32 floor_khz, bool governor);
void km_policy_apply_floor(struct km_policy *held);
void km_policy_apply_governor(struct km_policy *held);
int km_policy_put_back(struct km_policy *held);
void km_policy_removed(struct km_policy *held);
void km_policy_view(struct km_policy *held, struct km_hold_policy_view *view);
u32 km_policy_shortfall(struct km_policy *held);

#endif /* KM_POLICY_H */
