/* SPDX-License-Identifier: GPL-2.0 */
/* The attributes of a message of the module's: pure, whatever the bytes are. */
#ifndef KM_KNETATTR_H
#define KM_KNETATTR_H

#include <libmnl/libmnl.h>
#include <linux/kmigrate.h>

/* By type; those of later versions are left out, of those that are repeated the last counts. */
struct km_attrs {
	unsigned int max;
	const struct nlattr *a[KMIGRATE_A_MAX + 1];
};

/* 0 or -EPROTO. nest may be NULL, which is -EPROTO. */
int km_attrs_top(const struct nlmsghdr *nlh, struct km_attrs *t);
int km_attrs_nest(const struct nlattr *nest, unsigned int max, struct km_attrs *t);

/* Numbers of the wrong length are as good as absent, which is 0; a may be NULL. */
uint32_t km_attr_u32(const struct nlattr *a);
uint64_t km_attr_u64(const struct nlattr *a);

#endif
