// SPDX-License-Identifier: GPL-2.0
/* Somebody between the two ends, who records, repeats and changes. */
#include <poll.h>
#include "ktap.h"
#include "tlspeer.h"

struct proxy {
	int listen_fd, to_source, to_destination;
	char port[8];
	pthread_t thread;
	uint8_t said[65536]; /* by the source, in all */
	size_t nsaid;
	_Atomic bool change; /* a bit of what the source says next */
};

static void *proxy_main(void *arg)
{
	struct proxy *x = arg;
	uint8_t buf[16384];

	x->to_source = accept(x->listen_fd, NULL, NULL);
	for (;;) {
		struct pollfd p[2] = { { .fd = x->to_source, .events = POLLIN },
				       { .fd = x->to_destination, .events = POLLIN } };
		ssize_t n;

		poll(p, 2, -1);
		n = read(p[0].revents ? p[0].fd : p[1].fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		if (p[0].revents && x->nsaid + (size_t)n <= sizeof(x->said)) {
			memcpy(x->said + x->nsaid, buf, (size_t)n);
			x->nsaid += (size_t)n;
			if (x->change)
				buf[n / 2] ^= 1;
		}
		if (send(p[0].revents ? p[1].fd : p[0].fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	}
	shutdown(x->to_source, SHUT_RDWR);
	shutdown(x->to_destination, SHUT_RDWR);
	return NULL;
}

static void proxy_open(struct proxy *x, const char *port)
{
	struct km_err err = { 0 };
	unsigned int own = 0;

	memset(x, 0, sizeof(*x));
	x->listen_fd = km_listen_tcp("127.0.0.1", "0", &own, &err);
	snprintf(x->port, sizeof(x->port), "%u", own);
	x->to_destination = call(port);
	pthread_create(&x->thread, NULL, proxy_main, x);
}

static void proxy_close(struct proxy *x)
{
	pthread_join(x->thread, NULL);
	close(x->listen_fd);
	close(x->to_source);
	close(x->to_destination);
}

static void in_between(bool *ok)
{
	static const char secret[] = "the guest's page, that nobody else may see";
	struct km_err err = { 0 };
	struct km_msg m;
	struct proxy x;
	struct pair p;

	listen_pair(&p);
	proxy_open(&x, p.port);
	join_pair(&p, x.port);
	CHECK(!km_send(&p.source, KM_OP_MAIN, 1, secret, sizeof(secret), &err));
	CHECK(!km_recv(&p.destination, &m, &err));
	CHECK(x.nsaid > sizeof(secret) && !memmem(x.said, x.nsaid, secret, sizeof(secret)));
	CHECK(!memmem(x.said, x.nsaid, p.s->psk.key, KM_PSK_BYTES));
	x.change = true;
	CHECK(!km_send(&p.source, KM_OP_MAIN, 2, secret, sizeof(secret), &err));
	CHECK(km_recv(&p.destination, &m, &err) == -EBADMSG &&
	      strstr(err.text, "not what was sent"));
	close_pair(&p);
	proxy_close(&x);
}

/* What a source has said once gets nobody in a second time. */
static void replayed(bool *ok)
{
	struct km_err err = { 0 };
	struct km_creds *s, *d;
	struct proxy x;
	struct host h;
	char buf[4096];
	int fd;

	new_pair(&s, &d, no_older);
	host_open(&h, d);
	proxy_open(&x, h.port);
	CHECK(!visit_by(x.port, s, "127.0.0.1", &err));
	proxy_close(&x);
	CHECK(h.let_in == 1 && x.nsaid > 200);
	fd = call(h.port);
	CHECK(send(fd, x.said, x.nsaid, MSG_NOSIGNAL) == (ssize_t)x.nsaid);
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	close(fd);
	CHECK(host_refuses(&h, "TLS with the source failed"));
	CHECK(h.let_in == 1);
	CHECK(!visit(&h, s, "127.0.0.1", &err));
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
}

static const struct ktap_case cases[] = {
	{ "somebody in between sees nothing and can't change a bit", in_between },
	{ "a recorded connection is refused", replayed },
};

KTAP_MAIN(cases)
