// SPDX-License-Identifier: GPL-2.0
/* Performance holds by the module: starts and stops them, and reads what there are. */
#include "knethold.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include "knet_priv.h"
#include "knetattr.h"

/* A dump that something came into, or left, meanwhile is asked for again. */
#define TRIES 10

static int refuse(struct km_knet *k, int rc, const char *what, struct km_err *err)
{
	if (rc == -EPERM)
		return km_err_set(err, rc, "kmigrate.ko: %s needs root", what);
	if (rc == -EOPNOTSUPP && !k->ext_ack[0])
		return km_err_set(err, rc, "kmigrate.ko: this version can't hold CPUs");
	return km_err_set(err, rc, "kmigrate.ko: %s: %s", what,
			  k->ext_ack[0] ? k->ext_ack : strerror(-rc));
}

struct started {
	uint32_t id, shortfall;
};

static int on_start(const struct nlmsghdr *nlh, void *ctx)
{
	struct started *s = ctx;
	struct km_attrs t;
	int rc = km_attrs_top(nlh, &t);

	if (rc)
		return rc;
	s->id = km_attr_u32(t.a[KMIGRATE_A_HOLD]);
	s->shortfall = km_attr_u32(t.a[KMIGRATE_A_SHORTFALL]);
	return 0;
}

int km_knet_hold(struct km_knet *k, const struct km_hold_ask *ask, uint32_t *id,
		 uint32_t *shortfall, struct km_err *err)
{
	struct nlmsghdr *nlh =
		km_knetsock_request(k, k->family, KMIGRATE_CMD_HOLD_START, NLM_F_ACK);
	struct started s = { 0 };
	int rc;

	mnl_attr_put(nlh, KMIGRATE_A_CPUS, km_knetmsg_cpus_bytes(&ask->cpus), &ask->cpus);
	if (ask->floor_khz != KM_FLOOR_TOP)
		mnl_attr_put_u32(nlh, KMIGRATE_A_FLOOR_KHZ, ask->floor_khz);
	mnl_attr_put_u32(nlh, KMIGRATE_A_LATENCY_US, ask->latency_us);
	if (ask->keep_governor)
		mnl_attr_put(nlh, KMIGRATE_A_KEEP_GOVERNOR, 0, NULL);
	rc = km_knetsock_call(k, nlh, on_start, &s);
	if (rc)
		return refuse(k, rc, "holding CPUs", err);
	*id = s.id;
	*shortfall = s.shortfall;
	return 0;
}

int km_knet_hold_stop(struct km_knet *k, uint32_t id, struct km_err *err)
{
	struct nlmsghdr *nlh = km_knetsock_request(k, k->family, KMIGRATE_CMD_HOLD_STOP, NLM_F_ACK);
	int rc;

	mnl_attr_put_u32(nlh, KMIGRATE_A_HOLD, id);
	rc = km_knetsock_call(k, nlh, NULL, NULL);
	return rc ? refuse(k, rc, "ending a hold", err) : 0;
}

struct dump {
	struct km_holds *h;
	uint64_t now_ns;
};

static int on_hold(const struct nlmsghdr *nlh, void *ctx)
{
	struct dump *d = ctx;

	return km_knetmsg_hold(nlh, d->now_ns, d->h);
}

int km_knet_holds(struct km_knet *k, struct km_holds *h, struct km_err *err)
{
	struct timespec now;
	struct dump d = { .h = h };
	int rc = -EINTR;

	memset(h, 0, sizeof(*h));
	for (unsigned int i = 0; rc == -EINTR && i < TRIES; i++) {
		km_holds_free(h);
		clock_gettime(CLOCK_MONOTONIC, &now);
		d.now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
		rc = km_knetsock_call(
			k, km_knetsock_request(k, k->family, KMIGRATE_CMD_HOLD_GET, NLM_F_DUMP),
			on_hold, &d);
	}
	if (!rc)
		return 0;
	km_holds_free(h);
	return refuse(k, rc, "reading the holds", err);
}
