/* SPDX-License-Identifier: GPL-2.0 */
/* A client of the family "kmigrate", for tests. 0 or a negative errno, as a rule. */
#ifndef KMOD_NL_H
#define KMOD_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>
#include <linux/kmigrate.h>

#define NL_BUFFER	65536

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

struct nl {
	struct mnl_socket *sock;
	uint16_t family;
	uint32_t seq;
	bool no_address;		/* send to the kernel by default */
	/* of the last answer */
	char message[128];		/* NLMSGERR_ATTR_MSG */
	uint32_t missing;		/* NLMSGERR_ATTR_MISS_TYPE */
	bool interrupted;		/* NLM_F_DUMP_INTR */
};

struct nl_info {
	uint32_t abi, features, mechanism, sessions, max_sessions;
	uint32_t max_extents, max_pages, holds, max_holds;
	char version[32], vendor[32];
	unsigned int nr_params;
	struct {
		char name[16];
		uint32_t value;
	} params[8];
};

struct nl_vm {
	uint64_t id;
	uint32_t session, pid, mechanism, logging, counting;
	uint32_t slots, vcpus, manual, ring;
};

struct nl_slot {
	uint32_t id, as_id, flags, logging;
	uint64_t gfn, npages, addr;
	bool internal;
};

struct nl_vcpu {
	uint32_t id, index, tid;
	bool counted;
	uint64_t pages, repeats;
	uint64_t pml_pages, pml_drains, pml_full;
};

struct nl_counts {
	uint32_t session;
	uint64_t elapsed_ns, pages, repeats, unattributed;
	uint64_t pml_pages, pml_drains, pml_full;
};

struct nl_extent {
	uint64_t gfn;
	uint32_t npages;
	uint32_t as_id;
};

struct nl_test {
	uint32_t session, dirty, untracked, bytes;
	uint8_t bitmap[KMIGRATE_MAX_TEST_PAGES / 8];
};

int nl_open(struct nl *nl);		/* -ENOENT: no such family */
int nl_open_family(struct nl *nl, uint16_t family);
void nl_close(struct nl *nl);

struct nlmsghdr *nl_request(struct nl *nl, void *buffer, uint8_t cmd, uint16_t flags);
int nl_talk(struct nl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb, void *data);
int nl_command(struct nl *nl, uint8_t cmd, uint16_t flags, uint32_t session,
	       mnl_cb_t cb, void *data);

int nl_info(struct nl *nl, struct nl_info *info);
int nl_attach(struct nl *nl, int fd, uint32_t *session);
int nl_detach(struct nl *nl, uint32_t session);
int nl_vm(struct nl *nl, uint32_t session, struct nl_vm *vm);
int nl_counts(struct nl *nl, uint32_t session, struct nl_counts *counts);
/* These return how many there are, at most @max of which are stored. */
int nl_slots(struct nl *nl, uint32_t session, struct nl_slot *slots, int max);
int nl_vcpus(struct nl *nl, uint32_t session, struct nl_vcpu *vcpus, int max);
int nl_test(struct nl *nl, uint32_t session, const struct nl_extent *extents,
	    unsigned int nr, struct nl_test *test);

/* Of those about sessions. Then come those about holds, and what the module sends. */
#define NL_LAST_COMMAND	KMIGRATE_CMD_REGION_GET

static inline bool nl_is_dump(uint8_t cmd)
{
	return cmd == KMIGRATE_CMD_SLOT_GET || cmd == KMIGRATE_CMD_VCPU_GET ||
	       cmd == KMIGRATE_CMD_EXTENT_GET || cmd == KMIGRATE_CMD_REGION_GET ||
	       cmd == KMIGRATE_CMD_HOLD_GET;
}

/* Sessions that are open on this machine, or a negative errno. */
int nl_sessions(void);

#endif
