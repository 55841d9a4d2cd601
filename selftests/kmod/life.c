// SPDX-License-Identifier: GPL-2.0
/*
 * How long sessions live, and that nothing outlives them: neither a VM nor the hook.
 * A VM is there as long as its folder in KVM's debugfs is (kvm_destroy_vm()).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod.h"
#include "module.h"

#define DEBUGFS		"/sys/kernel/debug"

static struct nl nl;
static uint32_t session;

/* Is there a VM of this process? */
static bool has_vm(pid_t pid)
{
	char prefix[32];
	struct dirent *entry;
	bool found = false;
	DIR *dir = opendir(DEBUGFS "/kvm");

	snprintf(prefix, sizeof(prefix), "%d-", pid);
	while (dir && (entry = readdir(dir)))
		found |= !strncmp(entry->d_name, prefix, strlen(prefix));
	if (dir)
		closedir(dir);
	return found;
}

/* Waits for something that happens soon, but not at once. Seconds it took, or -1. */
#define WITHIN(seconds, condition) ({					\
	int tenths_ = 0;						\
									\
	while (!(condition) && tenths_ < (seconds) * 10) {		\
		usleep(100000);						\
		tenths_++;						\
	}								\
	CHECK(condition);						\
})

static bool start(struct vmm_child *child)
{
	return CHECK_EQ(vmm_spawn(child), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, child->vm, &session), 0) &&
	       CHECK_EQ(close(child->vm), 0) && CHECK(has_vm(child->pid)) &&
	       CHECK(module_is_hooked());
}

static void nothing_left(void)
{
	CHECK_EQ(nl_sessions(), 0);
	WITHIN(10, !module_is_hooked());
	WITHIN(10, module_refcount("kmigrate") == 0);
}

static void expect_gone(void)
{
	struct nl_extent extent = { .gfn = VMM_GFN, .npages = 1 };
	struct nl_counts counts;
	struct nl_slot slot;
	struct nl_vcpu vcpu;
	struct nl_test test;
	struct nl_vm vm;

	CHECK_EQ(nl_vm(&nl, session, &vm), -ESRCH);
	CHECK_EQ(nl_counts(&nl, session, &counts), -ESRCH);
	CHECK_EQ(nl_slots(&nl, session, &slot, 1), -ESRCH);
	CHECK_EQ(nl_vcpus(&nl, session, &vcpu, 1), -ESRCH);
	CHECK_EQ(nl_test(&nl, session, &extent, 1, &test), -ESRCH);
	CHECK_EQ(nl_sessions(), 1);
	CHECK_EQ(nl_detach(&nl, session), 0);
}

static void detach(void)
{
	struct vmm_child child;

	REQUIRE(start(&child));
	CHECK_EQ(nl_detach(&nl, session), 0);
	nothing_left();
	CHECK_EQ(vmm_order(&child, VMM_WRITE), 0);
	vmm_kill(&child);
	WITHIN(5, !has_vm(child.pid));
	nl_close(&nl);
}

static void socket_close(void)
{
	struct vmm_child child;

	REQUIRE(start(&child));
	nl_close(&nl);
	nothing_left();
	CHECK_EQ(vmm_order(&child, VMM_WRITE), 0);
	vmm_kill(&child);
	WITHIN(5, !has_vm(child.pid));
}

/* The owner is killed while it has 100 sessions and a dump that it never read. */
static void owner_killed(void)
{
	struct vmm_child child;
	char buffer[256], ready;
	int pair[2], i;
	pid_t pid;

	REQUIRE_EQ(vmm_spawn(&child), 0);
	REQUIRE_EQ(pipe(pair), 0);
	pid = fork();
	if (!pid) {
		struct nlmsghdr *nlh;

		if (nl_open(&nl))
			_exit(1);
		for (i = 0; i < 100; i++)
			if (nl_attach(&nl, child.vm, &session))
				_exit(1);
		nlh = nl_request(&nl, buffer, KMIGRATE_CMD_SLOT_GET, NLM_F_DUMP);
		mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
		mnl_socket_sendto(nl.sock, nlh, nlh->nlmsg_len);
		ready = 1;
		if (write(pair[1], &ready, 1) == 1)
			pause();
		_exit(0);
	}
	close(pair[1]);
	CHECK_EQ(read(pair[0], &ready, 1), 1);
	CHECK_EQ(nl_sessions(), 100);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pair[0]);
	close(child.vm);
	nothing_left();
	vmm_kill(&child);
	WITHIN(5, !has_vm(child.pid));
}

/* A socket that two processes have lives until both have closed it. */
static void shared_socket(void)
{
	struct vmm_child child;
	struct nl_vm vm;
	pid_t pid;

	REQUIRE(start(&child));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	nl_close(&nl);
	usleep(300000);
	CHECK_EQ(nl_sessions(), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	nothing_left();

	/* And the other way round. */
	vmm_kill(&child);
	REQUIRE(start(&child));
	pid = fork();
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	nl_close(&nl);
	vmm_kill(&child);
	nothing_left();
}

static void vmm_killed(void)
{
	struct vmm_child child;

	REQUIRE(start(&child));
	CHECK_EQ(vmm_order(&child, VMM_BUSY), 0);
	usleep(300000);
	vmm_kill(&child);
	WITHIN(5, !has_vm(child.pid));
	expect_gone();
	nothing_left();
	nl_close(&nl);
}

static void *killer(void *data)
{
	struct vmm_child *child = data;

	usleep((useconds_t)(random() % 100000));
	kill(child->pid, SIGKILL);
	return NULL;
}

/* Sessions are opened, and most of them closed, until the VMM has died. */
static void killed_while_attaching(void)
{
	struct vmm_child child;
	int i, err, opened = 0;
	pthread_t thread;

	for (i = 0; i < 8; i++) {
		REQUIRE_EQ(vmm_spawn(&child), 0);
		REQUIRE_EQ(nl_open(&nl), 0);
		REQUIRE_EQ(pthread_create(&thread, NULL, killer, &child), 0);
		for (;;) {
			err = nl_attach(&nl, child.vm, &session);
			if (err)
				break;
			if (opened++ % 16)
				nl_detach(&nl, session);
		}
		CHECK_EQ(err, -ESRCH);
		pthread_join(thread, NULL);
		close(child.vm);
		vmm_kill(&child);
		WITHIN(5, !has_vm(child.pid));
		nl_close(&nl);
	}
	KTAP_NOTE("%d were opened", opened);
	CHECK(opened > 8);
	nothing_left();
}

/* The VMM lives on without its VM. Nothing announces that. */
static void vm_closed(void)
{
	struct vmm_child child;
	struct nl_vm vm;

	REQUIRE(start(&child));
	CHECK_EQ(vmm_order(&child, VMM_CLOSE_ALL), 0);
	WITHIN(5, !has_vm(child.pid));
	WITHIN(5, nl_vm(&nl, session, &vm) == -ESRCH);
	expect_gone();
	nothing_left();
	vmm_kill(&child);
	nl_close(&nl);
}

/* The descriptor of the VM is closed, but vCPUs run: that VM is not gone. */
static void vm_half_closed(void)
{
	struct nl_counts counts;
	struct vmm_child child;

	REQUIRE(start(&child));
	CHECK_EQ(vmm_order(&child, VMM_CLOSE_VM), 0);
	sleep(3);
	CHECK_EQ(vmm_order(&child, VMM_WRITE), 0);
	CHECK_EQ(nl_counts(&nl, session, &counts), 0);
	CHECK_EQ(counts.pages, 64);
	vmm_kill(&child);
	WITHIN(5, !has_vm(child.pid));
	expect_gone();
	nl_close(&nl);
	nothing_left();
}

/* Two sessions, and each ends without harm to the other. */
static void hook_is_shared(void)
{
	struct vmm_child first, child;
	struct nl_counts counts;
	uint32_t second;
	struct nl other;

	/* Before any socket is open: a child would share it. */
	REQUIRE_EQ(vmm_spawn(&child), 0);
	REQUIRE(start(&first));
	CHECK_EQ(vmm_order(&first, VMM_WRITE), 0);
	REQUIRE_EQ(nl_open(&other), 0);
	CHECK_EQ(nl_attach(&other, child.vm, &second), 0);
	close(child.vm);
	nl_close(&nl);
	sleep(2);
	CHECK(module_is_hooked());
	CHECK_EQ(vmm_order(&child, VMM_WRITE), 0);
	CHECK_EQ(nl_counts(&other, second, &counts), 0);
	CHECK_EQ(counts.pages, 64);
	nl_close(&other);
	nothing_left();
	vmm_kill(&first);
	vmm_kill(&child);
}

static int set_ftrace(char value)
{
	int err = 0, fd = open("/proc/sys/kernel/ftrace_enabled", O_WRONLY);

	if (fd < 0)
		return -errno;
	if (write(fd, &value, 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

/* The tracer can't be switched off under a session; and where it is off, it says so. */
static void ftrace_off(void)
{
	struct nl_extent extent = { .gfn = VMM_GFN, .npages = 64 };
	struct nl_counts counts;
	struct vmm_child child;
	struct nl_vcpu vcpu;
	struct nl_test test;
	struct nl_vm vm;

	REQUIRE(start(&child));
	CHECK_EQ(set_ftrace('0'), -EBUSY);
	CHECK_EQ(nl_detach(&nl, session), 0);
	nl_close(&nl);
	nothing_left();
	vmm_kill(&child);

	REQUIRE_EQ(set_ftrace('0'), 0);
	if (CHECK_EQ(vmm_spawn(&child), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	    CHECK_EQ(nl_attach(&nl, child.vm, &session), 0)) {
		close(child.vm);
		CHECK_EQ(vmm_order(&child, VMM_WRITE), 0);
		CHECK_EQ(nl_vm(&nl, session, &vm), 0);
		CHECK_EQ(vm.counting, 0);
		CHECK_EQ(nl_counts(&nl, session, &counts), -EOPNOTSUPP);
		CHECK_EQ(nl_vcpus(&nl, session, &vcpu, 1), 1);
		CHECK(!vcpu.counted);
		CHECK_EQ(nl_test(&nl, session, &extent, 1, &test), 0);
		CHECK_EQ(test.dirty, 64);
		nl_close(&nl);
		vmm_kill(&child);
	}
	CHECK_EQ(set_ftrace('1'), 0);
	nothing_left();
}

static const struct ktap_test tests[] = {
	{ "detached", detach },
	{ "socket closed", socket_close },
	{ "owner killed, with 100 sessions and an unread dump", owner_killed },
	{ "socket shared by two processes", shared_socket },
	{ "VMM killed at work", vmm_killed },
	{ "VMM killed while a session is opened", killed_while_attaching },
	{ "VM closed by a VMM that lives on", vm_closed },
	{ "VM closed, but its vCPUs run", vm_half_closed },
	{ "the hook stays for the session that is left", hook_is_shared },
	{ "function tracer off", ftrace_off },
};

int main(int argc, char **argv)
{
	if (access(DEBUGFS "/kvm", F_OK))
		mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
