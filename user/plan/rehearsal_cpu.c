// SPDX-License-Identifier: GPL-2.0
/* Who has a CPU in a rehearsal. */
#include <math.h>
#include "rehearsal_priv.h"

#define STEP_NS (STEP_MS * 1e6)
/* From here on threads wait for a CPU. */
#define BUSY	0.9

/* Which host's. */
static unsigned int host_of(const struct rehearsal *s, enum km_reh_end end)
{
	return s->hosts->same_host ? KM_REH_SOURCE : end;
}

static void use(struct rehearsal *s, enum km_reh_end end, double ns)
{
	s->cpus_ns[host_of(s, end)] -= ns;
	s->used_ns[host_of(s, end)] += ns;
}

static void refill(double *left_ns, double ns)
{
	*left_ns = fmin(*left_ns, 0) + ns;
}

void km_reh_cpus_step(struct rehearsal *s)
{
	double idle_ns = s->hosts->idle_cpu_ms / 1e3 * STEP_NS;

	refill(&s->qemu.left_ns, STEP_NS);
	refill(&s->main.left_ns, STEP_NS);
	refill(&s->channels.left_ns, s->hosts->streams * STEP_NS);
	for (unsigned int i = 0; i < s->hosts->streams; i++) {
		refill(&s->lane[i].sender.left_ns, STEP_NS);
		refill(&s->lane[i].receiver.left_ns, STEP_NS);
	}
	for (unsigned int i = 0; i < KM_REH_ENDS; i++)
		refill(&s->cpus_ns[i], s->hosts->cpus * STEP_NS);
	for (unsigned int i = 0; i < KM_REH_ENDS; i++) {
		use(s, i, idle_ns);
		s->r->cpu_ms[i] += idle_ns / 1e6;
	}
}

bool km_reh_can(const struct rehearsal *s, enum km_reh_end end, const struct reh_thread *t)
{
	return t->left_ns > 0 && s->cpus_ns[host_of(s, end)] > 0;
}

void km_reh_work(struct rehearsal *s, enum km_reh_end end, struct reh_thread *t, double ns)
{
	t->left_ns -= ns;
	use(s, end, ns);
	s->r->cpu_ms[end] += ns / 1e6;
}

void km_reh_qemu_works(struct rehearsal *s, double ns, double other_ns)
{
	s->qemu.left_ns -= ns;
	use(s, KM_REH_SOURCE, ns + other_ns);
}

double km_reh_busy(const struct rehearsal *s)
{
	double all_ns = s->hosts->cpus * s->now_ms * 1e6;

	return all_ns > 0 ? fmin(1, fmax(s->used_ns[0], s->used_ns[1]) / all_ns) : 0;
}

/* All threads that have something to do share the CPUs then: QEMU's, those that read it, the
 * senders, and of one host the receivers. */
double km_reh_slowness(const struct rehearsal *s)
{
	double threads = 1 + (s->hosts->same_host ? 3.0 : 2.0) * s->hosts->streams;
	double part = fmax(km_reh_busy(s) - BUSY, 0) / (1 - BUSY);

	return 1 + part * fmax(threads / s->hosts->cpus - 1, 0);
}
