// SPDX-License-Identifier: GPL-2.0
/* The way between the two. A record that was taken without a peer says nothing about it. */
#include <string.h>
#include "../report/units.h"
#include "rules.h"

static const struct km_rec_nic *nic(const struct km_host_record *h)
{
	for (uint32_t i = 0; h->network.device[0] && i < h->network.nnics; i++)
		if (!strcmp(h->network.nic[i].name, h->network.device))
			return &h->network.nic[i];
	return NULL;
}

static bool route(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_network *a = &p->here->network, *b = &p->there->network;

	km_rule_here(f, "to %s: %s", a->peer, a->device[0] ? a->device : "no route");
	if (b->peer[0])
		km_rule_there(f, "to %s: %s", b->peer, b->device[0] ? b->device : "no route");
	return (a->peer[0] && !a->device[0]) || (b->peer[0] && !b->device[0]);
}

/* By the slower of the NICs that are known. */
static uint64_t nic_bit_per_s(const struct km_pair *p)
{
	const struct km_rec_nic *a = nic(p->here), *b = nic(p->there);
	uint64_t x = a ? a->bit_per_s : 0, y = b ? b->bit_per_s : 0;

	if (!x || !y)
		return x ? x : y;
	return x < y ? x : y;
}

static bool unreachable(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "%s", p->here->network.probe_error);
	return p->here->network.probe_error[0];
}

/* TCP's and Ethernet's own bytes take less than a tenth of it. */
static bool below(const struct km_pair *p, struct km_finding *f)
{
	uint64_t is = p->here->network.probe_bit_per_s, should = nic_bit_per_s(p);
	char a[KM_UNIT_MAX];

	km_rule_here(f, "%s bit/s measured, by one connection", km_fmt_count(a, (double)is));
	km_rule_there(f, "%s bit/s by the NICs", km_fmt_count(a, (double)should));
	return is && is < should / 2;
}

#define SLOW_S 300

static bool slow(const struct km_pair *p, struct km_finding *f)
{
	uint64_t probed = p->here->network.probe_bit_per_s;
	uint64_t speed = probed ? probed : nic_bit_per_s(p);
	char a[KM_UNIT_MAX], b[KM_UNIT_MAX];
	double s = speed ? (double)p->guest->ram_bytes * 8 / (double)speed : 0;

	km_rule_here(f, "%s at %s bit/s", km_fmt_bytes(a, (double)p->guest->ram_bytes),
		     km_fmt_count(b, (double)speed));
	km_rule_there(f, "takes %s, if all of it is sent once", km_fmt_ms(a, s * 1000));
	return s > SLOW_S;
}

static bool speed(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_nic *a = nic(p->here), *b = nic(p->there);
	char text[KM_UNIT_MAX];

	if (!a || !b || !a->bit_per_s || !b->bit_per_s || a->bit_per_s == b->bit_per_s)
		return false;
	km_rule_here(f, "%s: %s bit/s", a->name, km_fmt_count(text, (double)a->bit_per_s));
	km_rule_there(f, "%s: %s bit/s", b->name, km_fmt_count(text, (double)b->bit_per_s));
	return true;
}

static bool mtu(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_nic *a = nic(p->here), *b = nic(p->there);
	uint32_t path = p->here->network.path_mtu;

	if (!a || !a->mtu)
		return false;
	km_rule_here(f, "%s: %u bytes, %u on the way", a->name, a->mtu, path);
	if (b)
		km_rule_there(f, "%s: %u bytes", b->name, b->mtu);
	/* No IP packet is longer than 65535 bytes, and loopback's MTU is. */
	return (b && b->mtu && a->mtu != b->mtu) ||
	       (path && path < (a->mtu < 65535 ? a->mtu : 65535));
}

static bool offload(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_nic *a = nic(p->here), *b = nic(p->there);
	bool sends = a && (a->tso == KM_NO || a->tx_csum == KM_NO);
	bool takes = b && (b->gro == KM_NO || b->rx_csum == KM_NO);

	if (sends)
		km_rule_here(f, "%s: %s is off", a->name,
			     a->tso == KM_NO ? "TCP segmentation" : "the checksum of what is sent");
	if (takes)
		km_rule_there(f, "%s: %s is off", b->name,
			      b->gro == KM_NO ? "GRO" : "the checksum of what comes");
	return sends || takes;
}

static bool queues(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_nic *a = nic(p->here), *b = nic(p->there);
	const uint64_t fast = 10000000000u;
	bool x = a && a->queues == 1 && a->bit_per_s >= fast;
	bool y = b && b->queues == 1 && b->bit_per_s >= fast;

	if (x)
		km_rule_here(f, "%s (%s) has one queue", a->name, a->driver);
	if (y)
		km_rule_there(f, "%s (%s) has one queue", b->name, b->driver);
	return x || y;
}

const struct km_rule km_rules_network[] = {
	{ "net-route", KM_WARNS, route, "without a route no move begins",
	  "look at `ip route get`" },
	{ "net-unreachable", KM_WARNS, unreachable,
	  "a move needs TCP connections to a port there; a firewall may forbid them",
	  "open the port of kmigrate receive there; run over ssh takes any that is free" },
	{ "net-below", KM_WARNS, below, "something on the way is slower than the NICs, or busy",
	  "look for other traffic, and for a slower link on the way" },
	{ "net-slow", KM_WARNS, slow,
	  "what the guest rewrites meanwhile has to be sent again: the longer, the more",
	  "use a faster network, or move when the guest is quiet" },
	{ "net-mtu", KM_WARNS, mtu,
	  "large packets are dropped, or cut up, on the way; a connection can stall at its first "
	  "large one",
	  "give both ends, and what is between them, the same MTU" },
	{ "net-offload", KM_WARNS, offload, "the CPU does for each packet what the NIC could do",
	  "switch it on: ethtool -K" },
	{ "net-speed", KM_INFO, speed, "the slower end decides", "nothing" },
	{ "net-queues", KM_INFO, queues, "one CPU takes all packets of the move",
	  "more queues: ethtool -L" },
	{ 0 },
};
