// SPDX-License-Identifier: GPL-2.0
/*
 * The cpufreq policies that are held (policy.c).
 *
 * hold.c says anew, every time it looks, what it wants of which CPU: km_hold_policy_begin(),
 * km_hold_policy_want() for each, km_hold_policy_end(). A policy that is wanted for the
 * first time is taken: what it was is written down. One that isn't wanted any more is put
 * back; it stays in the list if that must wait for one of its CPUs to come online. So
 * starts, stops, policies that come, and changes by others all pass here.
 *
 * policies_lock is held from begin to end. cpufreq frees a policy after it has called
 * policy_changed(), which takes the lock, too: so a policy in the list is alive while we
 * have the lock. cpufreq has no lock of the policy then (cpufreq_policy_free()), but does
 * have its rwsem when it calls with CPUFREQ_CREATE_POLICY: nothing is locked there.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/kmigrate.h>

#include "governor.h"
#include "hold_policy.h"
#include "policy.h"

static DEFINE_MUTEX(policies_lock);
static LIST_HEAD(policies);
static u32 generation;
static void (*tell_change)(void);

static struct km_policy *find(const struct cpufreq_policy *policy)
{
	struct km_policy *held;

	list_for_each_entry(held, &policies, list)
		if (held->policy == policy)
			return held;
	return NULL;
}

/* An offline CPU has no policy of its own, but counts for one that is held. */
static struct km_policy *find_related(unsigned int cpu)
{
	struct km_policy *held;

	list_for_each_entry(held, &policies, list)
		if (cpumask_test_cpu(cpu, held->policy->related_cpus))
			return held;
	return NULL;
}

static struct km_policy *take(struct cpufreq_policy *policy)
{
	struct km_policy *held = km_policy_take(policy);

	if (!IS_ERR(held)) {
		list_add_tail(&held->list, &policies);
		WRITE_ONCE(generation, generation + 1);
	}
	return held;
}

static void forget(struct km_policy *held)
{
	list_del(&held->list);
	km_policy_free(held);
	WRITE_ONCE(generation, generation + 1);
}

void km_hold_policy_begin(void)
{
	struct km_policy *held;

	mutex_lock(&policies_lock);
	list_for_each_entry(held, &policies, list) {
		held->wanted_khz = KM_HOLD_NO_FLOOR;
		held->wanted_governor = false;
	}
}

/* Fails only if there is no memory: a CPU without a policy is a shortfall. */
int km_hold_policy_want(unsigned int cpu, u32 floor_khz, bool governor)
{
	struct cpufreq_policy *policy = cpufreq_cpu_get(cpu);
	struct km_policy *held;

	if (policy) {
		held = find(policy) ?: take(policy);
		cpufreq_cpu_put(policy);
	} else {
		held = find_related(cpu);
	}
	if (IS_ERR_OR_NULL(held))
		return PTR_ERR(held) == -ENOMEM ? -ENOMEM : 0;
	return km_policy_want(held, floor_khz, governor);
}

static bool is_wanted(const struct km_policy *held)
{
	return held->wanted_khz || held->wanted_governor;
}

void km_hold_policy_end(void)
{
	struct km_policy *held, *next;

	list_for_each_entry(held, &policies, list)
		if (is_wanted(held))
			km_policy_apply_floor(held);
	list_for_each_entry_safe(held, next, &policies, list) {
		if (is_wanted(held))
			km_policy_apply_governor(held);
		else if (!km_policy_put_back(held))
			forget(held);
	}
	mutex_unlock(&policies_lock);
}

/* Can this CPU have such a floor? -ENODEV if it has no policy, -ERANGE if it's too fast. */
int km_hold_policy_check(unsigned int cpu, u32 floor_khz)
{
	struct cpufreq_policy *policy = cpufreq_cpu_get(cpu);
	int err = 0;

	if (!policy)
		return -ENODEV;
	if (floor_khz != KM_HOLD_TOP_FLOOR && floor_khz > policy->cpuinfo.max_freq)
		err = -ERANGE;
	cpufreq_cpu_put(policy);
	return err;
}

/* Of those of these CPUs that are online. */
u32 km_hold_policy_shortfall(const struct cpumask *cpus)
{
	unsigned int cpu, online = 0, covered = 0;
	struct km_policy *held;
	u32 shortfall = 0;

	mutex_lock(&policies_lock);
	for_each_cpu_and(cpu, cpus, cpu_online_mask)
		online++;
	list_for_each_entry(held, &policies, list) {
		if (!cpumask_intersects(cpus, held->policy->related_cpus))
			continue;
		shortfall |= km_policy_shortfall(held);
		for_each_cpu_and(cpu, cpus, held->policy->related_cpus)
			covered += cpu_online(cpu);
	}
	mutex_unlock(&policies_lock);
	return covered < online ? shortfall | KMIGRATE_SHORTFALL_NO_CPUFREQ : shortfall;
}

u32 km_hold_policy_generation(void)
{
	return READ_ONCE(generation);
}

/* From the @index-th on. */
int km_hold_policy_walk(u32 *index, km_hold_policy_fn fn, void *ctx)
{
	struct km_hold_policy_view view;
	struct km_policy *held;
	u32 at = 0;
	int err = 0;

	mutex_lock(&policies_lock);
	list_for_each_entry(held, &policies, list) {
		if (at++ < *index)
			continue;
		km_policy_view(held, &view);
		err = fn(&view, ctx);
		if (err)
			break;
		++*index;
	}
	mutex_unlock(&policies_lock);
	return err;
}

static int policy_changed(struct notifier_block *nb, unsigned long event, void *data)
{
	struct km_policy *held;

	if (event == CPUFREQ_REMOVE_POLICY) {
		mutex_lock(&policies_lock);
		held = find(data);
		if (held) {
			km_policy_removed(held);
			forget(held);
		}
		mutex_unlock(&policies_lock);
	}
	tell_change();
	return NOTIFY_DONE;
}

static struct notifier_block notifier = {
	.notifier_call = policy_changed,
};

/* Without cpufreq, as under Xen, there is nothing to be told of. */
static bool notified;

/* @changed is called when a policy came or went; it must not wait. */
int km_hold_policy_init(void (*changed)(void))
{
	int err = km_governor_init();

	if (err)
		return err;
	tell_change = changed;
	notified = !cpufreq_register_notifier(&notifier, CPUFREQ_POLICY_NOTIFIER);
	return 0;
}

/*
 * After the last pass that has something to put back. What must still wait for a CPU won't
 * be put back any more. It's forgotten first, as nobody tells of its end from here on.
 */
void km_hold_policy_unwatch(void)
{
	struct km_policy *held, *next;

	mutex_lock(&policies_lock);
	list_for_each_entry_safe(held, next, &policies, list)
		forget(held);
	mutex_unlock(&policies_lock);
	if (notified)
		cpufreq_unregister_notifier(&notifier, CPUFREQ_POLICY_NOTIFIER);
}

/* After the last pass. */
void km_hold_policy_fini(void)
{
	km_governor_fini();
}
