// SPDX-License-Identifier: GPL-2.0
/* Wrong requests: each gets its error, and none leaves anything behind. */
#include <errno.h>
#include <stdatomic.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "kmod.h"

static const struct vmm_options small = { .pages = 256, .vcpus = 1 };
static struct vmm vmm;
static struct nl nl;

static bool start(void)
{
	return CHECK_EQ(vmm_open(&vmm, &small), 0) && CHECK_EQ(nl_open(&nl), 0);
}

static void stop(void)
{
	nl_close(&nl);
	vmm_close(&vmm);
	CHECK_EQ(nl_sessions(), 0);
}

static void not_a_vm(void)
{
	char self[64];
	uint32_t session;
	int fd, stats;

	REQUIRE(start());
	fd = open("/dev/null", O_RDWR);
	CHECK_EQ(nl_attach(&nl, fd, &session), -EINVAL);
	CHECK(strstr(nl.message, "not a KVM VM"));
	close(fd);
	CHECK_EQ(nl_attach(&nl, fd, &session), -EBADF);
	CHECK_EQ(nl_attach(&nl, 1 << 20, &session), -EBADF);
	CHECK_EQ(nl_attach(&nl, INT32_MAX, &session), -EBADF);
	CHECK_EQ(nl_attach(&nl, -1, &session), -ERANGE);
	CHECK_EQ(nl_attach(&nl, INT32_MIN, &session), -ERANGE);
	/* What is KVM's, but no VM. */
	CHECK_EQ(nl_attach(&nl, vmm.kvm, &session), -EINVAL);
	CHECK_EQ(nl_attach(&nl, vmm.vcpus[0].fd, &session), -EINVAL);
	stats = ioctl(vmm.vm, KVM_GET_STATS_FD, NULL);
	if (stats >= 0) {
		CHECK_EQ(nl_attach(&nl, stats, &session), -EINVAL);
		close(stats);
	}
	CHECK_EQ(nl_attach(&nl, mnl_socket_get_fd(nl.sock), &session), -EINVAL);
	/* An O_PATH descriptor gives no access. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", vmm.vm);
	fd = open(self, O_PATH);
	if (fd >= 0) {
		CHECK_EQ(nl_attach(&nl, fd, &session), -EBADF);
		close(fd);
	}
	stop();
}

/* A request with one attribute of a given length. */
static int send_attr(uint8_t cmd, uint16_t flags, uint16_t type, size_t length)
{
	char buffer[1024], zeros[512] = {};
	struct nlmsghdr *nlh = nl_request(&nl, buffer, cmd, flags);

	mnl_attr_put(nlh, type, length, zeros);
	return nl_talk(&nl, nlh, NULL, NULL);
}

static void bad_attributes(void)
{
	static const size_t lengths[] = { 0, 1, 2, 3, 5, 8, 16, 500 };
	uint8_t cmd;
	size_t i;

	REQUIRE(start());
	for (cmd = KMIGRATE_CMD_VM_ATTACH; cmd <= NL_LAST_COMMAND; cmd++) {
		bool dump = nl_is_dump(cmd);
		uint16_t flags = dump ? NLM_F_DUMP : 0;
		uint16_t type = cmd == KMIGRATE_CMD_VM_ATTACH ? KMIGRATE_A_VM_FD :
				KMIGRATE_A_SESSION;

		CHECK_EQ(nl_command(&nl, cmd, flags, 0, NULL, NULL), -EINVAL);
		/* 6.1 sends no extended ack if a dump does not start. */
		if (!dump || nl.missing)
			CHECK_EQ(nl.missing, type);
		for (i = 0; i < ARRAY_SIZE(lengths); i++)
			CHECK_EQ(send_attr(cmd, flags, type, lengths[i]), -EINVAL);
		/* Attributes that are another command's, or nobody's. */
		CHECK_EQ(send_attr(cmd, flags, KMIGRATE_A_PAGES, 8), -EINVAL);
		CHECK_EQ(send_attr(cmd, flags, KMIGRATE_A_MAX + 1, 4), -EINVAL);
		CHECK_EQ(send_attr(cmd, flags, 0, 4), -EINVAL);
	}
	stop();
}

static void bad_nests(void)
{
	char buffer[1024];
	struct nlmsghdr *nlh;
	struct nlattr *nest;
	uint32_t session;

	REQUIRE(start());
	REQUIRE_EQ(nl_attach(&nl, vmm.vm, &session), 0);

	/* Without NLA_F_NESTED. */
	nlh = nl_request(&nl, buffer, KMIGRATE_CMD_TEST, 0);
	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	mnl_attr_put(nlh, KMIGRATE_A_EXTENT, 12, "\x0c\0\x03\0\0\0\0\0\0\0\0\0");
	CHECK_EQ(nl_talk(&nl, nlh, NULL, NULL), -EINVAL);

	/* Empty. */
	nlh = nl_request(&nl, buffer, KMIGRATE_CMD_TEST, 0);
	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	nest = mnl_attr_nest_start(nlh, KMIGRATE_A_EXTENT);
	mnl_attr_nest_end(nlh, nest);
	CHECK_EQ(nl_talk(&nl, nlh, NULL, NULL), -EINVAL);

	/* With something in it that does not belong there. */
	nlh = nl_request(&nl, buffer, KMIGRATE_CMD_TEST, 0);
	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	nest = mnl_attr_nest_start(nlh, KMIGRATE_A_EXTENT);
	mnl_attr_put_u64(nlh, KMIGRATE_A_EXTENT_GFN, 1);
	mnl_attr_put_u32(nlh, KMIGRATE_A_EXTENT_MAX + 1, 1);
	mnl_attr_nest_end(nlh, nest);
	CHECK_EQ(nl_talk(&nl, nlh, NULL, NULL), -EINVAL);

	/* Its gfn in 32 bits. */
	nlh = nl_request(&nl, buffer, KMIGRATE_CMD_TEST, 0);
	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	nest = mnl_attr_nest_start(nlh, KMIGRATE_A_EXTENT);
	mnl_attr_put_u32(nlh, KMIGRATE_A_EXTENT_GFN, 1);
	mnl_attr_nest_end(nlh, nest);
	CHECK_EQ(nl_talk(&nl, nlh, NULL, NULL), -EINVAL);

	CHECK_EQ(nl_detach(&nl, session), 0);
	stop();
}

/* Another socket's session is as good as none. */
static void foreign_session(void)
{
	struct nl_extent extent = { .gfn = VMM_GFN, .npages = 1 };
	struct nl_counts counts;
	struct nl_slot slot;
	struct nl_vcpu vcpu;
	struct nl_test test;
	struct nl_vm vm;
	struct nl other;
	uint32_t session, second;

	REQUIRE(start());
	REQUIRE_EQ(nl_open(&other), 0);
	REQUIRE_EQ(nl_attach(&nl, vmm.vm, &session), 0);
	CHECK_EQ(nl_vm(&other, session, &vm), -ENOENT);
	CHECK_EQ(nl_counts(&other, session, &counts), -ENOENT);
	CHECK_EQ(nl_slots(&other, session, &slot, 1), -ENOENT);
	CHECK_EQ(nl_vcpus(&other, session, &vcpu, 1), -ENOENT);
	CHECK_EQ(nl_test(&other, session, &extent, 1, &test), -ENOENT);
	CHECK_EQ(nl_detach(&other, session), -ENOENT);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);

	/* Ids that never were, and one that has been. */
	CHECK_EQ(nl_vm(&nl, session + 1, &vm), -ENOENT);
	CHECK_EQ(nl_vm(&nl, UINT32_MAX, &vm), -ENOENT);
	CHECK_EQ(nl_detach(&nl, session), 0);
	CHECK_EQ(nl_detach(&nl, session), -ENOENT);
	CHECK_EQ(nl_attach(&nl, vmm.vm, &second), 0);
	CHECK(second != session);
	CHECK_EQ(nl_vm(&nl, session, &vm), -ENOENT);
	nl_close(&other);
	stop();
}

static void too_many(void)
{
	static uint32_t sessions[KMIGRATE_MAX_SESSIONS];
	uint32_t one_more;
	struct nl other;
	int i;

	REQUIRE(start());
	REQUIRE_EQ(nl_open(&other), 0);
	for (i = 0; i < KMIGRATE_MAX_SESSIONS; i++)
		if (!CHECK_EQ(nl_attach(i % 3 ? &nl : &other, vmm.vm, &sessions[i]), 0))
			break;
	CHECK_EQ(nl_sessions(), KMIGRATE_MAX_SESSIONS);
	CHECK_EQ(nl_attach(&nl, vmm.vm, &one_more), -ENOSPC);
	CHECK_EQ(nl_attach(&other, vmm.vm, &one_more), -ENOSPC);
	CHECK_EQ(nl_sessions(), KMIGRATE_MAX_SESSIONS);
	/* One goes, one comes. */
	CHECK_EQ(nl_detach(&nl, sessions[1]), 0);
	CHECK_EQ(nl_attach(&other, vmm.vm, &one_more), 0);
	CHECK_EQ(nl_attach(&nl, vmm.vm, &one_more), -ENOSPC);
	nl_close(&other);
	CHECK(nl_sessions() < KMIGRATE_MAX_SESSIONS);
	stop();
}

/* 200 VMs at once. */
static void many_vms(void)
{
	static int fds[200];
	uint32_t session;
	int i, made = 0;

	REQUIRE(start());
	for (i = 0; i < 200; i++) {
		fds[i] = ioctl(vmm.kvm, KVM_CREATE_VM, 0);
		if (!CHECK(fds[i] >= 0))
			break;
		made++;
		CHECK_EQ(nl_attach(&nl, fds[i], &session), 0);
	}
	CHECK_EQ(nl_sessions(), made);
	while (made)
		close(fds[--made]);
	stop();
}

/* Threads that attach, ask, detach and close as fast as they can, on the same VM. */
static atomic_bool running;

static void *hammer(void *data)
{
	unsigned int seed = (unsigned int)(uintptr_t)data;
	struct nl_extent extent = { .gfn = VMM_GFN, .npages = 64 };
	struct nl_test test;
	struct nl_vm vm;
	uintptr_t rounds = 0;

	while (running) {
		struct nl own;
		uint32_t session;
		int i, bad;

		if (nl_open(&own))
			return NULL;
		for (i = rand_r(&seed) % 8; i >= 0; i--) {
			bad = nl_attach(&own, vmm.vm, &session);
			bad = bad ? bad : nl_vm(&own, session, &vm);
			bad = bad ? bad : nl_test(&own, session, &extent, 1, &test);
			if (rand_r(&seed) % 2)
				bad = bad ? bad : nl_detach(&own, session);
			if (bad)
				return NULL;
			rounds++;
		}
		nl_close(&own);
	}
	return (void *)rounds;
}

static void parallel(void)
{
	uint32_t page = 0, writes;
	pthread_t threads[4];
	void *rounds;
	uintptr_t i;

	REQUIRE(start());
	CHECK_EQ(vmm_log(&vmm, true), 0);
	running = true;
	for (i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	for (writes = 0; writes < 100; writes++) {
		vmm_write(&vmm, 0, &page, 1, writes);
		usleep(20000);
	}
	running = false;
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &rounds);
		KTAP_NOTE("%lu sessions", (unsigned long)(uintptr_t)rounds);
		CHECK(rounds);
	}
	stop();
}

/* Kilobytes of kernel memory in use that a leak would show in. */
static long kernel_memory(void)
{
	char line[128];
	long sum = 0, value;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "SUnreclaim: %ld", &value) == 1 ||
		    sscanf(line, "VmallocUsed: %ld", &value) == 1 ||
		    sscanf(line, "Percpu: %ld", &value) == 1)
			sum += value;
	if (file)
		fclose(file);
	return sum;
}

/* 1500 VMs' worth of counters, 5 KiB each, or of session structures, 1 KiB each. */
static void leaks(void)
{
	long before = 0, after;
	uint32_t session;
	int i;

	/* KASAN keeps what was freed for a while; there leak.c asks kmemleak. */
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP("a kernel that keeps freed memory");
	REQUIRE(start());
	for (i = 0; i < 2000; i++) {
		if (i == 500) {
			sleep(2);
			before = kernel_memory();
		}
		CHECK_EQ(nl_attach(&nl, vmm.kvm, &session), -EINVAL);
		if (!CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0) ||
		    !CHECK_EQ(nl_detach(&nl, session), 0))
			break;
	}
	sleep(2);
	after = kernel_memory();
	KTAP_NOTE("%ld KiB before, %ld KiB after", before, after);
	CHECK(after - before < 700);
	stop();
}

static const struct ktap_test tests[] = {
	{ "descriptors that are no VM's", not_a_vm },
	{ "attributes: missing, of wrong length, of others", bad_attributes },
	{ "nests", bad_nests },
	{ "sessions of others, and stale ones", foreign_session },
	{ "one session too many", too_many },
	{ "two hundred VMs", many_vms },
	{ "four threads attach and detach", parallel },
	{ "two thousand sessions leave no memory behind", leaks },
};

int main(int argc, char **argv)
{
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
