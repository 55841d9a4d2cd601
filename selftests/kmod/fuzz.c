// SPDX-License-Identifier: GPL-2.0
/*
 * Random messages: a third noise, a third attributes at random, a third good requests.
 * Some of each lose bits or their end.
 * fuzz [MESSAGES [SEED]]
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "kmod.h"
#include "nlhold.h"

#define SIZE	2048

static struct vmm vmm;
static struct nl nl;
static uint32_t session, last_hold;
static unsigned long messages = 100000, accepted;

static uint32_t pick(uint32_t below)
{
	return (uint32_t)random() % below;
}

static uint32_t interesting(void)
{
	static const uint32_t values[] = {
		0, 1, 2, 7, 0x7fffffff, 0x80000000, 0xffffffff, VMM_GFN, 32768, 32769,
	};

	switch (pick(4)) {
	case 0:
		return session;
	case 1:
		return (uint32_t)vmm.vm;
	case 2:
		return (uint32_t)random();
	}
	return values[pick(ARRAY_SIZE(values))];
}

static void put_extent(struct nlmsghdr *nlh)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_EXTENT);
	unsigned int i;

	for (i = pick(4); i; i--) {
		switch (pick(3)) {
		case 0:
			mnl_attr_put_u64(nlh, KMIGRATE_A_EXTENT_GFN, interesting());
			break;
		case 1:
			mnl_attr_put_u32(nlh, KMIGRATE_A_EXTENT_NPAGES, interesting());
			break;
		case 2:
			mnl_attr_put_u32(nlh, (uint16_t)pick(6), interesting());
			break;
		}
	}
	mnl_attr_nest_end(nlh, nest);
}

static void put_attributes(struct nlmsghdr *nlh)
{
	char noise[64];
	unsigned int i, j;

	if (pick(3))
		mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, pick(4) ? session : interesting());
	for (i = pick(4); i; i--) {
		switch (pick(4)) {
		case 0:
			put_extent(nlh);
			break;
		case 1:
			mnl_attr_put_u32(nlh, KMIGRATE_A_VM_FD, interesting());
			break;
		case 2:
			mnl_attr_put_u32(nlh, (uint16_t)pick(KMIGRATE_A_MAX + 4), interesting());
			break;
		case 3:
			for (j = 0; j < sizeof(noise); j++)
				noise[j] = (char)random();
			mnl_attr_put(nlh, (uint16_t)(random() & 0xc03f), pick(sizeof(noise)),
				     noise);
			break;
		}
	}
}

/* The socket's holds go with it, so there are never too many. */
static void put_hold(struct nlmsghdr *nlh)
{
	uint8_t cpus[4] = { (uint8_t)(1 + pick(3)), 0, 0, pick(8) ? 0 : (uint8_t)random() };

	mnl_attr_put(nlh, KMIGRATE_A_CPUS, 1 + pick(sizeof(cpus)), cpus);
	if (!pick(4))
		mnl_attr_put_u32(nlh, KMIGRATE_A_FLOOR_KHZ, interesting());
	if (pick(2))
		mnl_attr_put_u32(nlh, KMIGRATE_A_LATENCY_US, pick(KMIGRATE_MAX_LATENCY_US + 9));
	if (!pick(4))
		mnl_attr_put(nlh, KMIGRATE_A_KEEP_GOVERNOR, 0, NULL);
}

static struct nlmsghdr *make_good(char *buffer)
{
	uint8_t cmd = (uint8_t)(1 + pick(KMIGRATE_CMD_MAX));
	bool dump = nl_is_dump(cmd);
	struct nlmsghdr *nlh = nl_request(&nl, buffer, cmd, dump ? NLM_F_DUMP : 0);
	unsigned int i;

	if (cmd == KMIGRATE_CMD_VM_ATTACH)
		mnl_attr_put_u32(nlh, KMIGRATE_A_VM_FD, (uint32_t)vmm.vm);
	else if (cmd == KMIGRATE_CMD_VM_DETACH && pick(20))
		mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session + 1);
	else if (cmd == KMIGRATE_CMD_HOLD_START)
		put_hold(nlh);
	else if (cmd == KMIGRATE_CMD_HOLD_STOP)
		mnl_attr_put_u32(nlh, KMIGRATE_A_HOLD, last_hold + pick(3));
	else if (cmd != KMIGRATE_CMD_INFO && cmd != KMIGRATE_CMD_HOLD_GET)
		mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	for (i = 1 + pick(8); cmd == KMIGRATE_CMD_TEST && i; i--) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_EXTENT);

		mnl_attr_put_u64(nlh, KMIGRATE_A_EXTENT_GFN,
				 (uint64_t)random() << pick(33));
		mnl_attr_put_u32(nlh, KMIGRATE_A_EXTENT_NPAGES, 1 + pick(5000));
		mnl_attr_nest_end(nlh, nest);
	}
	return nlh;
}

static struct nlmsghdr *make(char *buffer)
{
	struct nlmsghdr *nlh;
	unsigned int i, flips;
	uint32_t kind = pick(3);

	nlh = kind == 2 ? make_good(buffer) :
	      nl_request(&nl, buffer, (uint8_t)pick(KMIGRATE_CMD_MAX + 3),
			 pick(3) ? 0 : NLM_F_DUMP);
	if (kind == 1) {
		put_attributes(nlh);
	} else if (!kind) {
		uint32_t length = pick(256);

		for (i = 0; i < length; i++)
			buffer[nlh->nlmsg_len + i] = (char)random();
		nlh->nlmsg_len += length;
	}
	/* Damage to what follows the netlink header. */
	if (!pick(3)) {
		for (flips = 1 + pick(4); flips; flips--) {
			uint32_t at = NLMSG_HDRLEN + pick(nlh->nlmsg_len - NLMSG_HDRLEN);

			buffer[at] ^= (char)(1 << pick(8));
		}
	}
	if (!pick(16))
		nlh->nlmsg_len -= pick(nlh->nlmsg_len - NLMSG_HDRLEN);
	return nlh;
}

/* An answer that begins with a hold's number. */
static bool is_hold(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	return nlh->nlmsg_type == nl.family && genl->cmd == KMIGRATE_CMD_HOLD_START;
}

/* Reads all that is there. A dump may go on for more than one read. */
static void drain(void)
{
	static char buffer[NL_BUFFER];
	struct pollfd poller = { .fd = mnl_socket_get_fd(nl.sock), .events = POLLIN };
	const struct nlmsghdr *nlh;
	ssize_t got;
	int length;

	while (poll(&poller, 1, 0) > 0) {
		got = mnl_socket_recvfrom(nl.sock, buffer, sizeof(buffer));
		if (got < 0)
			return;
		length = (int)got;
		for (nlh = (void *)buffer; mnl_nlmsg_ok(nlh, length);
		     nlh = mnl_nlmsg_next(nlh, &length))
			if (is_hold(nlh))
				last_hold = mnl_attr_get_u32(mnl_nlmsg_get_payload_offset(nlh,
						sizeof(struct genlmsghdr)));
			else if ((nlh->nlmsg_type == NLMSG_ERROR ||
			     nlh->nlmsg_type == NLMSG_DONE) &&
			    !*(int *)mnl_nlmsg_get_payload(nlh))
				accepted++;
	}
}

static bool reopen(void)
{
	nl_close(&nl);
	return CHECK_EQ(nl_open(&nl), 0) && CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
}

static void noise(void)
{
	struct vmm_options options = { .pages = 4096, .vcpus = 1 };
	static char buffer[SIZE];
	struct nl_counts counts;
	uint32_t page = 9;
	unsigned long i;

	REQUIRE_EQ(vmm_open(&vmm, &options), 0);
	REQUIRE_EQ(nl_open(&nl), 0);
	REQUIRE(reopen());
	CHECK_EQ(vmm_log(&vmm, true), 0);
	for (i = 0; i < messages; i++) {
		const struct nlmsghdr *nlh;

		/* Sessions that were opened by chance go with their socket. */
		if (i % 500 == 499 && !reopen())
			break;
		memset(buffer, 0, sizeof(buffer));
		nlh = make(buffer);
		mnl_socket_sendto(nl.sock, nlh, nlh->nlmsg_len);
		drain();
	}
	KTAP_NOTE("%lu messages, %lu of them accepted", messages, accepted);
	CHECK(accepted > messages / 10);

	/* It still works, and nothing was left. */
	REQUIRE(reopen());
	CHECK_EQ(vmm_write(&vmm, 0, &page, 1, 1), 0);
	CHECK_EQ(nl_counts(&nl, session, &counts), 0);
	CHECK_EQ(counts.pages, 1);
	nl_close(&nl);
	CHECK_EQ(nl_sessions(), 0);
	CHECK_EQ(nl_open(&nl), 0);
	CHECK_EQ(nl_hold_count(&nl), 0);
	nl_close(&nl);
	vmm_close(&vmm);
}

static const struct ktap_test tests[] = {
	{ "random messages", noise },
};

int main(int argc, char **argv)
{
	unsigned int seed = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 0) :
			    (unsigned int)time(NULL);
	unsigned long wanted = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;

	if (wanted)
		messages = wanted;
	srandom(seed);
	if (argc < 2 || wanted)
		printf("# seed %u\n", seed);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
