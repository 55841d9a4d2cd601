// SPDX-License-Identifier: GPL-2.0
/*
 * One cpufreq policy that is held: what is done to it, watched, and put back.
 *
 * The floor is a request of ours among others (FREQ_QOS_MIN): nobody can take it away, and
 * a maximum (thermal, firmware, an administrator's) wins over it.
 *
 * The governor, and the maximum of scaling_max_freq, are settings: who writes last, wins. If
 * somebody does so while we hold, it is put right, counted and told (km_event). A maximum
 * that was there before, and all others', are reported only.
 *
 * The caller has hold_policy.c's lock. Locks come in the order policies_lock, policy->rwsem.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/pm_qos.h>
#include <linux/slab.h>
#include <linux/kmigrate.h>

#include "compat/compat.h"
#include "event.h"
#include "hold_policy.h"
#include "policy.h"

/* Between tries to set a governor that can't be set. Each may look for its module. */
#define RETRY_JIFFIES	HZ

/* What can be read of a policy at once. */
struct state {
	u32 min, max, top;
	s32 max_request;
	char governor[CPUFREQ_NAME_LEN];
};

/* False if none of its CPUs is online, or if it isn't complete. */
static bool look(struct cpufreq_policy *policy, struct state *state)
{
	bool active;

	down_read(&policy->rwsem);
	active = !policy_is_inactive(policy) && policy->max_freq_req;
	if (active) {
		state->min = policy->min;
		state->max = policy->max;
		state->top = policy->cpuinfo.max_freq;
		state->max_request = READ_ONCE(policy->max_freq_req->pnode.prio);
		km_governor_name(policy, state->governor);
	}
	up_read(&policy->rwsem);
	return active;
}

/* Else the request takes effect when cpufreq's own work gets to it. */
static void refresh(struct cpufreq_policy *policy)
{
	down_write(&policy->rwsem);
	km_compat_refresh_limits(policy);
	up_write(&policy->rwsem);
}

/* -EAGAIN if none of its CPUs is online. The policy isn't freed before km_policy_free(). */
struct km_policy *km_policy_take(struct cpufreq_policy *policy)
{
	struct km_policy *held;
	struct state state;

	if (!look(policy, &state))
		return ERR_PTR(-EAGAIN);
	held = kzalloc(sizeof(*held), GFP_KERNEL);
	if (!held)
		return ERR_PTR(-ENOMEM);
	kobject_get(&policy->kobj);
	held->policy = policy;
	held->min_before = state.min;
	held->max_before = state.max;
	held->max_request = state.max_request;
	held->tell_at = jiffies;
	return held;
}

void km_policy_free(struct km_policy *held)
{
	km_governor_forget(&held->before);
	kobject_put(&held->policy->kobj);
	kfree(held);
}

/* What it finds lacking is no error, only that it can't remember what was before. */
int km_policy_want(struct km_policy *held, u32 floor_khz, bool governor)
{
	held->wanted_khz = max(held->wanted_khz, floor_khz);
	held->wanted_governor |= governor;
	if (!governor || held->before.name[0])
		return 0;
	return km_governor_save(&held->before, held->policy) == -ENOMEM ? -ENOMEM : 0;
}

/* Who writes without end is told about once a second. */
static void fought(struct km_policy *held, const char *what, const struct state *found)
{
	struct km_event_fight fight = {
		.policy = kobject_name(&held->policy->kobj),
		.file = what,
		.governor = found->governor,
		.max_khz = found->max_request,
		.count = ++held->fought,
	};

	if (time_before(jiffies, held->tell_at))
		return;
	held->tell_at = jiffies + HZ;
	km_event_send_fought(&fight);
}

static bool hold_floor(struct km_policy *held, u32 khz)
{
	s32 value = min_t(u32, khz, S32_MAX);

	if (freq_qos_request_active(&held->floor))
		return freq_qos_update_request(&held->floor, value) > 0;
	return freq_qos_add_request(&held->policy->constraints, &held->floor, FREQ_QOS_MIN,
				    value) > 0;
}

static bool drop_floor(struct km_policy *held)
{
	return freq_qos_request_active(&held->floor) &&
	       freq_qos_remove_request(&held->floor) > 0;
}

/* While there is a floor. cpufreq's own request goes with the policy's last CPU. */
static void put_max_right(struct km_policy *held, const struct state *state)
{
	struct cpufreq_policy *policy = held->policy;

	/* Raised, or lowered to what still does: this is what it is from now on. */
	if (state->max_request >= min(held->max_request, held->floor.pnode.prio)) {
		held->max_request = state->max_request;
		return;
	}
	down_read(&policy->rwsem);
	if (!policy_is_inactive(policy))
		freq_qos_update_request(policy->max_freq_req, held->max_request);
	up_read(&policy->rwsem);
	refresh(policy);
	fought(held, "scaling_max_freq", state);
}

static void hold_governor(struct km_policy *held, const struct state *state)
{
	if (km_governor_is_wanted(state->governor)) {
		held->switched = true;
		held->error = 0;
		return;
	}
	if (!held->before.name[0] ||
	    (held->error && time_before(jiffies, held->retry_at)))
		return;
	if (held->switched)
		fought(held, "scaling_governor", state);
	held->error = km_governor_set(held->policy);
	held->switched = !held->error;
	held->retry_at = jiffies + RETRY_JIFFIES;
}

/* After the floor is gone: the governor then starts with the limits that were. */
static int restore_governor(struct km_policy *held)
{
	if (held->switched && km_governor_restore(&held->before, held->policy) == -EBUSY)
		return -EBUSY;
	held->switched = false;
	held->error = 0;
	km_governor_forget(&held->before);
	return 0;
}

void km_policy_apply_floor(struct km_policy *held)
{
	struct state state;
	bool changed;

	/* Its CPUs are offline: what it is set to comes back with them. */
	if (!look(held->policy, &state))
		return;
	changed = held->wanted_khz ? hold_floor(held, min(held->wanted_khz, state.top)) :
				     drop_floor(held);
	if (held->wanted_khz && state.max_request != held->max_request)
		put_max_right(held, &state);
	if (changed)
		refresh(held->policy);
}

/*
 * Not before all policies have their floors: leaving a governor waits for RCU (sugov_stop(),
 * cpufreq_dbs_governor_stop()), which takes some ticks for each on a busy host.
 */
void km_policy_apply_governor(struct km_policy *held)
{
	struct state state;

	if (!look(held->policy, &state))
		return;
	if (held->wanted_governor)
		hold_governor(held, &state);
	else if (held->before.name[0])
		restore_governor(held);
}

/* -EBUSY: not all, until one of its CPUs comes online. */
int km_policy_put_back(struct km_policy *held)
{
	struct state state;
	int err = 0;

	/* Somebody may have lowered it since the last pass. */
	if (freq_qos_request_active(&held->floor) && look(held->policy, &state) &&
	    state.max_request != held->max_request)
		put_max_right(held, &state);
	drop_floor(held);
	if (held->before.name[0])
		err = restore_governor(held);
	refresh(held->policy);
	return err;
}

/* The policy goes, and with it all that was set. */
void km_policy_removed(struct km_policy *held)
{
	drop_floor(held);
}

static u32 shortfall_of(struct km_policy *held, const struct state *state)
{
	u32 shortfall = 0;

	if (freq_qos_request_active(&held->floor) &&
	    state->max < (u32)held->floor.pnode.prio)
		shortfall |= KMIGRATE_SHORTFALL_MAX;
	if (!held->wanted_governor)
		return shortfall;
	if (!km_governor_is_wanted(state->governor))
		shortfall |= KMIGRATE_SHORTFALL_GOVERNOR;
	else if (km_governor_epp_falls_short(held->policy))
		shortfall |= KMIGRATE_SHORTFALL_EPP;
	return shortfall;
}

u32 km_policy_shortfall(struct km_policy *held)
{
	struct state state;

	return look(held->policy, &state) ? shortfall_of(held, &state) : 0;
}

void km_policy_view(struct km_policy *held, struct km_hold_policy_view *view)
{
	struct state state = {};

	*view = (struct km_hold_policy_view){
		.cpus = held->policy->related_cpus,
		.min_before = held->min_before,
		.max_before = held->max_before,
		.fought = held->fought,
		.error = held->error,
	};
	strscpy(view->name, kobject_name(&held->policy->kobj), sizeof(view->name));
	if (freq_qos_request_active(&held->floor))
		view->floor_khz = held->floor.pnode.prio;
	if (look(held->policy, &state))
		view->shortfall = shortfall_of(held, &state);
	else
		view->shortfall = KMIGRATE_SHORTFALL_OFFLINE;
	view->min_khz = state.min;
	view->max_khz = state.max;
	strscpy(view->governor, state.governor, sizeof(view->governor));
	strscpy(view->governor_before, held->before.name[0] ? held->before.name :
		state.governor, sizeof(view->governor_before));
}
