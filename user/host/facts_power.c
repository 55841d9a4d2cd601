// SPDX-License-Identifier: GPL-2.0
/* Documentation/admin-guide/pm/{cpufreq,cpuidle,intel_pstate}.rst */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "../ctl/cpufreq.h"
#include "../place/topo.h"
#include "facts.h"
#include "sysfile.h"

#define STATES_MAX 32

/* The deepest is the last that is not disabled, for CPU 0. */
static void read_idle(const char *root, struct km_rec_power *p)
{
	for (int i = 0; i < STATES_MAX; i++) {
		char name[sizeof(p->idle_state)];
		uint64_t us = 0;

		if (!km_sys_text(name, sizeof(name),
				 "%s/sys/devices/system/cpu/cpu0/cpuidle/state%d/name", root, i))
			return;
		if (km_sys_yes("%s/sys/devices/system/cpu/cpu0/cpuidle/state%d/disable", root, i) ==
		    KM_YES)
			continue;
		km_sys_number(&us, "%s/sys/devices/system/cpu/cpu0/cpuidle/state%d/latency", root,
			      i);
		memcpy(p->idle_state, name, sizeof(name));
		p->idle_latency_us = (uint32_t)us;
	}
}

static void read_governors(const char *root, const struct km_cpus *cpus, struct km_rec_power *p)
{
	char governor[sizeof(p->governor)];

	for (int c = km_cpus_next(cpus, 0); c >= 0; c = km_cpus_next(cpus, c + 1)) {
		if (!km_sys_text(governor, sizeof(governor),
				 "%s/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", root,
				 c))
			continue;
		if (p->governor[0] && strcmp(p->governor, governor))
			snprintf(p->governor, sizeof(p->governor), "mixed");
		else
			memcpy(p->governor, governor, sizeof(governor));
	}
}

static enum km_tri read_turbo(const char *root)
{
	enum km_tri off = km_sys_yes("%s/sys/devices/system/cpu/intel_pstate/no_turbo", root);

	if (off != KM_UNKNOWN)
		return off == KM_YES ? KM_NO : KM_YES;
	return km_sys_yes("%s/sys/devices/system/cpu/cpufreq/boost", root);
}

void km_facts_power(const char *root, struct km_rec_power *p)
{
	const char *first = "sys/devices/system/cpu/cpu0/cpufreq";
	struct km_topo *topo = calloc(1, sizeof(*topo));
	uint64_t khz = 0;

	km_sys_text(p->driver, sizeof(p->driver), "%s/%s/scaling_driver", root, first);
	km_sys_text(p->preference, sizeof(p->preference), "%s/%s/energy_performance_preference",
		    root, first);
	km_sys_number(&khz, "%s/%s/cpuinfo_max_freq", root, first);
	p->max_khz = khz > UINT32_MAX ? 0 : (uint32_t)khz;
	if (topo && !km_topo_load(topo, NULL)) {
		read_governors(root, &topo->cpus, p);
		if (!root[0])
			p->throttled = km_cpufreq_throttled(&topo->cpus);
	}
	free(topo);
	p->turbo = read_turbo(root);
	read_idle(root, p);
}
