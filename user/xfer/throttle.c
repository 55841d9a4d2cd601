// SPDX-License-Identifier: GPL-2.0
#include "throttle.h"

#include <math.h>

#define STUCK_LOOKS 3
#define STUCK_PART  0.9 /* of what the link carries: then it takes ten rounds to get anywhere */
#define AIM_PART    0.7 /* each round is then this part of the one before */
#define FAR_PART    0.5 /* is aimed at while stuck: the truth is beyond what can be seen */
#define LEAST_PART  0.1 /* is always left to the vCPUs, whatever others dirty */
/* A step at most: halved down, but up by little, as the guest answers a round later. */
#define STEP_DOWN   0.5
#define STEP_UP	    1.25
#define STEP_UP_BY  0.02
#define LINK_FADES  0.6 /* a look; the first may have been of pages that cost nothing */
#define SLOWEST	    ((100 - KM_THROTTLE_MAX) / 100.0)

static double speed_of(const struct km_throttle *t, unsigned int vcpu)
{
	return t->speed[vcpu] > 0 ? t->speed[vcpu] : 1;
}

static bool is_throttling(const struct km_throttle *t, unsigned int vcpus)
{
	for (unsigned int i = 0; i < vcpus; i++)
		if (speed_of(t, i) < 1)
			return true;
	return false;
}

/* Pages a second at full speed, as far as can be told. */
static double wish(const struct km_throttle *t, const struct km_throttle_look *look, unsigned int i)
{
	return (double)look->dirtied[i] / look->seconds / speed_of(t, i);
}

/* The level to which the wishes must be cut for their sum to be target: those below it keep
 * what they wish, the others share the rest evenly. INFINITY: no wish need be cut. */
static double level_of(const struct km_throttle *t, const struct km_throttle_look *look,
		       double target)
{
	double level = 0, rest = target;
	unsigned int above = look->vcpus, before;

	do {
		double below = 0;

		before = above;
		level = rest / above;
		above = 0;
		for (unsigned int i = 0; i < look->vcpus; i++) {
			double w = wish(t, look, i);

			if (w > level)
				above++;
			else
				below += w;
		}
		rest = target - below;
	} while (above && above != before);
	return above ? level : INFINITY;
}

static void set_speed(struct km_throttle *t, unsigned int vcpu, double wanted)
{
	double now = speed_of(t, vcpu);

	wanted = fmax(wanted, now * STEP_DOWN);
	wanted = fmin(wanted, now * STEP_UP + STEP_UP_BY);
	t->speed[vcpu] = fmin(fmax(wanted, SLOWEST), 1);
}

void km_throttle_step(struct km_throttle *t, const struct km_throttle_look *look)
{
	double others, all, level, aim;
	bool full;

	if (!(look->seconds > 0) || !look->vcpus || look->vcpus > KM_THROTTLE_VCPUS)
		return;
	t->link = fmax(look->link, t->link * LINK_FADES);
	others = all = (double)look->others / look->seconds;
	for (unsigned int i = 0; i < look->vcpus; i++)
		all += (double)look->dirtied[i] / look->seconds;
	full = all >= STUCK_PART * t->link;
	if (!is_throttling(t, look->vcpus)) {
		t->stuck = full && look->left > t->link * look->pause_s ? t->stuck + 1 : 0;
		if (t->stuck < STUCK_LOOKS)
			return;
	}
	aim = (full ? FAR_PART : AIM_PART) * t->link;
	level = level_of(t, look, fmax(aim - others, LEAST_PART * t->link));
	for (unsigned int i = 0; i < look->vcpus; i++) {
		double w = wish(t, look, i);

		set_speed(t, i, w > level ? level / w : 1);
	}
}

unsigned int km_throttle_taken(const struct km_throttle *t, unsigned int vcpu)
{
	return 100 - (unsigned int)(speed_of(t, vcpu) * 100 + 0.5);
}
