// SPDX-License-Identifier: GPL-2.0
#include "goal.h"

#include <errno.h>
#include <stdio.h>

#define MIB 1048576.0

/* "; vcpu1 dirties 62 % of it", or nothing. */
static void blame(const struct km_module_facts *m, char *buf, size_t size)
{
	unsigned int worst = 0;

	buf[0] = '\0';
	if (!m->present || !m->dirtied_pages || !m->vcpus)
		return;
	for (unsigned int i = 1; i < m->vcpus; i++)
		if (m->dirtied_by_vcpu[i] > m->dirtied_by_vcpu[worst])
			worst = i;
	snprintf(buf, size, "; vcpu%u dirties %.0f %% of it", worst,
		 100.0 * (double)m->dirtied_by_vcpu[worst] / (double)m->dirtied_pages);
}

int km_goal_deadline_missed(const struct km_run *run, unsigned int deadline_ms, struct km_err *err)
{
	const struct km_counters *c = &run->c;
	double dirty = (double)(c->dirty_pages_per_s * KM_PAGE_SIZE) / MIB;
	double link = (double)c->goodput_bytes_per_s / MIB;
	double left =
		((double)c->qemu_remaining_bytes + (double)(c->backlog_pages * KM_PAGE_SIZE)) / MIB;
	char whom[64];

	if (dirty < link || link <= 0)
		return km_err_set(
			err, -ETIME,
			"not done within --deadline (%.1f s): %.1f MiB are left, the link "
			"carries %.1f MiB/s",
			deadline_ms / 1e3, left, link);
	blame(&run->module, whom, sizeof(whom));
	return km_err_set(
		err, -ETIME,
		"not done within --deadline (%.1f s): the guest dirties %.1f MiB/s and the "
		"link carries %.1f%s%s",
		deadline_ms / 1e3, dirty, link, whom,
		run->throttle.wanted ? "" : "; try --throttle");
}
