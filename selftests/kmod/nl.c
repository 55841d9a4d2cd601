// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/genetlink.h>

#include "nl.h"

/* Extended acks hold what NETLINK_CAP_ACK leaves of the request, then attributes. */
static void parse_ext_ack(struct nl *nl, const struct nlmsghdr *nlh, size_t skip)
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(nl->message, sizeof(nl->message), "%s",
				 mnl_attr_get_str(attr));
		else if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MISS_TYPE)
			nl->missing = mnl_attr_get_u32(attr);
	}
}

/* 1: goes on; else the final answer. */
static int one_message(struct nl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb,
		       void *data)
{
	const int *error = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_seq != nl->seq)
		return 1;
	nl->interrupted |= !!(nlh->nlmsg_flags & NLM_F_DUMP_INTR);
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		parse_ext_ack(nl, nlh, sizeof(struct nlmsgerr));
		return *error;
	case NLMSG_DONE:
		if (nlh->nlmsg_len < MNL_ALIGN(sizeof(*nlh)) + sizeof(*error))
			return 0;
		parse_ext_ack(nl, nlh, sizeof(*error));
		return *error;
	}
	if (cb && cb(nlh, data) == MNL_CB_ERROR)
		return -EBADMSG;
	return 1;
}

int nl_talk(struct nl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	static _Thread_local char buffer[NL_BUFFER];
	const struct nlmsghdr *answer;
	ssize_t got;
	int len, status;

	nl->message[0] = '\0';
	nl->missing = 0;
	nl->interrupted = false;
	if (nl->no_address)
		got = send(mnl_socket_get_fd(nl->sock), nlh, nlh->nlmsg_len, 0);
	else
		got = mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len);
	if (got < 0)
		return -errno;
	for (;;) {
		got = mnl_socket_recvfrom(nl->sock, buffer, sizeof(buffer));
		if (got < 0)
			return -errno;
		len = (int)got;
		for (answer = (void *)buffer; mnl_nlmsg_ok(answer, len);
		     answer = mnl_nlmsg_next(answer, &len)) {
			status = one_message(nl, answer, cb, data);
			if (status <= 0)
				return status;
		}
	}
}

struct nlmsghdr *nl_request(struct nl *nl, void *buffer, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = nl->family;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	nlh->nlmsg_seq = ++nl->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = KMIGRATE_FAMILY_VERSION;
	return nlh;
}

int nl_command(struct nl *nl, uint8_t cmd, uint16_t flags, uint32_t session,
	       mnl_cb_t cb, void *data)
{
	char buffer[256];
	struct nlmsghdr *nlh = nl_request(nl, buffer, cmd, flags);

	if (session)
		mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	return nl_talk(nl, nlh, cb, data);
}

static int family_cb(const struct nlmsghdr *nlh, void *data)
{
	uint16_t *family = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			*family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

int nl_open_family(struct nl *nl, uint16_t family)
{
	int one = 1, size = 1 << 20;

	memset(nl, 0, sizeof(*nl));
	nl->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->sock)
		return -errno;
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = -errno;

		nl_close(nl);
		return err;
	}
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(mnl_socket_get_fd(nl->sock), SOL_SOCKET, SO_SNDBUF, &size,
		   sizeof(size));
	nl->family = family;
	return 0;
}

int nl_open(struct nl *nl)
{
	char buffer[256];
	uint16_t family = 0;
	struct nlmsghdr *nlh;
	int err;

	err = nl_open_family(nl, GENL_ID_CTRL);
	if (err)
		return err;
	nlh = nl_request(nl, buffer, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KMIGRATE_FAMILY_NAME);
	err = nl_talk(nl, nlh, family_cb, &family);
	if (!err && !family)
		err = -EBADMSG;
	if (err)
		nl_close(nl);
	nl->family = family;
	return err;
}

void nl_close(struct nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}
