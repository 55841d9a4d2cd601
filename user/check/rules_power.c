// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <string.h>
#include "rules.h"

/* intel_pstate's and amd-pstate-epp's powersave goes by the load; cpufreq's own keeps the CPU at
 * its lowest (Documentation/admin-guide/pm/cpufreq.rst, intel_pstate.rst). */
static bool crawls(const struct km_rec_power *p)
{
	return !strcmp(p->governor, "powersave") && strcmp(p->driver, "intel_pstate") &&
	       strcmp(p->driver, "amd-pstate-epp");
}

static bool governor(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_power *b = &p->there->power;
	bool saves = !strcmp(b->preference, "power");

	km_rule_here(f, "%s", p->here->power.governor);
	km_rule_there(f, "governor %s of %s%s%s", b->governor, b->driver,
		      b->preference[0] ? ", preference " : "", b->preference);
	return crawls(b) || saves;
}

static bool idle(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_power *a = &p->here->power, *b = &p->there->power;

	km_rule_here(f, "%s, %u us", a->idle_state, a->idle_latency_us);
	km_rule_there(f, "%s, %u us", b->idle_state, b->idle_latency_us);
	return a->idle_state[0] && b->idle_latency_us > 100 &&
	       b->idle_latency_us > a->idle_latency_us;
}

static bool turbo(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "on");
	km_rule_there(f, "off");
	return km_rule_lost(p->here->power.turbo, p->there->power.turbo);
}

static bool clock(const struct km_pair *p, struct km_finding *f)
{
	uint32_t a = p->here->power.max_khz, b = p->there->power.max_khz;

	km_rule_here(f, "%u MHz at most", a / 1000);
	km_rule_there(f, "%u MHz at most", b / 1000);
	return a && b && (uint64_t)b * 10 < (uint64_t)a * 9;
}

static bool throttled(const struct km_pair *p, struct km_finding *f)
{
	km_rule_there(f, "%" PRIu64 " thermal events since boot", p->there->power.throttled);
	return p->there->power.throttled;
}

const struct km_rule km_rules_power[] = {
	{ "power-governor", KM_WARNS, governor, "the CPUs there are kept at a low clock",
	  "choose another governor or preference; kmigrate holds the clock during the move only" },
	{ "power-idle", KM_INFO, idle, "a vCPU that has slept may take so long to wake up there",
	  "kmigrate hold --latency-us there, if the guest minds" },
	{ "power-turbo", KM_INFO, turbo, "the CPUs there don't go above their nominal clock",
	  "switch turbo on there" },
	{ "power-clock", KM_INFO, clock, "the guest would be slower there", "nothing" },
	{ "power-throttled", KM_INFO, throttled, "its CPUs have been too hot, and were slowed",
	  "look at its cooling" },
	{ 0 },
};
