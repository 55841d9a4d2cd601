/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's performance holds. A hold lasts until it is stopped, or until the handle is
 * closed, however its process ends. No VM needs to be attached.
 */
#ifndef KM_KNETHOLD_H
#define KM_KNETHOLD_H

#include <libmnl/libmnl.h>
#include "../hold.h"
#include "knet.h"

/* In force when it returns, as far as *shortfall says. The module's sentence is in err. */
int km_knet_hold(struct km_knet *k, const struct km_hold_ask *ask, uint32_t *id,
		 uint32_t *shortfall, struct km_err *err);
int km_knet_hold_stop(struct km_knet *k, uint32_t id, struct km_err *err);

/* Everybody's. To be freed with km_holds_free(), unless it fails. */
int km_knet_holds(struct km_knet *k, struct km_holds *h, struct km_err *err);

/* knetholdmsg.c, pure: what a message of the dump adds to *h. now_ns: CLOCK_MONOTONIC. */
int km_knetmsg_hold(const struct nlmsghdr *nlh, uint64_t now_ns, struct km_holds *h);
/* How many bytes of the set are sent: up to the last CPU in it. */
size_t km_knetmsg_cpus_bytes(const struct km_cpus *s);

#endif
