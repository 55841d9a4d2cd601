// SPDX-License-Identifier: GPL-2.0
/* Who holds which CPUs, how, and what it lacks: for people and for programs. */
#include "hold.h"

#include <linux/kmigrate.h>
#include <string.h>
#include "jsonval.h"
#include "report.h"
#include "units.h"

static const struct {
	uint32_t bit;
	const char *word, *text;
} lacks[] = {
	{ KMIGRATE_SHORTFALL_NO_CPUFREQ, "no-cpufreq",
	  "no cpufreq driver: frequencies can't be held" },
	{ KMIGRATE_SHORTFALL_MAX, "max", "a maximum below the floor is in force" },
	{ KMIGRATE_SHORTFALL_GOVERNOR, "governor", "the governor can't be set" },
	{ KMIGRATE_SHORTFALL_EPP, "epp", "the driver prefers saving energy (EPP)" },
	{ KMIGRATE_SHORTFALL_OFFLINE, "offline", "a CPU is offline" },
};

char *km_fmt_shortfall(char buf[KM_SHORTFALL_TEXT], uint32_t shortfall)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		if (shortfall & lacks[i].bit && len < KM_SHORTFALL_TEXT)
			len += (size_t)snprintf(buf + len, KM_SHORTFALL_TEXT - len, "%s%s",
						len ? "; " : "", lacks[i].text);
	return buf;
}

json_t *km_json_shortfall(uint32_t shortfall)
{
	json_t *all = json_array();

	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		if (shortfall & lacks[i].bit)
			json_array_append_new(all, km_j_text(lacks[i].word));
	return all;
}

static json_t *json_cpus(const struct km_cpus *s)
{
	char list[KM_CPUS_TEXT];

	return km_j_text(km_cpus_empty(s) ? "" : km_cpus_format(s, list));
}

/* null: the highest that each policy has. */
static json_t *json_floor(uint32_t khz)
{
	return khz == KM_FLOOR_TOP ? json_null() : km_j_number(khz);
}

static json_t *json_hold(const struct km_hold *hold)
{
	json_t *o = json_object();

	km_j_put(o, "hold", km_j_number(hold->id));
	km_j_put(o, "pid", hold->pid ? km_j_number((uint64_t)hold->pid) : json_null());
	km_j_put(o, "automatic", json_boolean(hold->automatic));
	km_j_put(o, "seconds", km_j_real(hold->held_for_s));
	km_j_put(o, "cpus", json_cpus(&hold->ask.cpus));
	km_j_put(o, "floor_khz", json_floor(hold->ask.floor_khz));
	km_j_put(o, "latency_us", km_j_number(hold->ask.latency_us));
	km_j_put(o, "keep_governor", json_boolean(hold->ask.keep_governor));
	km_j_put(o, "shortfall", km_json_shortfall(hold->shortfall));
	return o;
}

static json_t *json_state(uint32_t min_khz, uint32_t max_khz, const char *governor)
{
	json_t *o = json_object();

	km_j_put(o, "min_khz", km_j_number(min_khz));
	km_j_put(o, "max_khz", km_j_number(max_khz));
	km_j_put(o, "governor", km_j_text_or_null(governor));
	return o;
}

static json_t *json_policy(const struct km_hold_policy *p)
{
	json_t *o = json_object();

	km_j_put(o, "policy", km_j_text(p->name));
	km_j_put(o, "cpus", json_cpus(&p->cpus));
	km_j_put(o, "floor_khz", km_j_number(p->floor_khz));
	km_j_put(o, "before", json_state(p->min_khz_before, p->max_khz_before, p->governor_before));
	km_j_put(o, "now", json_state(p->min_khz, p->max_khz, p->governor));
	km_j_put(o, "fought", km_j_number(p->fought));
	km_j_put(o, "shortfall", km_json_shortfall(p->shortfall));
	km_j_put(o, "governor_error", p->error ? km_j_text(strerror(p->error)) : json_null());
	return o;
}

static json_t *json_cpu(const struct km_hold_cpu *c)
{
	json_t *o = json_object();

	km_j_put(o, "cpu", km_j_number(c->cpu));
	km_j_put(o, "latency_us", km_j_number(c->latency_us));
	km_j_put(o, "in_force_us", km_j_number(c->in_force_us));
	return o;
}

json_t *km_json_holds(const struct km_holds *h)
{
	json_t *o = json_object(), *holds = json_array(), *policies = json_array(),
	       *cpus = json_array();

	for (size_t i = 0; i < h->nholds; i++)
		json_array_append_new(holds, json_hold(&h->hold[i]));
	for (size_t i = 0; i < h->npolicies; i++)
		json_array_append_new(policies, json_policy(&h->policy[i]));
	for (size_t i = 0; i < h->ncpus; i++)
		json_array_append_new(cpus, json_cpu(&h->cpu[i]));
	km_j_put(o, "holds", holds);
	km_j_put(o, "policies", policies);
	km_j_put(o, "cpus", cpus);
	return o;
}

static const char *fmt_floor(char buf[KM_UNIT_MAX], uint32_t khz)
{
	if (khz == KM_FLOOR_TOP)
		return "top";
	if (khz == KM_FLOOR_NONE)
		return "-";
	snprintf(buf, KM_UNIT_MAX, "%.2f GHz", khz / 1e6);
	return buf;
}

static void put_policy(FILE *f, const struct km_hold_policy *p)
{
	char cpus[KM_CPUS_TEXT], floor[KM_UNIT_MAX], lack[KM_SHORTFALL_TEXT];

	fprintf(f, "%-10s %-12s %10s  %s, %.2f to %.2f GHz (before: %s, %.2f to %.2f GHz)\n",
		p->name, km_cpus_format(&p->cpus, cpus), fmt_floor(floor, p->floor_khz),
		p->governor, p->min_khz / 1e6, p->max_khz / 1e6, p->governor_before,
		p->min_khz_before / 1e6, p->max_khz_before / 1e6);
	if (p->fought)
		fprintf(f, "%10s put right %u times: somebody else changes it\n", "", p->fought);
	if (p->shortfall)
		fprintf(f, "%10s %s\n", "", km_fmt_shortfall(lack, p->shortfall));
	if (p->error)
		fprintf(f, "%10s setting the governor: %s\n", "", strerror(p->error));
}

void km_text_holds(FILE *f, const struct km_holds *h)
{
	char time[KM_UNIT_MAX], floor[KM_UNIT_MAX], cpus[KM_CPUS_TEXT], lack[KM_SHORTFALL_TEXT];

	if (!h->nholds) {
		fprintf(f, "no CPUs are held\n");
		return;
	}
	fprintf(f, "%-6s %8s %10s %-12s %10s %10s\n", "HOLD", "PID", "FOR", "CPUS", "FLOOR",
		"LATENCY");
	for (size_t i = 0; i < h->nholds; i++) {
		const struct km_hold *hold = &h->hold[i];

		fprintf(f, "%-6u %8d %10s %-12s %10s %7u us%s\n", hold->id, (int)hold->pid,
			km_fmt_ms(time, hold->held_for_s * 1e3),
			km_cpus_format(&hold->ask.cpus, cpus),
			fmt_floor(floor, hold->ask.floor_khz), hold->ask.latency_us,
			hold->automatic ? "  automatic" : "");
		if (hold->shortfall)
			fprintf(f, "%6s %s\n", "", km_fmt_shortfall(lack, hold->shortfall));
	}
	if (h->npolicies)
		fprintf(f, "\n%-10s %-12s %10s  %s\n", "POLICY", "CPUS", "FLOOR", "NOW");
	for (size_t i = 0; i < h->npolicies; i++)
		put_policy(f, &h->policy[i]);
}
