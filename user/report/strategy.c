// SPDX-License-Identifier: GPL-2.0
#include "strategy.h"

#include <inttypes.h>
#include "../plan/strategy.h"
#include "../xfer/goal.h"
#include "jsonval.h"
#include "report.h"
#include "units.h"

#define VCPUS_SHOWN  4
#define WORTH_A_WORD 0.005 /* of the pages */

json_t *km_json_strategy(const struct km_plan *p)
{
	json_t *o = json_object();
	struct km_strategy s;

	km_strategy(&p->is, &p->survey.guest, &s);
	km_j_put(o, "way", km_j_text(km_way_name(s.way)));
	if (s.way == KM_WAY_THROTTLE)
		km_j_put(o, "postcopy", km_j_text("refused: " KM_NO_POSTCOPY));
	km_j_put(o, "limit", km_j_text(km_limit_name(s.limit)));
	km_j_put(o, "packing", km_j_text(km_packing_name(s.packing)));
	km_j_put(o, "packed", km_j_real(s.packed));
	km_j_put(o, "deltas", km_j_real(s.deltas));
	km_j_put(o, "same", km_j_real(s.same));
	return o;
}

json_t *km_json_hottest(const struct km_plan *p)
{
	const struct km_hot *h = &p->survey.hot;
	json_t *o;

	if (!h->any)
		return json_null();
	o = json_object();
	km_j_put(o, "block", km_j_text(p->survey.hot_block));
	km_j_put(o, "offset", km_j_number(h->where.first * KM_PAGE_SIZE));
	km_j_put(o, "bytes", km_j_number(h->where.pages * KM_PAGE_SIZE));
	km_j_put(o, "gpa",
		 p->survey.hot_gpa == UINT64_MAX ? json_null() : km_j_number(p->survey.hot_gpa));
	km_j_put(o, "writes_per_s", km_j_real(h->writes_per_s));
	km_j_put(o, "changed_bytes_per_s", km_j_real(h->changed_bytes_per_s));
	return o;
}

json_t *km_json_plan_vcpus(const struct km_plan *p)
{
	json_t *list;

	if (!p->vcpus_known)
		return json_null();
	list = json_array();
	for (unsigned int i = 0; i < p->dirty.vcpus && i < KM_DIRTY_VCPUS; i++)
		json_array_append_new(list, km_j_number(p->dirty.pages_by_vcpu[i]));
	return list;
}

/* The one with the most of those that come after *before in that order; vcpus: there is none. */
static unsigned int next_vcpu(const struct km_dirty *d, unsigned int before)
{
	unsigned int n = d->vcpus < KM_DIRTY_VCPUS ? d->vcpus : KM_DIRTY_VCPUS, best = n;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t is = d->pages_by_vcpu[i];
		bool after = before == n || is < d->pages_by_vcpu[before] ||
			     (is == d->pages_by_vcpu[before] && i > before);

		if (is && after && (best == n || is > d->pages_by_vcpu[best]))
			best = i;
	}
	return best;
}

static void text_vcpus(FILE *f, const struct km_plan *p)
{
	const struct km_dirty *d = &p->dirty;
	unsigned int n = d->vcpus < KM_DIRTY_VCPUS ? d->vcpus : KM_DIRTY_VCPUS;
	char rate[KM_UNIT_MAX];

	fprintf(f, "vCPUs        ");
	if (!p->vcpus_known) {
		fprintf(f, "which of them writes can't be told: ");
		km_put_safe(f, p->why_no_vcpus[0] ? p->why_no_vcpus : "nobody has looked");
		fputc('\n', f);
		return;
	}
	if (!d->pages) {
		fprintf(f, "none has written anything\n");
		return;
	}
	for (unsigned int k = 0, i = n; k < VCPUS_SHOWN && (i = next_vcpu(d, i)) < n; k++)
		fprintf(f, "%s%u: %.0f %%", k ? ", " : "", i,
			100.0 * (double)d->pages_by_vcpu[i] / (double)d->pages);
	fprintf(f, "%s of %s pages/s\n", d->pages_by_none == d->pages ? "KVM alone" : "",
		km_fmt_count(rate, d->pages_per_s));
}

void km_text_decides(FILE *f, const struct km_plan *p)
{
	const struct km_hot *h = &p->survey.hot;
	char size[KM_UNIT_MAX], writes[KM_UNIT_MAX], bytes[KM_UNIT_MAX];

	if (!h->any)
		return;
	text_vcpus(f, p);
	fprintf(f, "decides      %s of RAM at ",
		km_fmt_bytes(size, (double)h->where.pages * KM_PAGE_SIZE));
	km_put_safe(f, p->survey.hot_block);
	fprintf(f, "+%#" PRIx64, h->where.first * KM_PAGE_SIZE);
	if (p->survey.hot_gpa != UINT64_MAX)
		fprintf(f, " (gfn %#" PRIx64 ")", p->survey.hot_gpa / KM_PAGE_SIZE);
	fprintf(f, ": %s writes/s, which change %s/s\n", km_fmt_count(writes, h->writes_per_s),
		km_fmt_bytes(bytes, h->changed_bytes_per_s));
}

static const char *packing_words(enum km_packing packing)
{
	static const char *const words[KM_PACKINGS] = {
		[KM_PACKING_PAYS] = "takes less CPU time than it saves of the link's",
		[KM_PACKING_COSTS] = "packs nothing: that would take longer than it saves",
		[KM_PACKING_NOTHING] = "packs nothing: there is nothing that gets smaller",
	};

	return words[packing];
}

static void text_pages(FILE *f, const struct km_strategy *s)
{
	if (s->packing == KM_PACKING_PAYS)
		fprintf(f, "             packs %.0f %% of the pages, which %s\n", 100 * s->packed,
			packing_words(s->packing));
	else
		fprintf(f, "             %s\n", packing_words(s->packing));
	if (s->deltas > WORTH_A_WORD)
		fprintf(f, "             sends of %.0f %% only what has changed in them\n",
			100 * s->deltas);
	if (s->same > WORTH_A_WORD)
		fprintf(f, "             does not send %.0f %%, which the destination holds\n",
			100 * s->same);
}

void km_text_strategy(FILE *f, const struct km_plan *p)
{
	struct km_strategy s;

	km_strategy(&p->is, &p->survey.guest, &s);
	if (s.way == KM_WAY_PRECOPY)
		fprintf(f, "strategy     pre-copy in %u rounds: ", p->is.likely.rounds);
	else
		fprintf(f,
			"strategy     pre-copy alone does not get there, --on-stall throttle may: ");
	if (s.limit == KM_LIMIT_LINK)
		fprintf(f, "the link sets the pace, and %.0f %% of %.1f free CPUs%s are taken\n",
			100 * p->is.likely.cpus_busy, p->cpus_free,
			p->same_host ? "" : " at either end");
	else
		fprintf(f, "the CPUs set the pace, of which %.1f are free%s\n", p->cpus_free,
			p->same_host ? " for both ends" : "");
	if (s.way == KM_WAY_THROTTLE)
		fprintf(f, "             %s\n", KM_NO_POSTCOPY);
	text_pages(f, &s);
}
