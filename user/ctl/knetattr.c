// SPDX-License-Identifier: GPL-2.0
#include "knetattr.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>

static int collect(const struct nlattr *attr, void *data)
{
	struct km_attrs *t = data;

	if (mnl_attr_get_type(attr) <= t->max)
		t->a[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK; /* newer modules may say more */
}

int km_attrs_top(const struct nlmsghdr *nlh, struct km_attrs *t)
{
	memset(t, 0, sizeof(*t));
	t->max = KMIGRATE_A_MAX;
	/* The kernel pads every attribute. libmnl rounds the end of a message up, so a
	 * last attribute could reach past it. */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr) ||
	    nlh->nlmsg_len % NLMSG_ALIGNTO)
		return -EPROTO;
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), collect, t) < 0 ? -EPROTO : 0;
}

int km_attrs_nest(const struct nlattr *nest, unsigned int max, struct km_attrs *t)
{
	memset(t, 0, sizeof(*t));
	t->max = max;
	if (!nest)
		return -EPROTO;
	return mnl_attr_parse_nested(nest, collect, t) < 0 ? -EPROTO : 0;
}

uint32_t km_attr_u32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == sizeof(uint32_t) ? mnl_attr_get_u32(a) : 0;
}

uint64_t km_attr_u64(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == sizeof(uint64_t) ? mnl_attr_get_u64(a) : 0;
}
