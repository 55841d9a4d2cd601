// SPDX-License-Identifier: GPL-2.0
/* Which modules this tool works with.  The kernel here is a fake: libmnl's sockets are
 * replaced by functions that answer as a module of some ABI version would. */
#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>
#include "ktap.h"
#include "ctl/knet.h"
#include "ctl/knet_priv.h"

enum { FAMILY = 40, PORT = 7 };

static struct {
	bool loaded;
	uint32_t abi; /* 0: INFO's answer has no version */
	int info_error;
	struct nlmsghdr request;
	uint8_t cmd;
	int asked, opened;
} kernel;

/* One address is as good as another: nobody looks behind it. */
struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	(void)flags;
	kernel.opened++;
	return bus == NETLINK_GENERIC ? (struct mnl_socket *)&kernel : NULL;
}

int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	(void)nl;
	(void)groups;
	(void)pid;
	return 0;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *nl)
{
	(void)nl;
	return PORT;
}

int mnl_socket_get_fd(const struct mnl_socket *nl)
{
	(void)nl;
	return -1;
}

int mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len)
{
	(void)nl;
	(void)type;
	(void)buf;
	(void)len;
	return 0;
}

int mnl_socket_close(struct mnl_socket *nl)
{
	(void)nl;
	kernel.opened--;
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	const struct nlmsghdr *nlh = buf;

	(void)nl;
	kernel.request = *nlh;
	kernel.cmd = ((const struct genlmsghdr *)mnl_nlmsg_get_payload(nlh))->cmd;
	kernel.asked++;
	return (ssize_t)len;
}

static struct nlmsghdr *begin(void *at, uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);

	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = kernel.request.nlmsg_seq;
	nlh->nlmsg_pid = PORT;
	return nlh;
}

static size_t put_error(uint8_t *at, int error)
{
	struct nlmsghdr *nlh = begin(at, NLMSG_ERROR);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	e->error = error;
	e->msg = kernel.request;
	return nlh->nlmsg_len;
}

/* The answer to the last request, and its acknowledgement behind it. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
	bool ctrl = kernel.request.nlmsg_type == GENL_ID_CTRL;
	struct nlmsghdr *nlh;
	int error = 0;

	(void)nl;
	memset(buf, 0, size);
	if (ctrl)
		error = kernel.loaded ? 0 : -ENOENT;
	else
		error = kernel.cmd == KMIGRATE_CMD_INFO ? kernel.info_error : -EOPNOTSUPP;
	if (error)
		return (ssize_t)put_error(buf, error);
	nlh = begin(buf, kernel.request.nlmsg_type);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	if (ctrl)
		mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, FAMILY);
	else if (kernel.abi)
		mnl_attr_put_u32(nlh, KMIGRATE_A_ABI_VERSION, kernel.abi);
	return (ssize_t)(nlh->nlmsg_len + put_error((uint8_t *)buf + nlh->nlmsg_len, 0));
}

static int open_module(bool loaded, uint32_t abi, int info_error, struct km_err *err)
{
	struct km_knet *k;
	int rc;

	memset(&kernel, 0, sizeof(kernel));
	memset(err, 0, sizeof(*err));
	kernel.loaded = loaded;
	kernel.abi = abi;
	kernel.info_error = info_error;
	rc = km_knet_open(&k, err);
	if (!rc != !!k)
		rc = -EBADE; /* a handle that is in use, or none that is */
	km_knet_close(k);
	return kernel.opened ? -EBADFD : rc;
}

static void same(bool *ok)
{
	struct km_err err;

	CHECK(!open_module(true, KMIGRATE_ABI_VERSION, 0, &err));
	CHECK(kernel.asked == 2 && kernel.request.nlmsg_type == FAMILY);
}

static void other(bool *ok)
{
	struct km_err err;
	char want[128];

	snprintf(want, sizeof(want), "ABI version %d and this tool %d: " KM_KNET_OFF,
		 KMIGRATE_ABI_VERSION + 1, KMIGRATE_ABI_VERSION);
	CHECK(open_module(true, KMIGRATE_ABI_VERSION + 1, 0, &err) == -EPROTO);
	CHECK(strstr(err.text, want));
	CHECK(!strchr(err.text, '\n'));
	CHECK(open_module(true, 0, 0, &err) == -EPROTO);
	CHECK(strstr(err.text, "ABI version 0"));
}

static void unloaded(bool *ok)
{
	struct km_err err;

	CHECK(open_module(false, 1, 0, &err) == -ENOENT);
	CHECK(!strcmp(err.text, "kmigrate.ko is not loaded: " KM_KNET_OFF));
	CHECK(kernel.asked == 1);
}

static void forbidden(bool *ok)
{
	struct km_err err;

	CHECK(open_module(true, 1, -EPERM, &err) == -EPERM);
	CHECK(strstr(err.text, "needs root: " KM_KNET_OFF));
}

static const struct ktap_case cases[] = {
	{ "module: this tool's ABI version", same },
	{ "module: another ABI version, or none: says what is off", other },
	{ "module: not loaded: says what is off", unloaded },
	{ "module: not for this user: says what is off", forbidden },
};

KTAP_MAIN(cases)
