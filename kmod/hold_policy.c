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
 * policies_lock is held from begin to end. A policy in the list has a reference of ours.
 * When cpufreq removes one it waits until that is dropped (cpufreq_policy_put_kobj()),
 * with no lock of the policy's held, after it has called policy_changed(). That must not
 * wait for policies_lock: whoever has it may wait for a policy's rwsem, whose holder may
 * wait to be let through to the notifiers (CPUFREQ_CREATE_POLICY), behind one that
 * registers another, and that waits for policy_changed() to return. So policies_lock comes
 * before the rwsem, that before the notifiers' lock, and that before list_lock only.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/kmigrate.h>

#include "governor.h"
#include "hold_policy.h"
#include "policy.h"

static DEFINE_MUTEX(policies_lock);
/* Taken to change the list, and to search it without policies_lock. */
static DEFINE_SPINLOCK(list_lock);
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

static void forget(struct km_policy *held)
{
	spin_lock(&list_lock);
	list_del(&held->list);
	spin_unlock(&list_lock);
	km_policy_free(held);
	WRITE_ONCE(generation, generation + 1);
}

/* cpufreq forgets which CPU a policy is for before it tells that the policy goes. */
static bool is_there(const struct cpufreq_policy *policy, unsigned int cpu)
{
	struct cpufreq_policy *now = cpufreq_cpu_get(cpu);

	if (now)
		cpufreq_cpu_put(now);
	return now == policy;
}

static struct km_policy *take(struct cpufreq_policy *policy, unsigned int cpu)
{
	struct km_policy *held = km_policy_take(policy);

	if (IS_ERR(held))
		return held;
	spin_lock(&list_lock);
	list_add_tail(&held->list, &policies);
	spin_unlock(&list_lock);
	WRITE_ONCE(generation, generation + 1);
	/* From here on we are told; but it may have happened just before. */
	if (!is_there(policy, cpu)) {
		forget(held);
		return ERR_PTR(-EAGAIN);
	}
	return held;
}

/* Lets go of the policies that cpufreq has removed, or waits to. */
static void reap(void)
{
	struct km_policy *held, *next;

	list_for_each_entry_safe(held, next, &policies, list) {
		if (!READ_ONCE(held->gone))
			continue;
		km_policy_removed(held);
		forget(held);
	}
}

void km_hold_policy_begin(void)
{
	struct km_policy *held;

	mutex_lock(&policies_lock);
	reap();
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
		held = find(policy) ?: take(policy, cpu);
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

static void mark_gone(const struct cpufreq_policy *policy)
{
	struct km_policy *held;

	spin_lock(&list_lock);
	held = find(policy);
	if (held)
		WRITE_ONCE(held->gone, true);
	spin_unlock(&list_lock);
}

/*
 * Who has policies_lock now is followed by another pass. If nobody has, it's done at once:
 * where a CPU doesn't come back as the machine wakes up, there is no pass before it has.
 */
static int policy_changed(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event == CPUFREQ_REMOVE_POLICY) {
		mark_gone(data);
		if (mutex_trylock(&policies_lock)) {
			reap();
			mutex_unlock(&policies_lock);
		}
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
