// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

/* What follows the order VMM_LIST; @nr page numbers come behind. */
struct list {
	uint32_t nr, value;
};

static bool read_all(int fd, void *to, size_t size)
{
	char *at = to;
	ssize_t got;

	for (; size; size -= (size_t)got, at += got) {
		got = read(fd, at, size);
		if (got <= 0)
			return false;
	}
	return true;
}

static bool write_all(int fd, const void *from, size_t size)
{
	const char *at = from;
	ssize_t put;

	for (; size; size -= (size_t)put, at += put) {
		put = send(fd, at, size, MSG_NOSIGNAL);
		if (put <= 0)
			return false;
	}
	return true;
}

static int write_list(struct vmm *vmm, int control)
{
	static uint32_t pages[VMM_MAX_WRITES];
	struct list list;

	if (!read_all(control, &list, sizeof(list)) || list.nr > VMM_MAX_WRITES ||
	    !read_all(control, pages, list.nr * sizeof(*pages)))
		_exit(1);
	return vmm_write(vmm, 0, pages, list.nr, list.value);
}

static void close_all(struct vmm *vmm)
{
	vmm_close_vcpus(vmm);
	close(vmm->vm);
	vmm->vm = -1;
}

static void be_busy(struct vmm *vmm, const uint32_t *pages, uint32_t value)
{
	uint64_t bitmap[64];

	for (;;)
		if (vmm_write(vmm, 0, pages, 64, ++value) || vmm_harvest(vmm, bitmap))
			_exit(1);
}

static void obey(struct vmm *vmm, int control)
{
	uint32_t pages[64], i, value = 0;
	char order;

	for (i = 0; i < 64; i++)
		pages[i] = i;
	while (read(control, &order, 1) == 1) {
		int err = 0;

		switch (order) {
		case VMM_WRITE:
			err = vmm_write(vmm, 0, pages, 64, ++value);
			break;
		case VMM_LIST:
			err = write_list(vmm, control);
			break;
		case VMM_CLOSE_ALL:
			close_all(vmm);
			break;
		case VMM_CLOSE_VM:
			close(vmm->vm);
			vmm->vm = -1;
			break;
		case VMM_BUSY:
			be_busy(vmm, pages, value);
		}
		order = err ? 'e' : 'k';
		if (write(control, &order, 1) != 1)
			break;
	}
}

void vmm_child_main(int control, const struct vmm_spawn *how)
{
	struct vmm vmm;

	if (vmm_open(&vmm, &how->options) || (how->log && vmm_log(&vmm, true)))
		_exit(1);
	if (write(control, &vmm.vm, sizeof(vmm.vm)) == sizeof(vmm.vm))
		obey(&vmm, control);
	_exit(0);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Another user, who is root of namespaces of his own. */
static bool enter_container(uid_t uid)
{
	int init = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	char map[32];

	/* Leaves a chroot, such as the test host's: create_user_ns() wants none. */
	if (setns(init, CLONE_NEWNS) || setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return false;
	/* Else the files of /proc/self stay root's. */
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	return put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", map) &&
	       put("/proc/self/gid_map", map) &&
	       !mount("none", "/sys", "tmpfs", 0, NULL);
}

/* The first process in a new PID namespace is the child of who made it. */
static void contain(int control, const struct vmm_spawn *how)
{
	pid_t pid;

	if (!enter_container(how->uid))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		vmm_child_main(control, how);
	}
	if (write(control, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	close(control);
	waitpid(pid, NULL, 0);
	_exit(0);
}

int vmm_spawn_as(struct vmm_child *child, const struct vmm_spawn *how)
{
	int pair[2], theirs, pidfd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	child->parent = fork();
	if (!child->parent) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Sockets and VMs of its parent would live on with it. */
		close_range(3, (unsigned int)pair[1] - 1, 0);
		close_range((unsigned int)pair[1] + 1, ~0u, 0);
		if (how->uid)
			contain(pair[1], how);
		vmm_child_main(pair[1], how);
	}
	close(pair[1]);
	child->control = pair[0];
	child->vm = -1;
	child->pid = child->parent;
	if (how->uid && !read_all(child->control, &child->pid, sizeof(child->pid)))
		return -ECHILD;
	if (!read_all(child->control, &theirs, sizeof(theirs)))
		return -ECHILD;
	pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	child->vm = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	close(pidfd);
	return child->vm < 0 ? -errno : 0;
}

int vmm_spawn(struct vmm_child *child)
{
	const struct vmm_spawn how = {
		.options = { .pages = 4096, .vcpus = 1 }, .log = true,
	};

	return vmm_spawn_as(child, &how);
}

int vmm_answer(struct vmm_child *child)
{
	char c;

	return read(child->control, &c, 1) == 1 && c == 'k' ? 0 : -EIO;
}

int vmm_order(struct vmm_child *child, enum vmm_order order)
{
	char c = (char)order;

	if (!write_all(child->control, &c, 1))
		return -EPIPE;
	return order == VMM_BUSY ? 0 : vmm_answer(child);
}

int vmm_order_list(struct vmm_child *child, const uint32_t *pages, uint32_t nr,
		   uint32_t value)
{
	struct list list = { nr, value };
	char c = VMM_LIST;

	return write_all(child->control, &c, 1) &&
	       write_all(child->control, &list, sizeof(list)) &&
	       write_all(child->control, pages, nr * sizeof(*pages)) ? 0 : -EPIPE;
}

/* The child's VM in this process stays open: close it before, if it matters. */
void vmm_kill(struct vmm_child *child)
{
	kill(child->pid, SIGKILL);
	waitpid(child->parent, NULL, 0);
	close(child->control);
}
