// SPDX-License-Identifier: GPL-2.0
/* The pause in parts: two hosts' clocks on one, marks of both ends, and peers that know nothing
 * of either, or say what can't be. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "ktap.h"
#include "xfer/blackout.h"
#include "xfer/bytes.h"
#include "xfer/frame.h"

#define MS 1000000l
#define S  (1000 * MS)

/* One exchange: the question is asked at, the destination's clock shows that plus offset, and
 * the way takes there and back so long. */
static void exchange(struct km_clocks *asks, struct km_clocks *answers, uint64_t at, int64_t offset,
		     uint64_t there, uint64_t back)
{
	uint8_t q[KM_CLOCKS_BYTES], a[KM_CLOCKS_BYTES], none[KM_CLOCKS_BYTES];

	if (km_clocks_ask(asks, at, q) &&
	    km_clocks_hear(answers, q, sizeof(q), at + there + (uint64_t)offset, a))
		km_clocks_hear(asks, a, sizeof(a), at + there + back, none);
}

static bool within(const struct km_clock_fit *f, int64_t offset)
{
	return f->known && llabs(f->offset_ns - offset) <= (int64_t)f->error_ns;
}

static void offset(bool *ok)
{
	static const int64_t offsets[] = { 0, 5 * MS, -5 * MS, 90000 * S, -90000 * S };

	srandom(1);
	for (size_t i = 0; i < 5 * 200; i++) {
		uint64_t now = 100000 * S, left;
		struct km_clocks asks, answers;
		struct km_clock_fit f;

		km_clocks_init(&asks, true);
		km_clocks_init(&answers, false);
		CHECK(!km_clocks_fit(&asks, now).known);
		/* Each way as long as it likes: the error says how wrong it may be. */
		for (int k = 0; k < 5; k++, now += S)
			exchange(&asks, &answers, now, offsets[i % 5],
				 (uint64_t)random() % (20 * MS), (uint64_t)random() % (20 * MS));
		f = km_clocks_fit(&asks, now);
		CHECK(within(&f, offsets[i % 5]));
		/* A short trip beats the long ones before, and after. */
		exchange(&asks, &answers, now, offsets[i % 5], 1000, 3000);
		exchange(&asks, &answers, now + S, offsets[i % 5], 9 * MS, MS);
		left = 2 * S;
		f = km_clocks_fit(&asks, now + left);
		CHECK(within(&f, offsets[i % 5]));
		CHECK(f.error_ns <= 2000 + 2 * 100000 && f.error_ns > 2000 + 100000);
		/* Errors grow: an hour later a trip of 10 ms is better. */
		exchange(&asks, &answers, now + 3600 * S, offsets[i % 5], 9 * MS, MS);
		f = km_clocks_fit(&asks, now + 3601 * S);
		CHECK(within(&f, offsets[i % 5]) && f.error_ns >= 5 * MS && f.error_ns < 6 * MS);
	}
}

static void questions(bool *ok)
{
	uint8_t q[KM_CLOCKS_BYTES], q2[KM_CLOCKS_BYTES], a[KM_CLOCKS_BYTES], none[KM_CLOCKS_BYTES];
	struct km_clocks asks, answers;

	km_clocks_init(&asks, true);
	km_clocks_init(&answers, false);
	CHECK(km_clocks_ask(&asks, S, q));
	/* One at a time, until it is too old. */
	CHECK(!km_clocks_ask(&asks, S + MS, q2));
	CHECK(km_clocks_hear(&answers, q, sizeof(q), 77, a));
	CHECK(km_clocks_ask(&asks, 7 * S, q2));
	/* An answer to an earlier question, one that nobody asked for, one before its question. */
	CHECK(!km_clocks_hear(&asks, a, sizeof(a), 7 * S + MS, none));
	CHECK(!km_clocks_fit(&asks, 8 * S).known);
	CHECK(km_clocks_hear(&answers, q2, sizeof(q2), 77, a));
	CHECK(!km_clocks_hear(&asks, a, sizeof(a), 7 * S - 1, none));
	CHECK(!km_clocks_fit(&asks, 8 * S).known);
	/* A time that is none. */
	km_put_le64(a + 16, UINT64_MAX);
	CHECK(!km_clocks_hear(&asks, a, sizeof(a), 7 * S + MS, none));
	CHECK(!km_clocks_fit(&asks, 8 * S).known);
	/* Who asks doesn't answer, who answers takes no answer; other lengths are eaten. */
	CHECK(!km_clocks_hear(&asks, q2, sizeof(q2), 7 * S, none));
	CHECK(!km_clocks_hear(&answers, a, sizeof(a), 7 * S, none));
	CHECK(!km_clocks_ask(&answers, S, none));
	CHECK(!km_clocks_hear(&answers, q2, sizeof(q2) - 1, 7 * S, none));
	CHECK(!km_clocks_hear(&answers, q2, 0, 7 * S, none));
	CHECK(!km_clocks_settled(&asks) && km_clocks_settled(&answers));
	/* And the right answer is still taken. */
	km_put_le64(a + 16, 77);
	CHECK(!km_clocks_hear(&asks, a, sizeof(a), 7 * S + MS, none));
	CHECK(km_clocks_fit(&asks, 7 * S + MS).known);
	for (int i = 1; i < 8; i++) {
		CHECK(!km_clocks_settled(&asks));
		exchange(&asks, &answers, (uint64_t)(20 + i) * S, 0, 1, 1);
	}
	CHECK(km_clocks_settled(&asks));
	/* Nobody answers. */
	km_clocks_init(&asks, true);
	for (int i = 0; i < 4; i++) {
		CHECK(!km_clocks_settled(&asks));
		CHECK(km_clocks_ask(&asks, (uint64_t)(1 + 6 * i) * S, q));
	}
	CHECK(km_clocks_settled(&asks));
}

/* A question among other messages, to a peer that knows of them and to one that does not. */
static void on_a_connection(bool *ok)
{
	for (int knows = 0; knows < 2; knows++) {
		uint8_t q[KM_CLOCKS_BYTES];
		struct km_clocks asks, answers;
		struct km_conn a, b;
		struct km_msg m;
		int fd[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
			abort();
		km_conn_init(&a, fd[0], 1000);
		km_conn_init(&b, fd[1], 1000);
		km_clocks_init(&asks, true);
		km_clocks_init(&answers, false);
		a.clocks = &asks;
		b.clocks = knows ? &answers : NULL;
		CHECK(km_clocks_ask(&asks, km_now_ns(), q));
		CHECK(!km_send(&a, KM_OP_PING, 0, q, sizeof(q), NULL));
		CHECK(!km_send(&a, KM_OP_PING, 0, NULL, 0, NULL));
		CHECK(!km_send(&a, KM_OP_BYE, 0, NULL, 0, NULL));
		CHECK(!km_recv(&b, &m, NULL) && m.op == KM_OP_BYE);
		CHECK(!km_send(&b, KM_OP_LOADED, 0, NULL, 0, NULL));
		CHECK(!km_recv(&a, &m, NULL) && m.op == KM_OP_LOADED);
		CHECK(km_clocks_fit(&asks, km_now_ns()).known == knows);
		km_conn_close(&a);
		km_conn_close(&b);
	}
}

static void events(bool *ok)
{
	json_t *e = json_pack("{s:{s:i,s:i}}", "timestamp", "seconds", 1000, "microseconds", 500);
	json_t *t = json_object_get(e, "timestamp");

	CHECK(km_clocks_event_ns(e, 50 * S, 1001 * S) == 49 * S + 500000);
	/* In the future, very old, before this host was up, without a time, with none. */
	CHECK(km_clocks_event_ns(e, 50 * S, 1000 * S) == 50 * S);
	CHECK(km_clocks_event_ns(e, 5000 * S, 1100 * S) == 5000 * S);
	CHECK(km_clocks_event_ns(e, S / 2, 1001 * S) == S / 2);
	CHECK(km_clocks_event_ns(NULL, 50 * S, 1001 * S) == 50 * S);
	json_object_set_new(t, "seconds", json_integer(-1));
	CHECK(km_clocks_event_ns(e, 50 * S, 1001 * S) == 50 * S);
	json_object_set_new(t, "seconds", json_integer(INT64_MAX));
	CHECK(km_clocks_event_ns(e, 50 * S, 1001 * S) == 50 * S);
	json_decref(e);
}

/* ---- the parts ---- */

static struct km_marks here, there;
static struct km_clock_fit fit;
static struct km_pause p;

/* A move of which each part takes 1, 2, 3... ms; the destination's clock is ahead. */
static void moved(int64_t ahead)
{
	uint64_t at = 500 * S, ms = 1;

	memset(&there, 0, sizeof(there));
	for (enum km_mark k = KM_MARK_ASKED; k < KM_MARKS; k++) {
		bool none = k == KM_MARK_ENTERED || k == KM_MARK_MIRRORED;

		here.ns[k] = none ? 0 : at;
		if (none)
			continue;
		if (k == KM_MARK_RECEIVED || k == KM_MARK_LOADED || k == KM_MARK_GO ||
		    k == KM_MARK_RUNS) {
			here.ns[k] = 0;
			there.ns[k] = at + (uint64_t)ahead;
		}
		at += ms++ * MS;
	}
	fit = (struct km_clock_fit){ .known = true, .offset_ns = ahead, .error_ns = 50000 };
}

static const struct km_pause_part *part(const char *name)
{
	static const struct km_pause_part none = { .took_ms = -1 };

	for (unsigned int i = 0; i < p.nparts; i++)
		if (!strcmp(p.part[i].name, name))
			return &p.part[i];
	return &none;
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

static bool adds_up(void)
{
	double at = 0;

	for (unsigned int i = 0; i < p.nparts; i++) {
		if (!near(p.part[i].at_ms, at) || !(p.part[i].took_ms >= 0))
			return false;
		at += p.part[i].took_ms;
	}
	return near(at, p.total_ms);
}

static void parts(bool *ok)
{
	for (int64_t ahead = -400 * S; ahead <= 400 * S; ahead += 100 * S) {
		moved(ahead);
		km_blackout(&here, &there, &fit, &p);
		CHECK(p.joined && !p.why_not[0] && p.nparts == 11 && adds_up());
		CHECK(near(p.total_ms, 66) && near(part("stop")->took_ms, 1));
		CHECK(near(part("apply")->took_ms, 5) && part("apply")->destination);
		CHECK(near(part("settle")->at_ms, 36) && !part("settle")->destination);
		CHECK(near(part("resume")->took_ms, 11) && part("answer")->took_ms < 0);
		CHECK(p.clock_offset_ns == ahead && near(p.clock_error_ms, 0.05));
	}
	/* Disks that are mirrored. */
	here.ns[KM_MARK_MIRRORED] = here.ns[KM_MARK_STOPPED] + MS / 2;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && p.nparts == 12 && adds_up() && near(p.total_ms, 66));
	CHECK(near(part("disks")->took_ms, 0.5) && near(part("sync")->took_ms, 1.5));
	here.ns[KM_MARK_MIRRORED] = 0;
	/* QEMU's events come by a clock that was set meanwhile. */
	here.ns[KM_MARK_SYNCED] += 9 * MS;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && p.nparts == 11 && adds_up() && near(p.total_ms, 66));
	CHECK(near(part("sync")->took_ms, 2 + 9) && !(part("pages")->took_ms > 0));
	here.ns[KM_MARK_SYNCED] -= 9 * MS;
	/* QEMU's own data path; a stop that no sync came before. */
	here.ns[KM_MARK_SENT] = here.ns[KM_MARK_SAVED] = there.ns[KM_MARK_RECEIVED] = 0;
	here.ns[KM_MARK_VERIFIED] = here.ns[KM_MARK_ASKED] = 0;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && p.nparts == 6 && adds_up() && near(p.total_ms, 65));
	CHECK(near(part("load")->took_ms, 3 + 4 + 5 + 6));
	/* A guest that stood already has no pause. */
	here.ns[KM_MARK_STOPPED] = 0;
	km_blackout(&here, &there, &fit, &p);
	CHECK(!p.nparts && !(p.total_ms > 0));
}

/* Where somebody watches the pause lasts until a vCPU is in the guest, if that can be. */
static void entered(bool *ok)
{
	moved(7 * S);
	there.ns[KM_MARK_ENTERED] = there.ns[KM_MARK_RUNS] + 4 * MS;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && p.nparts == 12 && adds_up() && near(p.total_ms, 70));
	CHECK(near(part("entry")->took_ms, 4) && part("entry")->destination);
	CHECK(near(part("resume")->took_ms, 11));
	/* QEMU's word that it runs comes after it does. */
	there.ns[KM_MARK_ENTERED] = there.ns[KM_MARK_RUNS] - 4 * MS;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && p.nparts == 12 && adds_up() && near(p.total_ms, 62));
	CHECK(near(part("resume")->took_ms, 7) && near(part("entry")->took_ms, 0));
	/* Before it was told to, or so late that it can't have been kept, or never. */
	there.ns[KM_MARK_ENTERED] = there.ns[KM_MARK_GO] - 1;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && p.nparts == 11 && adds_up() && near(p.total_ms, 66));
	there.ns[KM_MARK_ENTERED] = there.ns[KM_MARK_RUNS] + 2 * S;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && p.nparts == 11 && near(p.total_ms, 66));
	there.ns[KM_MARK_ENTERED] = UINT64_MAX;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && p.nparts == 11 && near(p.total_ms, 66));
	/* Its clock is not known. */
	there.ns[KM_MARK_ENTERED] = there.ns[KM_MARK_RUNS];
	fit.known = false;
	km_blackout(&here, &there, &fit, &p);
	CHECK(!p.joined && p.nparts == 8 && adds_up());
}

/* No word arrives before it was said, which tells more than the clocks' question did. */
static void causes(bool *ok)
{
	moved(7 * S);
	fit.offset_ns += 9 * MS;
	fit.error_ns = 10 * MS;
	km_blackout(&here, &there, &fit, &p);
	CHECK(p.joined && adds_up());
	CHECK(p.clock_error_ms < 10 &&
	      (double)llabs(p.clock_offset_ns - 7 * S) <= p.clock_error_ms * 1e6);
	CHECK(part("loaded said")->took_ms >= 0 && part("go")->took_ms >= 0);
	/* 5 ms from the last byte's leaving to its arrival, 12 from the guest's run to the answer. */
	CHECK(near(p.clock_error_ms, (5 + 1.0) / 2));
}

static void unknown(bool *ok)
{
	moved(S);
	fit.known = false;
	km_blackout(&here, &there, &fit, &p);
	CHECK(!p.joined && strstr(p.why_not, "questions") && p.nparts == 8 && adds_up());
	/* Until its answer is here. */
	CHECK(near(p.total_ms, 78) && near(part("answer")->took_ms, 10 + 11 + 12));
	moved(S);
	memset(&there, 0, sizeof(there));
	km_blackout(&here, &there, &fit, &p);
	CHECK(!p.joined && strstr(p.why_not, "does not say") && p.nparts == 8 && adds_up());
}

/* Whatever a destination says: parts that add up, and none of its own that can't be. */
static void lies(bool *ok)
{
	unsigned int believed = 0;

	srandom(2);
	moved(S);
	there.ns[KM_MARK_RUNS] += 1000 * S; /* runs after the source knew it */
	km_blackout(&here, &there, &fit, &p);
	CHECK(!p.joined && strstr(p.why_not, "not possible") && adds_up() && p.nparts == 8);
	moved(S);
	there.ns[KM_MARK_GO] = there.ns[KM_MARK_LOADED] - 1;
	km_blackout(&here, &there, &fit, &p);
	CHECK(!p.joined);
	for (int i = 0; i < 100000; i++) {
		static const enum km_mark its[] = { KM_MARK_RECEIVED, KM_MARK_LOADED, KM_MARK_GO,
						    KM_MARK_RUNS };
		uint64_t v = (uint64_t)random() << 33 ^ (uint64_t)random();

		moved(S);
		if (i & 1)
			fit.offset_ns = (int64_t)(v << 1) >> (random() % 64);
		if (i & 2)
			fit.error_ns = v >> 2 >> (random() % 60);
		there.ns[its[random() % 4]] += i & 4 ? v >> (random() % 64) : (uint64_t)random();
		if (llabs(fit.offset_ns) > INT64_MAX / 4)
			continue; /* km_clocks_hear() takes no such time */
		km_blackout(&here, &there, &fit, &p);
		believed += p.joined;
		CHECK(adds_up() && p.total_ms <= 78.0001 && (p.joined || p.nparts == 8));
	}
	CHECK(believed > 1000);
}

static void on_the_wire(bool *ok)
{
	uint8_t buf[KM_MARKS_WIRE_BYTES + 8];
	struct km_marks got = { 0 };

	moved(S);
	there.cpu_ms = 0x12345678;
	km_marks_build(&there, buf);
	CHECK(!km_marks_parse(&got, buf, KM_MARKS_WIRE_BYTES, NULL));
	CHECK(!memcmp(&got, &there, sizeof(got)));
	/* An older one leaves the CPU time out. */
	km_put_le32(buf + 4, 0);
	CHECK(!km_marks_parse(&got, buf, KM_MARKS_WIRE_BYTES, NULL) && !got.cpu_ms);
	/* A later version may say more. */
	km_put_le32(buf, 5);
	CHECK(!km_marks_parse(&got, buf, KM_MARKS_WIRE_BYTES + 8, NULL));
	CHECK(km_marks_parse(&got, buf, KM_MARKS_WIRE_BYTES, NULL) == -EPROTO);
	km_put_le32(buf, 3);
	CHECK(km_marks_parse(&got, buf, KM_MARKS_WIRE_BYTES - 8, NULL) == -EPROTO);
	km_put_le32(buf, 0xffffffff);
	CHECK(km_marks_parse(&got, buf, sizeof(buf), NULL) == -EPROTO);
	CHECK(km_marks_parse(&got, buf, 7, NULL) == -EPROTO);
	CHECK(km_marks_parse(&got, buf, 0, NULL) == -EPROTO);
}

static const struct ktap_case cases[] = {
	{ "clocks: the offset is where the error says", offset },
	{ "clocks: only the answer to the question counts", questions },
	{ "clocks: asked on a connection, or eaten by it", on_a_connection },
	{ "clocks: QEMU's events have their own time", events },
	{ "pause: the parts add up", parts },
	{ "pause: until a vCPU is in the guest", entered },
	{ "pause: no word arrives before it was said", causes },
	{ "pause: a destination that says nothing", unknown },
	{ "pause: a destination that says what can't be", lies },
	{ "pause: marks on the wire", on_the_wire },
};

KTAP_MAIN(cases)
