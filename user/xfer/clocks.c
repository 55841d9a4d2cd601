// SPDX-License-Identifier: GPL-2.0
#include "clocks.h"

#include <string.h>
#include "bytes.h"

enum { QUESTION = 1, ANSWER = 2 };

/* An answer may be late, but not by so much. */
#define LATE_NS	  5000000000ull
/* Two clocks part by up to this while nobody compares them: an undisciplined oscillator is good
 * to 50 parts in a million or better. */
#define DRIFT_PPM 100
/* Answers that are likely to have a short trip among them; questions to a peer that never does. */
#define ENOUGH	  8
#define IN_VAIN	  4
/* A quarter of what 64 bits hold: sums of two times do not overflow. */
#define TIME_MAX  (UINT64_MAX >> 2)

void km_clocks_init(struct km_clocks *c, bool asks)
{
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	c->asks = asks;
}

static void build(uint8_t buf[KM_CLOCKS_BYTES], uint32_t what, uint64_t asked, uint64_t told)
{
	km_put_le32(buf, what);
	km_put_le32(buf + 4, 0);
	km_put_le64(buf + 8, asked);
	km_put_le64(buf + 16, told);
}

bool km_clocks_ask(struct km_clocks *c, uint64_t now_ns, uint8_t buf[KM_CLOCKS_BYTES])
{
	bool open;

	if (!c->asks)
		return false;
	pthread_mutex_lock(&c->lock);
	open = c->asked_ns && now_ns - c->asked_ns < LATE_NS;
	if (!open) {
		c->asked_ns = now_ns;
		c->asked++;
	}
	pthread_mutex_unlock(&c->lock);
	build(buf, QUESTION, now_ns, 0);
	return !open;
}

bool km_clocks_settled(struct km_clocks *c)
{
	bool settled;

	pthread_mutex_lock(&c->lock);
	settled = !c->asks || c->answered >= ENOUGH || (c->asked >= IN_VAIN && !c->answered);
	pthread_mutex_unlock(&c->lock);
	return settled;
}

static uint64_t aged(const struct km_clock_fit *f, uint64_t now_ns)
{
	return f->error_ns + (now_ns - f->at_ns) / 1000000 * DRIFT_PPM;
}

/* The best is the one whose error is smallest by now; errors grow at the same rate, so none
 * that is dropped here could ever be better again. */
static void take(struct km_clocks *c, uint64_t told_ns, uint64_t now_ns)
{
	struct km_clock_fit new = {
		.known = true,
		.offset_ns = (int64_t)told_ns - (int64_t)((c->asked_ns + now_ns) / 2),
		.error_ns = (now_ns - c->asked_ns + 1) / 2,
		.at_ns = now_ns,
	};

	if (!c->best.known || new.error_ns <= aged(&c->best, now_ns))
		c->best = new;
}

bool km_clocks_hear(struct km_clocks *c, const uint8_t *buf, size_t len, uint64_t now_ns,
		    uint8_t answer[KM_CLOCKS_BYTES])
{
	uint64_t asked, told;

	if (len != KM_CLOCKS_BYTES || km_get_le32(buf + 4))
		return false;
	asked = km_get_le64(buf + 8);
	told = km_get_le64(buf + 16);
	if (km_get_le32(buf) == QUESTION && !c->asks) {
		build(answer, ANSWER, asked, now_ns);
		return true;
	}
	if (km_get_le32(buf) != ANSWER || !c->asks || told > TIME_MAX || now_ns > TIME_MAX)
		return false;
	pthread_mutex_lock(&c->lock);
	if (c->asked_ns && asked == c->asked_ns && now_ns >= asked) {
		take(c, told, now_ns);
		c->asked_ns = 0;
		c->answered++;
	}
	pthread_mutex_unlock(&c->lock);
	return false;
}

struct km_clock_fit km_clocks_fit(struct km_clocks *c, uint64_t now_ns)
{
	struct km_clock_fit f;

	pthread_mutex_lock(&c->lock);
	f = c->best;
	pthread_mutex_unlock(&c->lock);
	if (f.known)
		f.error_ns = aged(&f, now_ns);
	return f;
}

uint64_t km_clocks_event_ns(const json_t *event, uint64_t now_ns, uint64_t real_ns)
{
	const json_t *t = json_object_get(event, "timestamp");
	json_int_t s = json_integer_value(json_object_get(t, "seconds"));
	json_int_t us = json_integer_value(json_object_get(t, "microseconds"));
	uint64_t then, age;

	/* -1 when the host's clock failed (qapi/qmp-event.c). */
	if (s <= 0 || us < 0 || (uint64_t)s > TIME_MAX / 1000000000 || us >= 1000000)
		return now_ns;
	then = (uint64_t)s * 1000000000 + (uint64_t)us * 1000;
	age = real_ns - then;
	/* Somebody has set CLOCK_REALTIME meanwhile. */
	if (then > real_ns || age > 60000000000ull || age > now_ns)
		return now_ns;
	return now_ns - age;
}
