// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's threads, pinned here as they were at the source (place/pinwire.h): laid onto
 * this host before anything is touched, put into force as soon as QEMU has its threads, which
 * is before its migration begins, and so before the guest can run.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "../host/threads.h"
#include "../place/pinwire.h"
#include "sink_priv.h"

struct km_sink_pins {
	struct km_pinning asked;
	struct km_pinmap map;
	struct km_applied applied; /* to a QEMU that waits, which may wait on */
};

/* What its QEMU may use: what we may, from whom it inherits it, or what it has already. */
static int find_room(struct sink *s, struct km_cpus *room, struct km_err *err)
{
	memset(room, 0, sizeof(*room));
	if (s->q.attached)
		return km_threads_cpus(s->q.pid, room, err);
	if (sched_getaffinity(0, sizeof(*room), (cpu_set_t *)room))
		return km_err_set(err, -errno, "sched_getaffinity: %s", strerror(errno));
	return 0;
}

static int lay(struct sink *s, struct km_sink_pins *p, struct km_err *err)
{
	struct km_topo *here = calloc(1, sizeof(*here));
	struct km_pin_in in = { .from = &p->asked.from,
				.to = here,
				.pins = p->asked.pins,
				.npins = p->asked.n,
				.policy = p->asked.policy };
	int rc = here ? km_topo_load(here, err) : km_err_set(err, -ENOMEM, "out of memory");

	if (!rc)
		rc = find_room(s, &in.allowed, err);
	if (!rc)
		rc = km_pinmap(&in, &p->map, err);
	if (rc == -ENOTSUP)
		s->refused = KM_REFUSED_PINS;
	free(here);
	return rc;
}

int km_sink_pins_lay(struct sink *s, const json_t *hello, struct km_err *err)
{
	const json_t *j = json_object_get(hello, "pinning");
	int rc;

	if (!j)
		return 0;
	s->pins = calloc(1, sizeof(*s->pins));
	rc = s->pins ? km_pinning_parse(j, &s->pins->asked, err) :
		       km_err_set(err, -ENOMEM, "out of memory");
	return rc ? rc : lay(s, s->pins, err);
}

/* ---- into force ---- */

static int put(struct sink *s, const struct km_pin *thread, const struct km_cpus *cpus,
	       struct km_err *err)
{
	int rc = 0;

	/* One of our own goes with us. */
	if (s->q.attached)
		rc = km_placing_tell(&s->guard, KM_SINK_PINNED, thread->tid, cpus, &thread->cpus);
	if (rc)
		return km_err_set(err, rc, "the guard process is gone");
	return km_place_thread(&s->pins->applied, s->q.pid, thread->tid, cpus, err);
}

static void pin(struct sink *s, const struct km_pin *thread, const struct km_cpus *cpus)
{
	char want[KM_CPUS_TEXT], have[KM_CPUS_TEXT];
	struct km_err err = { 0 };
	struct km_cpus now = { 0 };

	if (put(s, thread, cpus, &err))
		km_pin_broken(&s->pins->map, KM_PIN_NOT_THERE, "%s: %.200s", thread->who, err.text);
	else if (sched_getaffinity(thread->tid, sizeof(now), (cpu_set_t *)&now) ||
		 !km_cpus_equal(&now, cpus))
		km_pin_broken(&s->pins->map, KM_PIN_NOT_THERE,
			      "%s may not run on all of CPUs %.60s, but on %.60s", thread->who,
			      km_cpus_format(cpus, want), km_cpus_format(&now, have));
}

static const struct km_pin *find(const struct km_pin *pins, unsigned int n, const char *who)
{
	for (unsigned int i = 0; i < n; i++)
		if (!strcmp(pins[i].who, who))
			return &pins[i];
	return NULL;
}

/* QEMU's other threads are the emulator's: as at the source, where they were born of it.  Those
 * that can't be had (a kernel's worker) are no reason to refuse a move. */
static void pin_others(struct sink *s, const struct km_thread *t, size_t n,
		       const struct km_pin *emulator, const struct km_cpus *cpus)
{
	for (size_t i = 0; i < n; i++) {
		struct km_pin other = { .tid = t[i].tid, .cpus = t[i].cpus };

		if (t[i].kind == KM_THREAD_OTHER && km_cpus_equal(&t[i].cpus, &emulator->cpus))
			put(s, &other, cpus, NULL);
	}
}

static void pin_all(struct sink *s, const struct km_thread *t, size_t n, const struct km_pin *here,
		    unsigned int nhere)
{
	struct km_sink_pins *p = s->pins;

	for (unsigned int i = 0; i < p->asked.n; i++) {
		const char *who = p->asked.pins[i].who;
		const struct km_pin *thread = find(here, nhere, who);

		if (!thread) {
			km_pin_broken(&p->map, KM_PIN_NOT_THERE, "there is no %s here", who);
			continue;
		}
		pin(s, thread, &p->map.cpus[i]);
		if (thread->tid == s->q.pid)
			pin_others(s, t, n, thread, &p->map.cpus[i]);
	}
}

int km_sink_pins_apply(struct sink *s, struct km_err *err)
{
	struct km_sink_pins *p = s->pins;
	struct km_thread *t = NULL;
	struct km_pin *here = NULL;
	size_t n = 0;
	int rc = p ? km_threads_read(s->q.pid, &t, &n, err) : 0;

	if (!p || rc)
		return rc;
	here = calloc(n, sizeof(*here));
	if (here) {
		km_threads_ask(t, n, s->q.qmp);
		pin_all(s, t, n, here, km_threads_pins(t, n, here));
	}
	rc = here ? 0 : km_err_set(err, -ENOMEM, "out of memory");
	free(here);
	free(t);
	if (rc || p->asked.policy != KM_PIN_KEEP || !p->map.nbreaks)
		return rc;
	s->refused = KM_REFUSED_PINS;
	return km_err_set(err, -ENOTSUP, "the pinning can't be kept: %.300s",
			  p->map.breaks[0].text);
}

json_t *km_sink_pins_answer(const struct sink *s)
{
	return s->pins ? km_pinned_json(&s->pins->asked, &s->pins->map) : NULL;
}

unsigned int km_sink_pins_count(const struct sink *s)
{
	return s->pins ? s->pins->asked.n : 0;
}

bool km_sink_pins_heard(struct sink *s, const char *line)
{
	return s->pins && km_placing_hear(&s->pins->applied, KM_SINK_PINNED, s->q.pid, line);
}

void km_sink_pins_undo(struct sink *s)
{
	if (s->pins)
		km_place_restore(&s->pins->applied);
}

void km_sink_pins_free(struct sink *s)
{
	if (!s->pins)
		return;
	km_pinning_free(&s->pins->asked);
	km_pinmap_free(&s->pins->map);
	free(s->pins->applied.threads);
	free(s->pins);
	s->pins = NULL;
}
