// SPDX-License-Identifier: GPL-2.0
#include "goal.h"

#include <errno.h>
#include <stdio.h>

#define MIB 1048576.0

/* "; vcpu1 dirties 62 % of it, pc.ram+0x4000000 (64.0 MiB) comes back most", as far as it is
 * known. */
static void blame(const struct km_run *run, char *buf, size_t size)
{
	const struct km_module_facts *m = &run->module;
	const struct km_stall_facts *f = &run->stall;
	unsigned int worst = 0;
	int n = 0;

	buf[0] = '\0';
	for (unsigned int i = 1; i < m->vcpus; i++)
		if (m->dirtied_by_vcpu[i] > m->dirtied_by_vcpu[worst])
			worst = i;
	if (m->present && m->dirtied_pages && m->vcpus)
		n = snprintf(buf, size, "; vcpu%u dirties %.0f %% of it", worst,
			     100.0 * (double)m->dirtied_by_vcpu[worst] / (double)m->dirtied_pages);
	if (f->region[0])
		snprintf(buf + n, size - (size_t)n, "%s %.40s+%#llx (%.1f MiB) comes back most",
			 n ? "," : ";", f->region, (unsigned long long)f->region_offset,
			 (double)f->region_bytes / MIB);
}

static const char *advice(const struct km_run *run)
{
	return run->throttle.wanted ? "" : "; try --on-stall throttle";
}

int km_goal_deadline_missed(const struct km_run *run, unsigned int deadline_ms, struct km_err *err)
{
	const struct km_counters *c = &run->c;
	double dirty = (double)(c->dirty_pages_per_s * KM_PAGE_SIZE) / MIB;
	double link = (double)c->goodput_bytes_per_s / MIB;
	double left =
		((double)c->qemu_remaining_bytes + (double)(c->backlog_pages * KM_PAGE_SIZE)) / MIB;
	char whom[160];

	if (dirty < link || link <= 0)
		return km_err_set(
			err, -ETIME,
			"not done within --deadline (%.1f s): %.1f MiB are left, the link "
			"carries %.1f MiB/s",
			deadline_ms / 1e3, left, link);
	blame(run, whom, sizeof(whom));
	return km_err_set(
		err, -ETIME,
		"not done within --deadline (%.1f s): the guest dirties %.1f MiB/s and the "
		"link carries %.1f%s%s",
		deadline_ms / 1e3, dirty, link, whom, advice(run));
}

int km_goal_stalled(const struct km_run *run, struct km_err *err)
{
	const struct km_counters *c = &run->c;
	char whom[160];

	blame(run, whom, sizeof(whom));
	return km_err_set(err, -ETIME,
			  "the guest can't be moved like this: %u rounds in a row were no smaller "
			  "(%.1f MiB), and the link carries %.1f MiB/s%s%s",
			  run->stall.rounds, (double)(run->stall.round_pages * KM_PAGE_SIZE) / MIB,
			  (double)c->goodput_bytes_per_s / MIB, whom, advice(run));
}
