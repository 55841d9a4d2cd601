// SPDX-License-Identifier: GPL-2.0
#include "series.h"

/* Every second one; but phases keep their first, so that none is lost. */
static void thin(struct km_series *series)
{
	size_t kept = 0;

	for (size_t i = 0; i < series->n; i++) {
		bool first = !i || series->s[i].phase != series->s[i - 1].phase;

		if (first || i % 2 == 0)
			series->s[kept++] = series->s[i];
	}
	series->n = kept;
	series->every_ms *= 2;
}

void km_series_add(struct km_series *series, const struct km_run *r, double at_ms)
{
	const struct km_counters *c = &r->c;
	const struct km_sample *last = series->n ? &series->s[series->n - 1] : NULL;

	if (!series->n)
		series->every_ms = KM_SERIES_FIRST_MS;
	if (last && r->phase == last->phase && at_ms - last->at_ms < series->every_ms)
		return;
	if (series->n == KM_SERIES_MAX)
		thin(series);
	series->s[series->n++] = (struct km_sample){
		.at_ms = at_ms,
		.phase = r->phase,
		.rounds = c->rounds,
		.left_bytes =
			(double)c->qemu_remaining_bytes + (double)c->backlog_pages * KM_PAGE_SIZE,
		.goodput_bytes_per_s = (double)c->goodput_bytes_per_s,
		.dirty_bytes_per_s = (double)c->dirty_pages_per_s * KM_PAGE_SIZE,
	};
}

double km_series_dirty_bytes_per_s(const struct km_series *series, size_t i)
{
	uint64_t round = series->s[i].rounds;

	if (series->s[i].phase > KM_PHASE_PRECOPY)
		return 0; /* it stands still */
	for (; i + 1 < series->n; i++)
		if (series->s[i].rounds != round)
			break;
	return series->s[i].dirty_bytes_per_s;
}

double km_series_phase_ms(const struct km_series *series, enum km_phase phase)
{
	for (size_t i = 0; i < series->n; i++)
		if (series->s[i].phase == phase)
			return series->s[i].at_ms;
	return -1;
}
