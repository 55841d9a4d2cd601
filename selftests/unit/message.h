/* SPDX-License-Identifier: GPL-2.0 */
/* A message as the module would send it, built in one buffer. */
#ifndef UNIT_MESSAGE_H
#define UNIT_MESSAGE_H

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/kmigrate.h>
#include <string.h>

static char buf[65536];

static struct nlmsghdr *begin(void)
{
	struct nlmsghdr *nlh;

	memset(buf, 0, sizeof(buf));
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = 40;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	return nlh;
}

#endif
