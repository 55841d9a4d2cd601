/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_VM_H
#define KM_VM_H

#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "dirty.h"
#include "watch.h"

struct file;
struct km_track;
struct kvm;

/* A VM that at least one session is open on. Its life is told in vm.c. */
struct km_vm {
	struct hlist_node node;		/* in the table, by @key */
	const struct kvm *key;		/* compared only */
	u64 id;				/* never another's */
	struct km_dirty dirty;
	struct km_watch watch;
	struct km_track *track;		/* set once, with cmpxchg() */

	refcount_t users;		/* sessions and tracking; drops under the table's lock */
	refcount_t refs;		/* 1 for all users, 1 for each work that is queued */

	struct rw_semaphore lock;	/* @kvm and @file: set to NULL once */
	struct kvm *kvm;
	struct file *file;

	struct delayed_work work;
	bool ending;			/* set once: @work must let the VM go */
	bool watched;			/* @mn is registered; only @work looks */
	struct mmu_notifier mn;

	struct rcu_head rcu;
};

int km_vm_init(void);
void km_vm_fini(void);

struct km_vm *km_vm_get(int fd);
void km_vm_hold(struct km_vm *vm);
void km_vm_put(struct km_vm *vm);

struct kvm *km_vm_enter(struct km_vm *vm);
void km_vm_exit(struct km_vm *vm);

/* NULL if nobody asked for tracking yet. Pairs with the cmpxchg() of track_ask.c. */
static inline struct km_track *km_vm_track(const struct km_vm *vm)
{
	/* What make() wrote is seen. */
	return smp_load_acquire(&vm->track);
}

void km_vm_queue(struct km_vm *vm, struct delayed_work *work, unsigned long delay);
void km_vm_unref(struct km_vm *vm);

pid_t km_vm_pid(struct kvm *kvm);

#define KM_VMS_BITS	8

/* vm.c's table. */
extern struct hlist_head km_vms[1 << KM_VMS_BITS];

/* For the hooks, one of which asks for each page: no lock, no reference, but RCU. */
static __always_inline struct km_vm *km_vm_find_rcu(const struct kvm *key)
{
	struct km_vm *vm;

	hash_for_each_possible_rcu(km_vms, vm, node, (unsigned long)key)
		if (likely(vm->key == key))
			return vm;
	return NULL;
}

#endif /* KM_VM_H */
