// SPDX-License-Identifier: GPL-2.0
#include "strategy.h"

#include "xfer/pack.h"

/* The part of the CPUs from which on they are short. */
#define BUSY   0.9
/* Less of the pages is a trial (worth.h). */
#define TRIALS 0.03

static bool any_light(const struct km_reh_guest *g)
{
	for (unsigned int i = 0; i < g->regions; i++)
		if (g->region[i].ratio < KM_PACK_RATIO_MAX && g->region[i].zero < 1)
			return true;
	return false;
}

void km_strategy(const struct km_prediction *p, const struct km_reh_guest *guest,
		 struct km_strategy *s)
{
	const struct km_reh_result *r = &p->likely;
	double content = (double)(r->raw_pages + r->packed_pages + r->delta_pages + r->same_pages);

	*s = (struct km_strategy){ .way = r->moved ? KM_WAY_PRECOPY : KM_WAY_THROTTLE,
				   .limit = r->cpus_busy > BUSY ? KM_LIMIT_CPUS : KM_LIMIT_LINK };
	if (content > 0) {
		s->packed = (double)r->packed_pages / content;
		s->deltas = (double)r->delta_pages / content;
		s->same = (double)r->same_pages / content;
	}
	s->packing = !any_light(guest)	? KM_PACKING_NOTHING :
		     s->packed > TRIALS ? KM_PACKING_PAYS :
					  KM_PACKING_COSTS;
}

const char *km_way_name(enum km_way w)
{
	static const char *const names[KM_WAYS] = {
		[KM_WAY_PRECOPY] = "pre-copy", [KM_WAY_THROTTLE] = "throttle"
	};

	return names[w];
}

const char *km_limit_name(enum km_limit l)
{
	static const char *const names[KM_LIMITS] = {
		[KM_LIMIT_LINK] = "link", [KM_LIMIT_CPUS] = "cpus"
	};

	return names[l];
}

const char *km_packing_name(enum km_packing p)
{
	static const char *const names[KM_PACKINGS] = {
		[KM_PACKING_PAYS] = "pays", [KM_PACKING_COSTS] = "costs", [KM_PACKING_NOTHING] = "nothing"
	};

	return names[p];
}
