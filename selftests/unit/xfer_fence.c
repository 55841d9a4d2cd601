// SPDX-License-Identifier: GPL-2.0
/* The destination waits for the last pages (FENCE), and the source does what it likes. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/bytes.h"
#include "xfer/cond.h"
#include "xfer/sink_priv.h"

/* LONG_MS: a source or stream that shows itself four times in it may be late by three quarters. */
enum { SHORT_MS = 300, LONG_MS = 2000, WANTED = 5 };

struct scene {
	struct sink s;
	struct km_sink_opts o;
	uint8_t fence[8];
	int source; /* the other end of s.control */
	pthread_t thread;
};

static void set_scene(struct scene *c, unsigned int peer_ms)
{
	int fd[2];

	memset(c, 0, sizeof(*c));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		_exit(1);
	c->o.peer_ms = peer_ms;
	c->s.o = &c->o;
	c->s.control.fd = fd[0];
	c->source = fd[1];
	c->s.nlanes = 1;
	pthread_mutex_init(&c->s.lock, NULL);
	km_cond_init(&c->s.cond);
	km_put_le64(c->fence, WANTED);
}

static int wait_fence(struct scene *c, struct km_err *err)
{
	return km_sink_wait_fence(&c->s, c->fence, sizeof(c->fence), err);
}

static void strike_scene(struct scene *c)
{
	close(c->s.control.fd);
	if (c->source >= 0)
		close(c->source);
}

static void apply(struct scene *c)
{
	pthread_mutex_lock(&c->s.lock);
	c->s.lanes[0].applied_msgs++;
	pthread_cond_broadcast(&c->s.cond);
	pthread_mutex_unlock(&c->s.lock);
}

/* Longer than LONG_MS with signs of life, then the pages. */
static void *slow_source(void *arg)
{
	struct scene *c = arg;

	for (int i = 0; i < 5; i++) {
		usleep(LONG_MS * 1000 / 4);
		if (write(c->source, "ping", 4) != 4)
			return NULL;
	}
	for (int i = 0; i < WANTED; i++)
		apply(c);
	return NULL;
}

static void *slow_pages(void *arg)
{
	struct scene *c = arg;

	for (int i = 0; i < WANTED; i++) {
		usleep(LONG_MS * 1000 / 4);
		c->s.pages++;
		apply(c);
	}
	return NULL;
}

static void *failing_stream(void *arg)
{
	struct scene *c = arg;
	struct km_err err = { .code = -EPROTO, .text = "a stream failed" };

	usleep(50000);
	km_sink_fail(&c->s, &err);
	return NULL;
}

static int wait_with(struct scene *c, void *(*other)(void *), struct km_err *err)
{
	int rc;

	set_scene(c, LONG_MS);
	if (pthread_create(&c->thread, NULL, other, c))
		_exit(1);
	rc = wait_fence(c, err);
	pthread_join(c->thread, NULL);
	strike_scene(c);
	return rc;
}

static void all_there(bool *ok)
{
	struct km_err err = { 0 };
	struct scene c;

	set_scene(&c, SHORT_MS);
	c.s.lanes[0].applied_msgs = WANTED;
	CHECK(!wait_fence(&c, &err));
	/* Not even the source's end matters then: what follows says so. */
	close(c.source);
	c.source = -1;
	CHECK(!wait_fence(&c, &err));
	strike_scene(&c);
}

static void slow_but_alive(bool *ok)
{
	struct km_err err = { 0 };
	struct scene c;

	CHECK(!wait_with(&c, slow_source, &err));
	CHECK(!wait_with(&c, slow_pages, &err));
}

static void silent(bool *ok)
{
	struct km_err err = { 0 };
	struct scene c;

	set_scene(&c, SHORT_MS);
	c.s.lanes[0].applied_msgs = WANTED - 1;
	CHECK(write(c.source, "ping", 4) == 4);
	CHECK(wait_fence(&c, &err) == -ETIMEDOUT && strstr(err.text, "fell silent"));
	strike_scene(&c);
}

static void gone(bool *ok)
{
	struct km_err err = { 0 };
	struct scene c;

	set_scene(&c, SHORT_MS);
	CHECK(write(c.source, "abort", 5) == 5);
	close(c.source);
	c.source = -1;
	CHECK(wait_fence(&c, &err) == -EPIPE && strstr(err.text, "went away"));
	strike_scene(&c);
}

static void stream_fails(bool *ok)
{
	struct km_err err = { 0 };
	struct scene c;

	CHECK(wait_with(&c, failing_stream, &err) == -ECANCELED);
	CHECK(!strcmp(c.s.err.text, "a stream failed"));
	CHECK(!err.text[0]); /* it was not the source's silence */
}

static void hostile(bool *ok)
{
	struct km_err err = { 0 };
	struct scene c;

	set_scene(&c, SHORT_MS);
	CHECK(km_sink_wait_fence(&c.s, c.fence, 7, &err) == -EPROTO);
	CHECK(km_sink_wait_fence(&c.s, c.fence, 0, &err) == -EPROTO);
	strike_scene(&c);
}

/* One page more than it counts, on its way when it comes. */
static void begun_before(bool *ok)
{
	struct km_err err = { 0 };
	struct scene c;

	set_scene(&c, SHORT_MS);
	c.s.lanes[0].applied_msgs = WANTED;
	c.s.lanes[0].begun_msgs = WANTED + 1;
	CHECK(wait_fence(&c, &err) == -EPROTO && strstr(err.text, "after the FENCE"));
	strike_scene(&c);
}

/* After it: not written, and the move fails. */
static void begun_after(bool *ok)
{
	static const uint8_t page[64];
	struct km_conn source = { 0 };
	struct km_err err = { 0 };
	struct scene c;
	int fd[2];

	set_scene(&c, SHORT_MS);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		_exit(1);
	c.s.lanes[0].s = &c.s;
	c.s.lanes[0].conn.fd = fd[0];
	c.s.lanes[0].applied_msgs = WANTED;
	source.fd = fd[1];
	CHECK(!wait_fence(&c, &err) && !km_sink_start_lanes(&c.s, &err));
	CHECK(!km_send(&source, KM_OP_PAGES, WANTED + 1, page, sizeof(page), &err));
	pthread_join(c.s.lanes[0].thread, NULL);
	CHECK(c.s.failed && c.s.err.code == -EPROTO && strstr(c.s.err.text, "after the FENCE"));
	CHECK(!c.s.pages && c.s.lanes[0].applied_msgs == WANTED);
	km_conn_close(&c.s.lanes[0].conn);
	close(fd[1]);
	strike_scene(&c);
}

static const struct ktap_case cases[] = {
	{ "fence: the pages are there", all_there },
	{ "fence: a slow source is waited for while it lives", slow_but_alive },
	{ "fence: a silent source is given up", silent },
	{ "fence: so is one that went away", gone },
	{ "fence: a stream's failure ends the wait", stream_fails },
	{ "fence: of the wrong length", hostile },
	{ "fence: pages that were on their way, and that it does not count", begun_before },
	{ "fence: pages after it", begun_after },
};

int main(void)
{
	return ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
}
