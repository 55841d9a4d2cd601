// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "knet_priv.h"

struct call {
	struct km_knet *k;
	km_knet_handler handle;
	void *ctx;
	unsigned int seq;
	int rc;
	bool done, interrupted;
};

static int on_ext_ack(const struct nlattr *attr, void *data)
{
	struct km_knet *k = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0) {
		strncpy(k->ext_ack, mnl_attr_get_str(attr), sizeof(k->ext_ack) - 1);
		k->ext_ack[sizeof(k->ext_ack) - 1] = '\0';
	}
	return MNL_CB_OK;
}

static void read_ext_ack(struct km_knet *k, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	unsigned int offset = sizeof(*e);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) /* our request is quoted first */
		offset += NLMSG_ALIGN(e->msg.nlmsg_len) - (unsigned int)sizeof(e->msg);
	if (offset < mnl_nlmsg_get_payload_len(nlh))
		mnl_attr_parse(nlh, offset, on_ext_ack, k);
}

static void on_error(struct call *c, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	c->done = true;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e)) {
		c->rc = -EPROTO;
	} else if (e->error) {
		c->rc = e->error;
		read_ext_ack(c->k, nlh);
	}
}

static void on_message(struct call *c, const struct nlmsghdr *nlh)
{
	int error = 0;

	/* What is left of a call that was given up. */
	if (!mnl_nlmsg_seq_ok(nlh, c->seq) || !mnl_nlmsg_portid_ok(nlh, c->k->portid))
		return;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		c->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		on_error(c, nlh);
	} else if (nlh->nlmsg_type == NLMSG_DONE) {
		/* The end of a dump carries its error (netlink_dump_done). */
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
			memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
		if (error < 0)
			c->rc = error;
		c->done = true;
	} else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && !c->rc && c->handle) {
		c->rc = c->handle(nlh, c->ctx);
	}
}

int km_knetsock_call(struct km_knet *k, const struct nlmsghdr *nlh, km_knet_handler handle,
		     void *ctx)
{
	struct call c = { .k = k, .handle = handle, .ctx = ctx, .seq = nlh->nlmsg_seq };

	k->ext_ack[0] = '\0';
	if (mnl_socket_sendto(k->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (!c.done) {
		ssize_t n = mnl_socket_recvfrom(k->nl, k->buf, BUFFER_BYTES);
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		for (nlh = (const void *)k->buf; mnl_nlmsg_ok(nlh, len);
		     nlh = mnl_nlmsg_next(nlh, &len))
			on_message(&c, nlh);
	}
	return c.rc ? c.rc : c.interrupted ? -EINTR : 0;
}

struct nlmsghdr *km_knetsock_request(struct km_knet *k, uint16_t type, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(k->buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++k->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = type == GENL_ID_CTRL ? 1 : KMIGRATE_FAMILY_VERSION;
	return nlh;
}

struct nlmsghdr *km_knetsock_session(struct km_knet *k, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = km_knetsock_request(k, k->family, cmd, flags);

	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, k->session);
	return nlh;
}

int km_knetsock_fail(struct km_knet *k, int rc, const char *what, struct km_err *err)
{
	if (rc == -EPERM)
		return km_err_set(err, rc, "kmigrate.ko: %s needs root: " KM_KNET_OFF, what);
	return km_err_set(err, rc, "kmigrate.ko: %s: %s", what,
			  k->ext_ack[0] ? k->ext_ack : strerror(-rc));
}

int km_knetsock_open(struct km_knet *k, struct km_err *err)
{
	const struct timeval patience = { .tv_sec = 5 };
	int on = 1;
	int fd;

	/* Zeroed: libmnl 1.0.4 sends what it finds between an attribute and the next. */
	k->buf = calloc(1, BUFFER_BYTES);
	if (!k->buf)
		return km_err_set(err, -ENOMEM, "out of memory");
	k->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!k->nl || mnl_socket_bind(k->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return km_err_set(err, -errno, "generic netlink: %s: " KM_KNET_OFF,
				  strerror(errno));
	k->portid = mnl_socket_get_portid(k->nl);
	fd = mnl_socket_get_fd(k->nl);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* Sentences with errors, without a copy of what was sent.  Older kernels
	 * do without. */
	mnl_socket_setsockopt(k->nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(k->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}
