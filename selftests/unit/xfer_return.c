// SPDX-License-Identifier: GPL-2.0
/* Who comes to a destination whose source's link broke, or has not yet, and what becomes of him. */
#include <math.h>
#include <poll.h>
#include "ktap.h"
#include "redialends.h"
#include "xfer/multifd.h"
#include "xfer/pack.h"

#define SESSION "0123456789abcdef0123456789abcdef"

static struct ends *open_up(unsigned int retry_ms, unsigned int return_ms, bool *ok)
{
	struct ends *e = ends_open(NULL, NULL, retry_ms, return_ms);
	struct km_err err = { 0 };

	CHECK(ends_turn_until(e, ends_up, &err));
	return e;
}

/* A stranger's first word, and the answer. */
static enum km_op says(struct ends *e, enum km_op op, json_t *j)
{
	enum km_op answer = KM_OP_LAST;
	struct km_err err = { 0 };
	json_t *got = NULL;
	struct km_conn c;

	if (!km_conn_dial(&c, "127.0.0.1", e->port, NULL, 5000, &err)) {
		if (!km_send_json(&c, op, j, &err) && km_recv_json(&c, &answer, &got, &err))
			answer = KM_OP_LAST;
		json_decref(got);
		km_conn_close(&c);
	}
	return answer;
}

static json_t *resume(const char *session, int life, json_int_t heard)
{
	return json_pack("{s:s,s:i,s:I}", "session", session, "life", life, "heard", heard);
}

static json_t *stream(const char *session, int life, int nr)
{
	return json_pack("{s:s,s:i,s:i}", "session", session, "life", life, "stream", nr);
}

/* The link that there is carries on. */
static bool still_up(struct ends *e)
{
	struct km_err err = { 0 };
	uint64_t before = e->words;
	double end = km_now_ms() + 20000;
	uint8_t word[8];

	km_put_le64(word, before);
	if (km_talk_say(&e->s.m.talk, KM_OP_MAIN, word, sizeof(word), &err))
		return false;
	while (e->words == before && km_now_ms() < end)
		usleep(10000);
	return e->words == before + 1 && !e->disorder && !e->s.m.broken && !e->sink_over;
}

/* They are counted once they have their answer. */
static bool sent_away(struct ends *e, unsigned int n)
{
	double end = km_now_ms() + 20000;

	while (e->strangers < n && km_now_ms() < end)
		usleep(1000);
	return e->strangers == n;
}

static void strangers(bool *ok)
{
	struct ends *e = open_up(20000, 20000, ok);

	CHECK(says(e, KM_OP_RESUME, resume("f123456789abcdef0123456789abcdef", 7, 0)) ==
	      KM_OP_FAILED);
	CHECK(says(e, KM_OP_RESUME, resume("", 7, 0)) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_RESUME, json_pack("{s:i}", "life", 7)) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_RESUME, json_pack("{s:s}", "session", SESSION)) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_RESUME, resume(SESSION, -1, 0)) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_ABORT, json_pack("{s:s}", "session", "0")) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_HELLO, json_pack("{s:s}", "id", "x")) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_STREAM, stream("0", 1, 0)) == KM_OP_FAILED);
	CHECK(sent_away(e, 8));
	CHECK(still_up(e));
	ends_close(e);
}

/* Connections of a try that the source has given up come late. */
static void late(bool *ok)
{
	struct ends *e = open_up(20000, 20000, ok);
	int life = (int)e->s.redial.life;

	CHECK(says(e, KM_OP_RESUME, resume(SESSION, life, 0)) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_RESUME, resume(SESSION, life - 1, 0)) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_STREAM, stream(SESSION, life - 1, 0)) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_STREAM, stream(SESSION, life, 0)) == KM_OP_FAILED); /* is taken */
	CHECK(says(e, KM_OP_STREAM, stream(SESSION, life, MOVE_STREAMS)) == KM_OP_FAILED);
	CHECK(says(e, KM_OP_STREAM, stream(SESSION, life, -1)) == KM_OP_FAILED);
	CHECK(still_up(e));
	ends_close(e);
}

/* Who says nothing keeps nobody waiting. */
static void silent(bool *ok)
{
	struct ends *e = open_up(20000, 20000, ok);
	struct km_err err = { 0 };
	struct km_conn c[8];

	for (int i = 0; i < 8; i++)
		CHECK(!km_conn_dial(&c[i], "127.0.0.1", e->port, NULL, 5000, &err));
	usleep(2000000); /* they are in, if anybody lets them in */
	CHECK(still_up(e));
	for (int i = 0; i < 8; i++)
		km_conn_close(&c[i]);
	CHECK(still_up(e));
	ends_close(e);
}

static bool failed(struct ends *e)
{
	return e->s.m.failed;
}

/* The destination has noticed nothing; a source that claims to have heard more than was said. */
static void too_much(bool *ok)
{
	struct ends *e = open_up(20000, 20000, ok);

	CHECK(says(e, KM_OP_RESUME, resume(SESSION, 9, 1000)) == KM_OP_RESUMED);
	for (int i = 0; i < 500 && !e->sink_over; i++)
		usleep(10000);
	CHECK(e->sink_over && e->sink_err.code == -EPROTO);
	ends_close(e);
}

static void aborted(bool *ok)
{
	struct ends *e = open_up(20000, 20000, ok);

	km_redial_give_up("127.0.0.1", e->port, NULL, SESSION, "no time");
	for (int i = 0; i < 500 && !e->sink_over; i++)
		usleep(10000);
	CHECK(e->sink_over && e->sink_err.code == -ECANCELED && e->k.understood);
	CHECK(strstr(e->sink_err.text, "no time"));
	ends_close(e);
}

/* The source is gone for longer than it has said. */
static void time_over(bool *ok)
{
	struct ends *e = open_up(20000, 300, ok);
	double since = km_now_ms();

	shutdown(e->s.m.control.fd, SHUT_RDWR);
	for (int i = 0; i < 1000 && !e->sink_over; i++)
		usleep(10000);
	CHECK(e->sink_over && e->sink_err.code == -ETIME && km_now_ms() - since >= 300);
	CHECK(strstr(e->sink_err.text, "did not come back within 0 s"));
	ends_close(e);
}

/* From FENCE on a break is final, at both ends. */
static void fenced(bool *ok)
{
	struct ends *e = open_up(20000, 20000, ok);
	struct km_err err = { 0 };

	CHECK(!km_sink_no_more_returns(&e->k, &err));
	CHECK(!km_move_all_listed(&e->s.m, &err));
	shutdown(e->s.m.control.fd, SHUT_RDWR);
	ends_turn_until(e, failed, &err);
	CHECK(e->s.m.failed && !e->s.m.broken);
	for (int i = 0; i < 500 && !e->sink_over; i++)
		usleep(10000);
	CHECK(e->sink_over && e->sink_err.code == -EPIPE);
	ends_close(e);
}

static void stopped_meanwhile(bool *ok)
{
	struct ends *e = open_up(20000, 20000, ok);
	struct km_err err = { .text = "gone", .code = -ECONNRESET };

	CHECK(!km_move_broke(&e->s.m, &err));
	CHECK(km_move_all_listed(&e->s.m, &err) == -ECONNRESET && !e->s.m.all_listed);
	e->s.t_stop = 1;
	CHECK(km_source_redial(&e->s, &err) == -ECONNRESET &&
	      strstr(err.text, "when the guest had been stopped"));
	ends_close(e);
}

/* Nobody listens there any more: three tries, and not for as long as is allowed. */
static void nobody(bool *ok)
{
	struct ends *e = open_up(60000, 20000, ok);
	double since = km_now_ms();
	struct km_err err = { 0 }, why;

	/* Its connections, too, as when it is killed. */
	shutdown(e->ko.listen_fd, SHUT_RDWR);
	km_err_set(&why, -ECONNRESET, "cut");
	CHECK(!km_move_broke(&e->s.m, &why));
	CHECK(!ends_turn_until(e, failed, &err));
	CHECK(err.code == -ECONNREFUSED && km_now_ms() - since < 30000);
	CHECK(strstr(err.text, "cut; redialled for") && strstr(err.text, "in vain: cannot reach"));
	ends_close(e);
}

/* A link that comes back each time and holds for a moment. Each time it waits for a quarter of a
 * second first. On a busy machine moments are long: it may go on for as long as it has held. */
static void again_and_again(bool *ok)
{
	struct ends *e = open_up(20000, 20000, ok);
	struct km_err err = { 0 }, why;
	double held = 0, up = INFINITY;
	unsigned int n;

	e->so.retry_ms = 1500;
	for (n = 0; *ok && n < 100; n++) {
		km_err_set(&why, -ECONNRESET, "cut");
		CHECK(!km_move_broke(&e->s.m, &why));
		if (!ends_turn_until(e, ends_up, &err))
			break;
		held += fmax(0, e->s.t_broken - up);
		up = e->s.t_up;
	}
	printf("# away for %.0f ms, held for %.0f, given up after %u times: %s\n",
	       e->s.run->redial_ms, held, n, err.text);
	if (n < 100)
		CHECK(km_conn_broke(err.code) && strstr(err.text, "cut"));
	else
		CHECK(e->s.run->redial_ms <= 1500 + held);
	ends_close(e);
}

static void refused(bool *ok)
{
	struct ends *e = open_up(60000, 20000, ok);
	struct km_err err = { 0 }, why;

	strcpy(e->s.journal.session, "another");
	km_err_set(&why, -ECONNRESET, "cut");
	CHECK(!km_move_broke(&e->s.m, &why));
	CHECK(!ends_turn_until(e, failed, &err));
	CHECK(err.code == -EREMOTEIO && strstr(err.text, "taking another source's guest"));
	strcpy(e->s.journal.session, SESSION);
	ends_close(e);
}

/* ---- an old connection's pages and a new one's ---- */

#define PACKET (KM_MULTIFD_PACKET_BYTES + KM_PAGE_SIZE)

struct caller { /* a source, by hand */
	struct km_conn control, lane[MOVE_STREAMS];
	int life;
};

static bool dial_lanes(struct ends *e, struct caller *c)
{
	struct km_err err = { 0 };
	struct km_msg m;

	for (int i = 0; i < (int)MOVE_STREAMS; i++)
		if (km_conn_dial(&c->lane[i], "127.0.0.1", e->port, NULL, 20000, &err) ||
		    km_send_json(&c->lane[i], KM_OP_STREAM, stream(SESSION, c->life, i), &err) ||
		    km_recv(&c->lane[i], &m, &err) || m.op != KM_OP_WELCOME)
			return false;
	return true;
}

static bool ask_back(struct ends *e, struct caller *c)
{
	struct km_err err = { 0 };

	return !km_conn_dial(&c->control, "127.0.0.1", e->port, NULL, 20000, &err) &&
	       !km_send_json(&c->control, KM_OP_RESUME, resume(SESSION, c->life, 0), &err);
}

static bool is_back(struct caller *c)
{
	struct km_err err = { 0 };
	struct km_msg m;

	return !km_recv(&c->control, &m, &err) && m.op == KM_OP_RESUMED;
}

static void hang_up(struct caller *c)
{
	for (unsigned int i = 0; i < MOVE_STREAMS; i++)
		km_conn_close(&c->lane[i]);
	km_conn_close(&c->control);
}

/* A version of the ROM's page, as one message. */
static bool send_version(struct caller *c, uint64_t seq, int version)
{
	struct km_packer *packer = km_packer_new();
	struct km_pages *p = calloc(1, sizeof(*p));
	uint8_t page[KM_PAGE_SIZE];
	struct km_err err = { 0 };
	const uint8_t *msg;
	size_t len;
	bool sent;

	memset(page, version, sizeof(page));
	p->block = ROM;
	p->n = 1;
	p->kind[0] = KM_KIND_RAW;
	p->content[0] = page;
	km_packer_pack(packer, p, 1); /* nothing */
	len = km_packer_build(packer, p, &msg);
	sent = !km_send(&c->lane[0], KM_OP_PAGES, seq, msg, len, &err);
	free(p);
	km_packer_free(packer);
	return sent;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

/* I3: an old stream is in the midst of writing a page, and more of that page's versions wait in its
 * connection, when the source comes back, which the destination has not expected. */
static void old_stream(bool *ok)
{
	struct ends *e = ends_open(NULL, NULL, 20000, 20000);
	struct caller old = { .life = 1 }, new = { .life = 2 };
	uint8_t got[PACKET];
	size_t landed = 0;
	ssize_t n;

	CHECK(ask_back(e, &old) && is_back(&old) && dial_lanes(e, &old));
	CHECK(send_version(&old, 1, 1) && send_version(&old, 2, 2));
	CHECK(readable(e->qemu, 20000)); /* it has begun, and there is no room for all of it */
	CHECK(ask_back(e, &new));
	CHECK(!readable(new.control.fd, 1000));
	while (!readable(new.control.fd, 0) && readable(e->qemu, 20000)) {
		n = read(e->qemu, got, sizeof(got));
		landed += n > 0 ? (size_t)n : 0;
	}
	CHECK(is_back(&new));
	while (readable(e->qemu, 0)) {
		n = read(e->qemu, got, sizeof(got));
		landed += n > 0 ? (size_t)n : 0;
	}
	CHECK(landed && landed % PACKET == 0); /* whole ones, and all of them before the new */
	CHECK(dial_lanes(e, &new) && send_version(&new, 1, 3));
	CHECK(readable(e->qemu, 20000) && !km_read_full(e->qemu, got, sizeof(got)));
	CHECK(got[KM_MULTIFD_PACKET_BYTES] == 3 && got[PACKET - 1] == 3);
	CHECK(!readable(e->qemu, 300));
	CHECK(!e->sink_over);
	hang_up(&old);
	hang_up(&new);
	ends_close(e);
}

static const struct ktap_case cases[] = {
	{ "return: strangers are sent away, and the move goes on", strangers },
	{ "return: so are connections of an earlier life", late },
	{ "return: who says nothing keeps nobody waiting", silent },
	{ "return: a source that has heard what was not said", too_much },
	{ "return: an old stream's pages land before the source is back, or never", old_stream },
	{ "return: a source that says it has given up", aborted },
	{ "return: a source that does not come", time_over },
	{ "return: none from FENCE on", fenced },
	{ "return: none once the guest is stopped", stopped_meanwhile },
	{ "redial: nobody listens any more", nobody },
	{ "redial: a link that breaks again and again", again_and_again },
	{ "redial: a destination that knows nothing of it", refused },
};
KTAP_MAIN(cases)
