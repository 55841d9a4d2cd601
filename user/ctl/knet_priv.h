/* SPDX-License-Identifier: GPL-2.0 */
/* Between knet.c (the facade), knetsock.c (request and answer) and knetmsg.c (what
 * is in the messages: pure, tested without a module). */
#ifndef KM_KNET_PRIV_H
#define KM_KNET_PRIV_H

#include <libmnl/libmnl.h>
#include <linux/kmigrate.h>
#include "../model.h"

/* A KVM memory slot of address space 0: where guest pages lie in the VMM. */
struct km_slot {
	uint64_t hva, gfn, npages;
};

struct km_slots {
	unsigned int n, room;
	struct km_slot *s; /* malloc'ed */
};

/* The attributes of a reply that we read; what is absent stays 0. */
struct km_reply {
	uint32_t abi_version, features, mechanism, session, nr_dirty, logging;
	bool has_mechanism;
	uint64_t elapsed_ns, pages, unattributed;
	bool has_pml;
	uint64_t pml_pages, pml_drains, pml_full;
	const uint8_t *bitmap; /* in the message */
	uint32_t bitmap_bytes;
};

struct km_extent {
	uint64_t gfn;
	uint32_t npages;
};

/* A TEST takes 24 bytes for each of KMIGRATE_MAX_TEST_EXTENTS, and a dump's messages
 * come in pieces of up to 32 KiB (net/netlink/af_netlink.c, netlink_dump). */
#define BUFFER_BYTES (64u << 10)

#define KM_KNET_OFF "dirty rates and hot-page hints are off"

struct km_knet {
	struct mnl_socket *nl;
	unsigned int portid, seq;
	uint16_t family;
	uint32_t session; /* 0 = none */
	struct km_slots slots;
	uint64_t track_ns; /* of the session, when its tracking was on */
	uint64_t idle_ns;  /* of the session, when nothing had been dirtied yet */
	uint8_t *buf;
	char ext_ack[128]; /* the kernel's sentence about the last error */
};

typedef int (*km_knet_handler)(const struct nlmsghdr *nlh, void *ctx);

/* knetsock.c. A request is built in k->buf; km_knetsock_call sends it and reads
 * until its acknowledgement or the end of its dump. -EINTR: a dump of something
 * that changed meanwhile. */
int km_knetsock_open(struct km_knet *k, struct km_err *err);
struct nlmsghdr *km_knetsock_request(struct km_knet *k, uint16_t type, uint8_t cmd, uint16_t flags);
struct nlmsghdr *km_knetsock_session(struct km_knet *k, uint8_t cmd, uint16_t flags);
int km_knetsock_call(struct km_knet *k, const struct nlmsghdr *nlh, km_knet_handler handle,
		     void *ctx);
int km_knetsock_fail(struct km_knet *k, int rc, const char *what, struct km_err *err);

/* knetmsg.c */
const char *km_knetmsg_mechanism(uint32_t mechanism);
int km_knetmsg_reply(const struct nlmsghdr *nlh, struct km_reply *r);
int km_knetmsg_slot(const struct nlmsghdr *nlh, struct km_slots *slots);
int km_knetmsg_vcpu(const struct nlmsghdr *nlh, struct km_module_facts *facts);

/* knettrackmsg.c: what each adds to *d. */
struct km_knet_state {
	uint32_t state, error; /* enum kmigrate_track; a positive errno */
	bool drive;
};
int km_knetmsg_track(const struct nlmsghdr *nlh, struct km_dirty *d, struct km_knet_state *state);
int km_knetmsg_windows(const struct nlmsghdr *nlh, struct km_dirty *d);
int km_knetmsg_region(const struct nlmsghdr *nlh, struct km_dirty *d);

/* false: no slot holds it. */
bool km_knetmsg_gfn(const struct km_slots *slots, uint64_t hva, uint64_t *gfn);

/* Packs as many of gfn[0..n) as fit into one request into extents: returns how
 * many pages that are; *nextents says how many extents. */
unsigned int km_knetmsg_extents(const uint64_t *gfn, unsigned int n, struct km_extent *extent,
				unsigned int *nextents);

#endif
