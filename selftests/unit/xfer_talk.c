// SPDX-License-Identifier: GPL-2.0
/* What must be said exactly once and in order, over connections that break (talk.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/talk.h"

struct ends {
	struct km_conn here, there;
	struct km_talk says, hears;
};

static void connect_ends(struct ends *e)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		_exit(1);
	km_conn_init(&e->here, fd[0], 5000);
	km_conn_init(&e->there, fd[1], 5000);
}

static void open_ends(struct ends *e, bool keeps)
{
	memset(e, 0, sizeof(*e));
	km_talk_init(&e->says, &e->here, keeps);
	km_talk_init(&e->hears, &e->there, keeps);
	connect_ends(e);
}

static void cut(struct ends *e)
{
	km_conn_shutdown(&e->here);
	km_talk_down(&e->says);
	km_conn_close(&e->here);
	km_conn_close(&e->there);
}

static void close_ends(struct ends *e)
{
	cut(e);
	km_talk_free(&e->says);
	km_talk_free(&e->hears);
}

static int say(struct ends *e, unsigned int word)
{
	struct km_err err = { 0 };

	return km_talk_say(&e->says, KM_OP_MAIN, &word, sizeof(word), &err);
}

/* The next message is this one, and has been dealt with. */
static bool hear(struct ends *e, unsigned int word)
{
	struct km_err err = { 0 };
	unsigned int got;
	struct km_msg m;

	if (km_recv(&e->there, &m, &err) || km_talk_check(&e->hears, &m, &err)) {
		printf("# %s\n", err.text);
		return false;
	}
	memcpy(&got, e->there.buf, sizeof(got));
	km_talk_done(&e->hears, &m);
	return m.op == KM_OP_MAIN && m.len == sizeof(got) && got == word;
}

static void said_again(bool *ok)
{
	struct km_err err = { 0 };
	struct ends e;

	open_ends(&e, true);
	CHECK(!km_talk_up(&e.says, 0, &err));
	CHECK(!say(&e, 1) && !say(&e, 2) && !say(&e, 3));
	CHECK(hear(&e, 1));
	cut(&e); /* 2 and 3 are lost on their way */
	CHECK(!say(&e, 4));
	connect_ends(&e);
	CHECK(!km_talk_up(&e.says, e.hears.heard, &err));
	CHECK(!say(&e, 5));
	for (unsigned int word = 2; word <= 5; word++)
		CHECK(hear(&e, word));
	CHECK(e.hears.heard == 5 && e.says.said == 5);
	close_ends(&e);
}

/* Two ends and a network, at random: any part of what was said is heard before it breaks. */
static void any_order(bool *ok)
{
	struct km_err err = { 0 };
	unsigned int seed = 1, lost = 0;

	for (unsigned int n = 0; n < 50; n++) {
		unsigned int said = 0, heard = 0;
		struct ends e;

		open_ends(&e, true);
		CHECK(!km_talk_up(&e.says, 0, &err));
		for (unsigned int i = 0; i < 100; i++) {
			unsigned int dice = (unsigned int)rand_r(&seed) % 8;

			if (dice < 4)
				CHECK(!say(&e, said++));
			else if (dice < 7 && heard < said && e.says.up)
				CHECK(hear(&e, heard++));
			else if (dice == 7 && e.says.up) {
				lost += said - heard;
				cut(&e);
			} else if (!e.says.up) {
				connect_ends(&e);
				CHECK(!km_talk_up(&e.says, e.hears.heard, &err));
			}
		}
		if (!e.says.up) {
			connect_ends(&e);
			CHECK(!km_talk_up(&e.says, e.hears.heard, &err));
		}
		while (heard < said)
			CHECK(hear(&e, heard++));
		close_ends(&e);
	}
	CHECK(lost > 100);
}

static void twice_or_missing(bool *ok)
{
	struct km_msg m = { .op = KM_OP_SYNC, .seq = 8 }, other = { .op = KM_OP_FENCE };
	struct km_talk t = { .heard = 7 };
	struct km_err err = { 0 };

	CHECK(!km_talk_check(&t, &m, &err));
	CHECK(!km_talk_check(&t, &other, &err)); /* has none */
	km_talk_done(&t, &other);
	CHECK(t.heard == 7);
	km_talk_done(&t, &m);
	CHECK(km_talk_check(&t, &m, &err) == -EPROTO && strstr(err.text, "SYNC number 8"));
	m.seq = 10;
	CHECK(km_talk_check(&t, &m, &err) == -EPROTO);
	m.seq = 0;
	CHECK(km_talk_check(&t, &m, &err) == -EPROTO);
}

static void bounded(bool *ok)
{
	static uint8_t big[64 << 10];
	struct km_err err = { 0 };
	unsigned int n = 0;
	struct ends e;

	open_ends(&e, true);
	while (!km_talk_say(&e.says, KM_OP_MAIN, big, sizeof(big), &err))
		n++;
	CHECK(n == KM_TALK_BYTES / sizeof(big) - 1); /* each has a little besides */
	CHECK(err.code == -ENOBUFS && !e.says.told);
	/* Nor can what was not heard be said any more. */
	CHECK(km_talk_up(&e.says, 0, &err) == -ENOBUFS);
	CHECK(!km_talk_up(&e.says, e.says.said, &err));
	CHECK(!say(&e, 1));
	close_ends(&e);
}

static void not_kept(bool *ok)
{
	struct km_err err = { 0 };
	struct ends e;

	open_ends(&e, false);
	CHECK(!km_talk_up(&e.says, 0, &err));
	CHECK(!say(&e, 1) && !e.says.told);
	CHECK(km_talk_up(&e.says, 0, &err) == -ENOBUFS);
	close_ends(&e);
	open_ends(&e, true);
	CHECK(!km_talk_up(&e.says, 0, &err) && !say(&e, 1) && e.says.told);
	km_talk_finish(&e.says);
	CHECK(!say(&e, 2) && !e.says.told);
	CHECK(hear(&e, 1) && hear(&e, 2));
	CHECK(km_talk_up(&e.says, 3, &err) == -EPROTO); /* more than was said */
	close_ends(&e);
}

static void broken_meanwhile(bool *ok)
{
	struct km_err err = { 0 };
	struct ends e;

	open_ends(&e, true);
	CHECK(!km_talk_up(&e.says, 0, &err));
	km_conn_shutdown(&e.here);
	CHECK(km_conn_broke(say(&e, 1)));
	cut(&e);
	connect_ends(&e);
	CHECK(!km_talk_up(&e.says, 0, &err) && hear(&e, 1));
	close_ends(&e);
}

/* What Linux says of a connection whose packets have no way: of each it is redialled. */
static void no_route(bool *ok)
{
	static const int of_route[] = { EINVAL, EACCES, EHOSTUNREACH, ENETUNREACH };

	for (size_t i = 0; i < sizeof(of_route) / sizeof(*of_route); i++)
		CHECK(km_conn_broke(km_socket_error(of_route[i])));
	CHECK(!km_conn_broke(km_socket_error(ENOMEM)) && km_socket_error(EAGAIN) == -EAGAIN);
}

static const struct ktap_case cases[] = {
	{ "talk: what was not heard is said again, once", said_again },
	{ "talk: at random", any_order },
	{ "talk: nothing is taken twice, or out of turn", twice_or_missing },
	{ "talk: so much is kept, and no more", bounded },
	{ "talk: nothing is kept where no link is redialled", not_kept },
	{ "talk: the connection breaks in the midst of a word", broken_meanwhile },
	{ "talk: a route that is a black hole is a link that broke", no_route },
};
KTAP_MAIN(cases)
