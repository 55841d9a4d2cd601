// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: which netlink socket watches which VM.
 *
 * Who owns what
 *
 * A netlink socket owns its sessions: the struct sock, which each of them holds, so
 * that the address stays its own. Not the port id: netlink_release() gives that free
 * before it tells us. The table holds one reference to each session, and a handler
 * that looked one up holds another until it returns. Whoever takes a session out
 * of the table, under sessions_lock, drops the table's reference. There are three:
 *   - km_session_close(), for VM_DETACH;
 *   - socket_closed(), on NETLINK_URELEASE;
 *   - km_session_fini(), on removal of the module.
 * The last reference frees the session, and with it its use of the km_vm. All of
 * this is quick and waits for nothing: letting go of the VM is the km_vm's own work
 * (vm.c), which also happens, without the session, when the VM goes first.
 *
 * What can happen at the same time
 *
 *   attach against close of the socket: can't. A system call on a socket holds
 *     its file, and netlink_release() comes with the last reference. So a socket has
 *     no message under way when it says URELEASE, and none after.
 *   close of a socket against another that gets its port id: the notification
 *     carries the id only, but sock_orphan() came before, so socket_closed() takes
 *     the sessions of dead sockets, whatever their id, and no others.
 *   dumps against close: a dump keeps the id of a session across calls, not a
 *     reference, and looks it up each time.
 *   detach, close or VM exit against a handler that uses the session: the handler's
 *     reference keeps session and km_vm, km_vm_enter() keeps the VM.
 *   removal of the module: it is not kept from going by sessions. First the family
 *     goes (genl_unregister_family() waits for handlers; a dump that was not read to
 *     its end pins the module), then the notifier, then the sessions, then
 *     km_vm_fini() waits until each VM was let go and freed.
 *
 * sessions_lock is outermost, and held for short: its holder may wait for memory,
 * never for KVM, ftrace or user space.
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/xarray.h>
#include <linux/kmigrate.h>
#include <net/sock.h>

#include "session.h"
#include "track.h"
#include "vm.h"

static DEFINE_XARRAY_ALLOC1(sessions);
static DEFINE_MUTEX(sessions_lock);
static unsigned int nr_sessions;
static u32 last_id;

void km_session_put(struct km_session *session)
{
	if (!refcount_dec_and_test(&session->refs))
		return;
	km_track_stop(session->vm, session);
	km_vm_put(session->vm);
	sock_put(session->sk);
	kvfree(session);
}

/* With sessions_lock held. The caller gets the table's reference. */
static void take_out(struct km_session *session)
{
	xa_erase(&sessions, session->id);
	WRITE_ONCE(nr_sessions, nr_sessions - 1);
}

/* Takes over the caller's use of @vm, unless it fails. */
static struct km_session *create(struct sock *sk, struct km_vm *vm)
{
	const struct km_dirty *dirty = &vm->dirty;
	struct km_session *session;
	unsigned int i;

	session = kvzalloc(struct_size(session, vcpu, dirty->nr_vcpus),
			   GFP_KERNEL_ACCOUNT);
	if (!session)
		return ERR_PTR(-ENOMEM);

	refcount_set(&session->refs, 1);
	sock_hold(sk);
	session->sk = sk;
	session->vm = vm;
	session->start_ns = ktime_get_ns();
	km_dirty_read_other(dirty, &session->other);
	for (i = 0; i < dirty->nr_vcpus; i++)
		km_dirty_read_vcpu(dirty, i, &session->vcpu[i]);
	return session;
}

/* Ids go round, so that a stale one is not soon another session's. */
static int put_in(struct km_session *session)
{
	int err = -ENOSPC;

	mutex_lock(&sessions_lock);
	if (nr_sessions < KMIGRATE_MAX_SESSIONS) {
		err = xa_alloc_cyclic(&sessions, &session->id, session,
				      XA_LIMIT(1, INT_MAX), &last_id, GFP_KERNEL);
		if (err >= 0)
			WRITE_ONCE(nr_sessions, nr_sessions + 1);
	}
	mutex_unlock(&sessions_lock);
	return err < 0 ? err : 0;
}

int km_session_open(struct sock *sk, int fd, u32 *id)
{
	struct km_session *session;
	struct km_vm *vm;
	int err;

	/* put_in() decides; this only saves the effort. */
	if (km_session_count() >= KMIGRATE_MAX_SESSIONS)
		return -ENOSPC;

	vm = km_vm_get(fd);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	session = create(sk, vm);
	if (IS_ERR(session)) {
		km_vm_put(vm);
		return PTR_ERR(session);
	}

	err = put_in(session);
	if (err) {
		km_session_put(session);
		return err;
	}
	*id = session->id;
	return 0;
}

/* NULL if @sk has no such session. With sessions_lock held. */
static struct km_session *find(struct sock *sk, u32 id)
{
	struct km_session *session = xa_load(&sessions, id);

	return session && session->sk == sk ? session : NULL;
}

int km_session_close(struct sock *sk, u32 id)
{
	struct km_session *session;

	mutex_lock(&sessions_lock);
	session = find(sk, id);
	if (session)
		take_out(session);
	mutex_unlock(&sessions_lock);

	if (!session)
		return -ENOENT;
	km_session_put(session);
	return 0;
}

struct km_session *km_session_get(struct sock *sk, u32 id)
{
	struct km_session *session;

	mutex_lock(&sessions_lock);
	session = find(sk, id);
	if (session)
		refcount_inc(&session->refs);
	mutex_unlock(&sessions_lock);
	return session ?: ERR_PTR(-ENOENT);
}

unsigned int km_session_count(void)
{
	return READ_ONCE(nr_sessions);
}

static void subtract(struct km_counts *counts, const struct km_counts *start)
{
	counts->pages -= start->pages;
	counts->repeats -= start->repeats;
	counts->pml.pages -= start->pml.pages;
	counts->pml.drains -= start->pml.drains;
	counts->pml.full -= start->pml.full;
}

/* What the vCPU dirtied since the session started. */
void km_session_read_vcpu(const struct km_session *session, unsigned int idx,
			  struct km_counts *counts)
{
	km_dirty_read_vcpu(&session->vm->dirty, idx, counts);
	subtract(counts, &session->vcpu[idx]);
}

/* What all did, and what no known vCPU did. */
void km_session_read_all(const struct km_session *session,
			 struct km_counts *all, struct km_counts *other)
{
	struct km_counts one;
	unsigned int i;

	km_dirty_read_other(&session->vm->dirty, other);
	subtract(other, &session->other);
	*all = *other;
	for (i = 0; i < session->vm->dirty.nr_vcpus; i++) {
		km_session_read_vcpu(session, i, &one);
		all->pages += one.pages;
		all->repeats += one.repeats;
		all->pml.pages += one.pml.pages;
		all->pml.drains += one.pml.drains;
		all->pml.full += one.pml.full;
	}
}

static void close_all(bool (*match)(const struct km_session *session))
{
	struct km_session *session;
	unsigned long id;

	mutex_lock(&sessions_lock);
	xa_for_each(&sessions, id, session) {
		if (!match(session))
			continue;
		take_out(session);
		km_session_put(session);
	}
	mutex_unlock(&sessions_lock);
}

static bool is_orphan(const struct km_session *session)
{
	return sock_flag(session->sk, SOCK_DEAD);
}

static bool is_any(const struct km_session *session)
{
	return true;
}

static int socket_closed(struct notifier_block *nb, unsigned long event,
			 void *data)
{
	const struct netlink_notify *notify = data;

	if (event == NETLINK_URELEASE && notify->protocol == NETLINK_GENERIC &&
	    km_session_count())
		close_all(is_orphan);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = {
	.notifier_call = socket_closed,
};

int km_session_init(void)
{
	return netlink_register_notifier(&notifier);
}

void km_session_fini(void)
{
	netlink_unregister_notifier(&notifier);
	close_all(is_any);
	xa_destroy(&sessions);
}
