// SPDX-License-Identifier: GPL-2.0
/* The guest's first time at the destination, as that has seen it (arrival.h). By now the move is
 * over: nothing that comes, or does not, changes what has become of it. */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include "arrival.h"
#include "fault.h"
#include "source_priv.h"

/* A destination that goes on to ping and never answers; one that does not ping is given up sooner
 * (frame.h). */
#define LATE_MS 20000

json_t *km_source_arrival_offer(struct source *s)
{
	s->run->arrival.wanted = s->o->trace && s->was_running;
	return s->run->arrival.wanted ? json_integer(KM_ARRIVAL_WATCH_MS) : NULL;
}

static void unknown(struct source *s, const char *why)
{
	snprintf(s->run->arrival.why_not, sizeof(s->run->arrival.why_not), "%s", why);
}

void km_source_arrival_answered(struct source *s, const json_t *welcome)
{
	s->arrival_promised = s->run->arrival.wanted &&
			      json_is_true(json_object_get(welcome, "watch"));
	unknown(s, s->arrival_promised ? "the destination has not said it" :
					 "the destination's kmigrate does not watch for it");
}

void km_source_arrival_heard(struct source *s, const uint8_t *buf, size_t len)
{
	struct km_arrival *a = &s->run->arrival;
	json_t *j = json_loadb((const char *)buf, len, 0, NULL);
	struct km_err err = { 0 };

	if (km_arrival_parse(j, a, &err)) {
		a->on = false;
		a->vcpus = 0;
		unknown(s, err.text);
	}
	json_decref(j);
	s->arrived = true;
}

void km_source_arrival_await(struct source *s)
{
	double end = km_now_ms() + KM_ARRIVAL_WATCH_MS + LATE_MS;

	if (!s->arrival_promised)
		return;
	km_fault("awaits");
	while (!s->control_over && km_now_ms() < end)
		km_move_wait(&s->m, 50);
	shutdown(s->m.control.fd, SHUT_RD);
	pthread_join(s->control, NULL);
	s->control = 0;
	km_source_pause_entered(s, km_arrival_entered_ns(&s->run->arrival));
}
