// SPDX-License-Identifier: GPL-2.0
/* One stream over the loopback interface: as sender.c and sink_pages.c, without a ledger. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "calibrate.h"
#include "xfer/clock.h"
#include "xfer/frame.h"
#include "xfer/pagesend.h"
#include "xfer/tls.h"

#define PATIENCE_MS  30000
/* Of content, at the stream's speed; and at least and at most so many messages. */
#define TRIAL_S	     0.1
#define MESSAGES_MIN 2
#define MESSAGES_MAX 8

/* The messages: content, by which all buffers get their memory; names alone; content, and the
 * same once more, which are written, too. */
enum phase { WARM, NAMES, FIRST, AGAIN, PHASES };

struct stream {
	const struct km_calibrate_ends *ends;
	unsigned int messages; /* of a phase */
	struct km_ledger *blocks;
	struct km_guestmem *mem; /* the destination's */
	int memfd, listen_fd;
	struct km_conn out, in;
	pthread_t receiver, acks;
	struct km_err in_err, ack_err;
	double sent_ns[PHASES], recv_ns[PHASES], write_ns[PHASES], ack_ns;
};

static double cpu_ns(void)
{
	return (double)km_stamp_now().cpu_ns;
}

/* ---- the destination ---- */

static int write_pages(struct stream *t, const struct km_pages *p, struct km_err *err)
{
	return km_guestmem_write_pages(t->mem, p->block, p->index, p->content, p->n, err);
}

static int receive(struct stream *t, struct km_unpacker *u, struct km_pages *p, struct km_err *err)
{
	uint64_t acked = 0;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < PHASES * t->messages; i++) {
		enum phase phase = i / t->messages;
		double from = cpu_ns(), parsed;
		struct km_msg m;

		rc = km_recv(&t->in, &m, err);
		if (!rc)
			rc = km_unpacker_parse(u, t->in.buf, m.len, t->blocks, p, err);
		parsed = cpu_ns();
		t->recv_ns[phase] += parsed - from;
		if (!rc && phase >= FIRST)
			rc = write_pages(t, p, err);
		from = cpu_ns();
		t->write_ns[phase] += from - parsed;
		acked += p->n;
		if (!rc)
			rc = km_send(&t->in, KM_OP_ACK, acked, NULL, 0, err);
		t->recv_ns[phase] += cpu_ns() - from;
	}
	return rc;
}

static int let_in(struct stream *t, struct km_err *err)
{
	int fd = accept4(t->listen_fd, NULL, NULL, SOCK_CLOEXEC), rc;

	if (fd < 0)
		return km_err_set(err, -errno, "accept: %s", strerror(errno));
	km_conn_init(&t->in, fd, PATIENCE_MS);
	if (!t->ends->destination)
		return 0;
	rc = km_tls_open(&t->in.tls, t->ends->destination, fd, NULL, err);
	return rc ? rc : km_tls_shake_all(t->in.tls, PATIENCE_MS, err);
}

static void *receiver_main(void *arg)
{
	struct stream *t = arg;
	struct km_unpacker *u = km_unpacker_new();
	struct km_pages *p = calloc(1, sizeof(*p));

	if (!u || !p)
		km_err_set(&t->in_err, -ENOMEM, "out of memory");
	else if (!let_in(t, &t->in_err))
		receive(t, u, p, &t->in_err);
	if (t->in_err.code) /* the source need not wait for more */
		km_conn_shutdown(&t->in);
	km_unpacker_free(u);
	free(p);
	return NULL;
}

/* ---- the source ---- */

static void *acks_main(void *arg)
{
	struct stream *t = arg;
	struct km_msg m;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < PHASES * t->messages; i++)
		rc = km_recv(&t->out, &m, &t->ack_err);
	t->ack_ns = cpu_ns();
	return NULL;
}

static void lay_out(struct km_taken *pages, const uint8_t **content, const struct km_specimens *of,
		    uint64_t first, enum phase phase)
{
	for (unsigned int i = 0; i < KM_WIRE_PAGES_MAX; i++) {
		pages[i] = (struct km_taken){ .page = { 0, first + i } };
		content[i] = phase == NAMES ? NULL : of->page[i % of->n];
	}
}

static int send_all(struct stream *t, struct km_pagesend *out, const struct km_specimens *of,
		    struct km_err *err)
{
	struct km_taken pages[KM_WIRE_PAGES_MAX];
	const uint8_t *content[KM_WIRE_PAGES_MAX];
	int rc = 0;

	for (unsigned int i = 0; !rc && i < PHASES * t->messages; i++) {
		double from;

		lay_out(pages, content, of, (uint64_t)(i % t->messages) * KM_WIRE_PAGES_MAX,
			i / t->messages);
		from = cpu_ns();
		rc = km_pagesend(out, i + 1, pages, KM_WIRE_PAGES_MAX, content, err);
		t->sent_ns[i / t->messages] += cpu_ns() - from;
	}
	return rc;
}

static int send_messages(struct stream *t, const struct km_specimens *of, struct km_err *err)
{
	static const _Atomic bool no_deltas[KM_BLOCKS_MAX];
	struct km_pagesend_counts counts = { 0 };
	struct km_pagesend *out =
		km_pagesend_new(&(struct km_pagesend_setup){ .conn = &t->out,
							     .counts = &counts,
							     .blocks = t->blocks,
							     .takes_deltas = no_deltas });
	int rc;

	rc = out ? send_all(t, out, of, err) : km_err_set(err, -ENOMEM, "out of memory");
	km_pagesend_free(out);
	return rc;
}

/* ---- both ---- */

/* The destination's memory: pages of a file that nobody has touched. */
static int make_memory(struct stream *t, struct km_err *err)
{
	struct km_blocks where = { .n = 1 };
	struct km_block *b = &where.b[0];
	uint64_t bytes = (uint64_t)t->messages * KM_PACK_CONTENT_MAX;

	t->memfd = memfd_create("kmigrate", MFD_CLOEXEC);
	if (t->memfd < 0 || ftruncate(t->memfd, (off_t)bytes))
		return km_err_set(err, -errno, "memfd: %s", strerror(errno));
	*b = (struct km_block){ .name = "trial",
				.used_bytes = bytes,
				.hva = KM_PAGE_SIZE, /* any */
				.backing = KM_BACKING_SHARED };
	snprintf(b->map_path, sizeof(b->map_path), "/proc/self/fd/%d", t->memfd);
	t->blocks = km_ledger_new(1);
	if (!t->blocks || km_ledger_add_block(t->blocks, b->name, bytes) < 0)
		return km_err_set(err, -ENOMEM, "out of memory");
	return km_guestmem_open(&t->mem, getpid(), &where, t->blocks, KM_GUESTMEM_DESTINATION, err);
}

static int connect_ends(struct stream *t, double bytes_per_s, struct km_err *err)
{
	unsigned int nr;
	char port[8];
	int rc;

	t->listen_fd = km_listen_tcp("127.0.0.1", "0", &nr, err);
	if (t->listen_fd < 0)
		return t->listen_fd;
	snprintf(port, sizeof(port), "%u", nr);
	rc = pthread_create(&t->receiver, NULL, receiver_main, t);
	if (rc) {
		t->receiver = 0;
		return km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc));
	}
	rc = km_conn_dial(&t->out, "127.0.0.1", port, t->ends->source, PATIENCE_MS, err);
	return rc ? rc : km_conn_limit(&t->out, (uint64_t)bytes_per_s, err);
}

static int run(struct stream *t, const struct km_specimens *of, double bytes_per_s,
	       struct km_err *err)
{
	int rc = make_memory(t, err);

	if (!rc)
		rc = connect_ends(t, bytes_per_s, err);
	if (!rc && pthread_create(&t->acks, NULL, acks_main, t)) {
		t->acks = 0;
		rc = km_err_set(err, -EAGAIN, "cannot start a thread");
	}
	if (!rc)
		rc = send_messages(t, of, err);
	if (rc) { /* nobody waits for what will not come */
		shutdown(t->listen_fd, SHUT_RDWR);
		km_conn_shutdown(&t->out);
	}
	if (t->acks)
		pthread_join(t->acks, NULL);
	if (t->receiver)
		pthread_join(t->receiver, NULL);
	if (!rc && t->in_err.code)
		rc = km_err_set(err, t->in_err.code, "%.400s", t->in_err.text);
	if (!rc && t->ack_err.code)
		rc = km_err_set(err, t->ack_err.code, "%.400s", t->ack_err.text);
	return rc;
}

static void end(struct stream *t)
{
	km_conn_close(&t->out);
	km_conn_close(&t->in);
	if (t->listen_fd >= 0)
		close(t->listen_fd);
	km_guestmem_close(t->mem);
	if (t->memfd >= 0)
		close(t->memfd);
	km_ledger_free(t->blocks);
}

/* Of each of a phase's pages; content costs what it takes above names. */
static void conclude(const struct stream *t, struct km_costs *c, struct km_costs_wire *w)
{
	double pages = (double)t->messages * KM_WIRE_PAGES_MAX, bytes = 2 * pages * KM_PAGE_SIZE;
	double sent = t->sent_ns[FIRST] + t->sent_ns[AGAIN] - 2 * t->sent_ns[NAMES];
	double recv = t->recv_ns[FIRST] + t->recv_ns[AGAIN] - 2 * t->recv_ns[NAMES];

	/* Its thread waits for each ACK. */
	w->wake = t->ack_ns / PHASES / t->messages;
	w->send_name = t->sent_ns[NAMES] / pages + w->wake / KM_WIRE_PAGES_MAX;
	w->recv_name = t->recv_ns[NAMES] / pages;
	w->send_byte = sent > 0 ? sent / bytes : 0;
	w->recv_byte = recv > 0 ? recv / bytes : 0;
	c->write_first = t->write_ns[FIRST] / pages;
	c->write_again = t->write_ns[AGAIN] / pages;
}

int km_calibrate_wire(const struct km_specimens *of, const struct km_calibrate_ends *ends,
		      double bytes_per_s, struct km_costs *c, struct km_costs_wire *w,
		      struct km_err *err)
{
	double messages = bytes_per_s * TRIAL_S / KM_PACK_CONTENT_MAX;
	struct stream t = { .ends = ends, .memfd = -1, .listen_fd = -1 };
	int rc;

	t.out.fd = t.in.fd = -1;
	t.messages = messages < MESSAGES_MIN ? MESSAGES_MIN :
		     messages > MESSAGES_MAX ? MESSAGES_MAX :
					       (unsigned int)messages;
	rc = run(&t, of, bytes_per_s, err);
	end(&t);
	if (!rc)
		conclude(&t, c, w);
	return rc;
}
