// SPDX-License-Identifier: GPL-2.0
/*
 * What all holds together want of each CPU: the highest floor, the lowest latency, and the
 * governor if any of them does. Only hold.c's work, which there is one of, adds up and puts
 * the sum in force; hold_cpu.c and hold_policy.c know what is in force already and what was
 * before.
 */
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "hold.h"
#include "hold_cpu.h"
#include "hold_policy.h"
#include "hold_sum.h"

struct want {
	u32 floor_khz, latency_us;
	bool governor;
	int error;			/* for any reader */
};

static struct want *wants;

void km_hold_sum_begin(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		wants[cpu].floor_khz = KM_HOLD_NO_FLOOR;
		wants[cpu].latency_us = KM_HOLD_NO_LATENCY;
		wants[cpu].governor = false;
	}
}

void km_hold_sum_add(const struct km_hold_ask *ask)
{
	unsigned int cpu;

	for_each_cpu(cpu, ask->cpus) {
		struct want *want = &wants[cpu];

		want->floor_khz = max(want->floor_khz, ask->floor_khz);
		want->latency_us = min(want->latency_us, ask->latency_us);
		want->governor |= ask->floor_khz && !ask->keep_governor;
	}
}

void km_hold_sum_apply(void)
{
	bool lowered = false;
	unsigned int cpu;
	int err;

	km_hold_policy_begin();
	for_each_possible_cpu(cpu) {
		struct want *want = &wants[cpu];

		err = km_hold_cpu_apply(cpu, want->latency_us, &lowered);
		if (!err && want->floor_khz)
			err = km_hold_policy_want(cpu, want->floor_khz, want->governor);
		WRITE_ONCE(want->error, err);
	}
	km_hold_policy_end();
	/* One that sleeps already would do so as deep as it chose to. */
	if (lowered)
		wake_up_all_idle_cpus();
}

/* Why these CPUs can't be held, as the last pass found it. */
int km_hold_sum_error(const struct cpumask *cpus)
{
	unsigned int cpu;
	int err = 0;

	for_each_cpu(cpu, cpus)
		err = err ?: READ_ONCE(wants[cpu].error);
	return err;
}

/* @changed is called when a policy came or went; it must not wait. */
int km_hold_sum_init(void (*changed)(void))
{
	int err = -ENOMEM;

	wants = kvcalloc(nr_cpu_ids, sizeof(*wants), GFP_KERNEL);
	if (!wants)
		return err;
	err = km_hold_cpu_init();
	if (err)
		goto err_wants;
	err = km_hold_policy_init(changed);
	if (err)
		goto err_cpu;
	return 0;

err_cpu:
	km_hold_cpu_fini();
err_wants:
	kvfree(wants);
	return err;
}

/* After a pass that found nothing wanted. From here on @changed isn't called. */
void km_hold_sum_stop(void)
{
	km_hold_policy_unwatch();
}

/* After the last pass. */
void km_hold_sum_fini(void)
{
	km_hold_policy_fini();
	km_hold_cpu_fini();
	kvfree(wants);
}
