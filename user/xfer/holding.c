// SPDX-License-Identifier: GPL-2.0
#include "holding.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../ctl/cpufreq.h"
#include "../ctl/knethold.h"
#include "../host/threads.h"

void km_holding_begin(struct km_holding *h, const struct km_hold_wish *wish, pid_t vmm,
		      struct km_held *facts)
{
	struct km_hold_ask ask = { .floor_khz = wish->floor_khz, .latency_us = wish->latency_us };
	struct km_err err = { 0 };
	struct km_cpus ours;

	facts->wanted = !wish->off;
	if (wish->off)
		return;
	facts->floor_khz = wish->floor_khz;
	facts->latency_us = wish->latency_us;
	if (km_threads_cpus(vmm, &ask.cpus, &err) || km_threads_cpus(getpid(), &ours, &err)) {
		snprintf(facts->why_not, sizeof(facts->why_not), "%s", err.text);
		return;
	}
	km_cpus_or(&ask.cpus, &ours);
	h->cpus = ask.cpus;
	h->throttled = km_cpufreq_throttled(&h->cpus);
	km_cpus_format(&h->cpus, facts->cpus);
	if (km_knet_open(&h->knet, &err) ||
	    km_knet_hold(h->knet, &ask, &h->id, &facts->shortfall, &err)) {
		snprintf(facts->why_not, sizeof(facts->why_not), "%s", err.text);
		km_knet_close(h->knet);
		h->knet = NULL;
		return;
	}
	facts->on = true;
}

static void add_policy(const struct km_hold_policy *p, struct km_held *facts)
{
	if (!facts->policies++ || p->min_khz_before < facts->min_khz_before)
		facts->min_khz_before = p->min_khz_before;
	if (p->max_khz_before > facts->max_khz_before)
		facts->max_khz_before = p->max_khz_before;
	facts->fought += p->fought;
	if (!facts->governor_before[0])
		memcpy(facts->governor_before, p->governor_before, sizeof(p->governor_before));
	else if (strcmp(facts->governor_before, p->governor_before))
		snprintf(facts->governor_before, sizeof(facts->governor_before), "several");
}

void km_holding_end(struct km_holding *h, struct km_held *facts)
{
	struct km_err err = { 0 };
	struct km_holds all;

	if (!h->knet)
		return;
	facts->reached_khz = km_cpufreq_slowest_khz(&h->cpus);
	facts->throttled = km_cpufreq_throttled(&h->cpus) - h->throttled;
	if (!km_knet_holds(h->knet, &all, &err)) {
		for (size_t i = 0; i < all.npolicies; i++)
			if (km_cpus_overlap(&all.policy[i].cpus, &h->cpus))
				add_policy(&all.policy[i], facts);
		for (size_t i = 0; i < all.nholds; i++)
			if (all.hold[i].id == h->id)
				facts->shortfall = all.hold[i].shortfall;
		km_holds_free(&all);
	}
	/* Closing the handle would end it, too, but a moment later. */
	km_knet_hold_stop(h->knet, h->id, NULL);
	km_knet_close(h->knet);
	h->knet = NULL;
}
