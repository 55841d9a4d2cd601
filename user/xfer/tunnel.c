// SPDX-License-Identifier: GPL-2.0
#include "tunnel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "drain.h"
#include "rundir.h"

#define PIECE (256u << 10) /* what QEMU's mirror copies at a time, or less */

static void end_both(struct km_tunnel *t)
{
	km_conn_shutdown(&t->conn);
	shutdown(t->fd, SHUT_RDWR);
}

/* From QEMU to the peer. */
static void carry_there(struct km_tunnel *t)
{
	uint8_t *buf = malloc(PIECE);

	while (buf) {
		ssize_t n = read(t->fd, buf, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || km_send(&t->conn, KM_OP_DISK_DATA, 0, buf, (size_t)n, NULL))
			break;
		t->bytes += (uint64_t)n;
	}
	free(buf);
	end_both(t);
}

/* From the peer to QEMU. */
static void *back_main(void *arg)
{
	struct km_tunnel *t = arg;
	struct km_msg m;

	while (!km_recv(&t->conn, &m, NULL)) {
		if (m.op != KM_OP_DISK_DATA || km_write_full(t->fd, t->conn.buf, m.len))
			break;
		t->bytes += m.len;
	}
	end_both(t);
	return NULL;
}

static int await_qemu(struct km_tunnel *t)
{
	struct pollfd p = { .fd = t->listen_fd, .events = POLLIN };

	while (!t->cut)
		if (poll(&p, 1, 100) > 0) {
			t->fd = accept4(t->listen_fd, NULL, NULL, SOCK_CLOEXEC);
			if (t->fd < 0)
				return -errno;
			return km_rundir_check_peer(t->fd, t->from, NULL);
		}
	return -ECANCELED;
}

static void *there_main(void *arg)
{
	struct km_tunnel *t = arg;
	bool back = false, here = t->listen_fd < 0 || !await_qemu(t);

	/* At once: QEMU's NBD client tries to connect anew when its connection has ended
	 * (block/nbd.c, nbd_channel_error()), and where somebody listens and nobody answers, its
	 * requests, and the job's end, would wait for ever. */
	if (t->listen_fd >= 0)
		close(t->listen_fd);
	if (here) {
		/* A cut that came before there was anything to cut. */
		if (t->cut)
			end_both(t);
		back = !pthread_create(&t->back, NULL, back_main, t);
		if (back)
			carry_there(t);
	}
	if (t->fd >= 0)
		end_both(t);
	else
		km_conn_shutdown(&t->conn);
	if (back)
		pthread_join(t->back, NULL);
	/* Room for who still waits to write: QEMU does not take a hang-up for it (util/aio-posix.c,
	 * aio_dispatch_handler()), and would wait for ever. */
	if (t->fd >= 0)
		km_drain(t->fd);
	t->over = true;
	return NULL;
}

/* See the header. TCP_USER_TIMEOUT also ends a connection whose peer has no room for so long
 * (net/ipv4/tcp_timer.c, tcp_probe_timer()). */
static void wait_for_ever(struct km_conn *c)
{
	struct timeval forever = { 0 };
	unsigned int none = 0;

	km_conn_be_patient(c);
	c->peer_ms = 0;
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof(forever));
	setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &none, sizeof(none));
}

int km_tunnel_open(struct km_tunnel *t, const struct km_conn *conn, int fd, int listen_fd,
		   pid_t from, struct km_err *err)
{
	int rc;

	t->conn = *conn;
	t->fd = fd;
	t->listen_fd = listen_fd;
	t->from = from;
	wait_for_ever(&t->conn);
	rc = pthread_create(&t->there, NULL, there_main, t);
	if (!rc) {
		t->open = true;
		return 0;
	}
	km_conn_close(&t->conn);
	close(fd >= 0 ? fd : listen_fd);
	return km_err_set(err, -rc, "cannot start a thread: %s", strerror(rc));
}

void km_tunnel_cut(struct km_tunnel *t)
{
	if (!t->open)
		return;
	t->cut = true;
	km_conn_shutdown(&t->conn);
	if (t->fd >= 0)
		shutdown(t->fd, SHUT_RDWR);
}

void km_tunnel_close(struct km_tunnel *t)
{
	if (!t->open)
		return;
	km_tunnel_cut(t);
	pthread_join(t->there, NULL);
	t->open = false;
	km_conn_close(&t->conn);
	if (t->fd >= 0)
		close(t->fd);
}
