// SPDX-License-Identifier: GPL-2.0
/*
 * The VMs that sessions are open on, and how long they are kept.
 *
 * A km_vm owns, from km_vm_get() to release():
 *   - the reference to the VM's struct file that fget() took. Later steps drive
 *     KVM through it, and its count shows when the VMM has closed the VM;
 *   - a reference to struct kvm (kvm_get_kvm_safe()), which readers walk, and
 *     whose address is the key that the hook looks up. While the key is in the
 *     table, the reference keeps the address from being used for another VM;
 *   - a use of each of two hooks (km_watch_start(), km_dirty_start());
 *   - once watch() ran, an mmu_notifier on the VMM's mm, and with it mm_count. Never
 *     mm_users for longer than it takes to register: that would keep the memory of
 *     a VMM that exits.
 *
 * These would keep a dead VM alive, so they go when the first of these happens:
 *   - the last session is closed: km_vm_put();
 *   - the VMM exits: exit_mmap() calls vm_release();
 *   - the VMM closes the VM and its vCPUs but lives on: abandoned(), seen within
 *     POLL_JIFFIES, as nothing announces it.
 * Each sets @ending and queues @work, and only @work lets go, so that happens once,
 * in a context that may sleep and that nobody waits for. Closing a socket and
 * vm_release() must not wait for it, and a doit handler must not either: all of
 * generic netlink is behind a lock that it holds (genl_rcv()). For the same reason
 * watch() is left to @work: registering takes mmap_lock, which a hostile VMM can
 * hold for long. What a doit handler does wait for is ftrace, if the hook is being
 * put in place or removed right then (km_dirty_start()).
 *
 * If the VM was closed by a VMM that lives on, the last reference is ours, and KVM's
 * own slots (APIC access page, TSS) are not unmapped from the VMM: kvm_arch_destroy_vm()
 * does that for the VMM's own thread only. They go with the VMM.
 *
 * After that the km_vm is hollow: out of the table, @kvm NULL, km_vm_enter()
 * refuses. What is left of it is freed when the last session and @work are done with
 * it, after a grace period, for the hook's sake.
 *
 * Locks: vms_lock is taken inside sessions_lock and never held while sleeping for
 * anything but itself.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat/compat.h"
#include "count.h"
#include "event.h"
#include "track.h"
#include "vm.h"

#define POLL_JIFFIES	HZ

/* Changed under vms_lock. One entry for each struct kvm. */
DEFINE_HASHTABLE(km_vms, KM_VMS_BITS);
static DEFINE_MUTEX(vms_lock);

static struct workqueue_struct *vm_wq;

/* km_vms that are not freed yet, hollow ones included. */
static atomic_t nr_vms = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(no_vms);

static atomic64_t last_id = ATOMIC64_INIT(0);

static void free_rcu(struct rcu_head *rcu)
{
	struct km_vm *vm = container_of(rcu, struct km_vm, rcu);

	km_track_free(vm->track);
	km_dirty_free(&vm->dirty);
	kfree(vm);
}

void km_vm_unref(struct km_vm *vm)
{
	if (!refcount_dec_and_test(&vm->refs))
		return;
	call_rcu(&vm->rcu, free_rcu);
	/* Last: km_vm_fini() waits for it, then for call_rcu(). */
	if (atomic_dec_and_test(&nr_vms))
		wake_up(&no_vms);
}

/*
 * Runs @work after @delay, or sooner if it was going to; a @delay of 0 is at once. The
 * work gets a reference, and must drop it. Any context, and under RCU also for a VM that
 * may be going: then it does nothing. Such a work must not be cancelled by a function that
 * waits: see km_track_shutdown().
 */
void km_vm_queue(struct km_vm *vm, struct delayed_work *work, unsigned long delay)
{
	bool was_queued;

	if (!refcount_inc_not_zero(&vm->refs))
		return;
	if (delay)
		was_queued = !queue_delayed_work(vm_wq, work, delay);
	else
		was_queued = mod_delayed_work(vm_wq, work, 0);
	if (was_queued)
		km_vm_unref(vm);	/* it had one already, so this isn't the last */
}

static void end(struct km_vm *vm)
{
	WRITE_ONCE(vm->ending, true);
	km_vm_queue(vm, &vm->work, 0);
}

/*
 * Called by exit_mmap() of the VMM, and by mmu_notifier_unregister(). Either of
 * them keeps @vm alive until this returns: release() waits in the latter.
 */
static void vm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	end(container_of(mn, struct km_vm, mn));
}

static const struct mmu_notifier_ops mn_ops = {
	.release = vm_release,
};

static void watch(struct km_vm *vm)
{
	struct mm_struct *mm = vm->kvm->mm;

	if (!mmget_not_zero(mm)) {
		WRITE_ONCE(vm->ending, true);
		return;
	}
	vm->watched = !mmu_notifier_register(&vm->mn, mm);
	/* Async: else this thread might be the one that runs exit_mmap(). */
	mmput_async(mm);
}

/*
 * Has user space nothing left that refers to the VM? Then the file is ours alone,
 * and struct kvm has two references: that of the file and ours. vCPUs have one each.
 */
static bool abandoned(struct km_vm *vm)
{
	return file_count(vm->file) == 1 &&
	       refcount_read(&vm->kvm->users_count) == 2;
}

/* Of the table, with vms_lock held, and of what the hook remembers. */
static void take_out(struct km_vm *vm)
{
	if (hlist_unhashed(&vm->node))
		return;
	hash_del_rcu(&vm->node);
	km_count_forget();
}

static void release(struct km_vm *vm)
{
	struct file *file;
	struct kvm *kvm;

	down_write(&vm->lock);
	kvm = vm->kvm;
	file = vm->file;
	vm->kvm = NULL;
	vm->file = NULL;
	up_write(&vm->lock);

	/* While its log may be ours the VM is in the table, where drive.c's hooks look. */
	km_track_shutdown(vm, kvm);

	mutex_lock(&vms_lock);
	take_out(vm);
	mutex_unlock(&vms_lock);

	if (vm->watched)
		mmu_notifier_unregister(&vm->mn, kvm->mm);
	km_dirty_stop(&vm->dirty);
	km_watch_stop(vm);
	/* Else it is the sessions that have gone, and the VM lives on. */
	if (refcount_read(&vm->users))
		km_event_send(vm, KMIGRATE_EVENT_VM_GONE);
	kvm_put_kvm(kvm);
	fput(file);
}

static void work(struct work_struct *work)
{
	struct km_vm *vm = container_of(to_delayed_work(work), struct km_vm, work);

	/* Hollow: end() was called again, by release() or by a second reason. */
	if (!vm->kvm)
		goto out;

	if (!vm->watched && !READ_ONCE(vm->ending))
		watch(vm);

	/* A VMM that can't be watched for lack of memory is tried again. */
	if (READ_ONCE(vm->ending) || abandoned(vm))
		release(vm);
	else
		km_vm_queue(vm, &vm->work, POLL_JIFFIES);
out:
	km_vm_unref(vm);
}

/* Takes over the references to file and kvm, unless it fails. */
static struct km_vm *create(struct file *file, struct kvm *kvm)
{
	struct km_vm *vm;
	int err;

	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);

	err = km_dirty_init(&vm->dirty, atomic_read(&kvm->online_vcpus));
	if (err) {
		kfree(vm);
		return ERR_PTR(err);
	}

	vm->key = kvm;
	vm->id = atomic64_inc_return(&last_id);
	vm->kvm = kvm;
	vm->file = file;
	vm->mn.ops = &mn_ops;
	refcount_set(&vm->users, 1);
	refcount_set(&vm->refs, 1);
	init_rwsem(&vm->lock);
	INIT_HLIST_NODE(&vm->node);
	INIT_DELAYED_WORK(&vm->work, work);
	atomic_inc(&nr_vms);

	/* In this order: hook.c wants a hook in place before a direct one. */
	km_watch_start(vm);
	km_dirty_start(&vm->dirty);
	return vm;
}

/* With vms_lock held. A reference for the caller, NULL, or -ESRCH if it is dying. */
static struct km_vm *find_get(const struct kvm *kvm)
{
	struct km_vm *vm;

	hash_for_each_possible(km_vms, vm, node, (unsigned long)kvm) {
		if (vm->key != kvm)
			continue;
		if (READ_ONCE(vm->ending))
			return ERR_PTR(-ESRCH);
		/* Not 0: km_vm_put() takes it out of the table before. */
		refcount_inc(&vm->users);
		return vm;
	}
	return NULL;
}

static struct km_vm *find_or_create(struct file *file, struct kvm *kvm)
{
	struct km_vm *vm, *other;

	mutex_lock(&vms_lock);
	vm = find_get(kvm);
	mutex_unlock(&vms_lock);
	if (vm)
		goto drop;

	vm = create(file, kvm);
	if (IS_ERR(vm))
		goto drop;

	mutex_lock(&vms_lock);
	other = find_get(kvm);
	if (!other)
		hash_add_rcu(km_vms, &vm->node, (unsigned long)kvm);
	mutex_unlock(&vms_lock);
	if (!other) {
		km_vm_queue(vm, &vm->work, 0);
		km_vm_queue(vm, &vm->watch.work, 0);
		return vm;
	}

	/* Somebody was faster. Ours goes with its references. */
	km_vm_put(vm);
	return other;
drop:
	kvm_put_kvm(kvm);
	fput(file);
	return vm;
}

/* Must run in the context of the process that @fd is of. */
struct km_vm *km_vm_get(int fd)
{
	struct file *file;
	struct kvm *kvm;

	file = fget(fd);
	if (!file)
		return ERR_PTR(-EBADF);
	if (!km_compat_file_is_kvm(file)) {
		fput(file);
		return ERR_PTR(-EINVAL);
	}

	/* Can't fail while the file is open, which it is. */
	kvm = file->private_data;
	if (!kvm_get_kvm_safe(kvm)) {
		fput(file);
		return ERR_PTR(-ESRCH);
	}
	if (!atomic_read(&kvm->mm->mm_users)) {
		kvm_put_kvm(kvm);
		fput(file);
		return ERR_PTR(-ESRCH);
	}
	return find_or_create(file, kvm);
}

/* Another use, for who has one already. */
void km_vm_hold(struct km_vm *vm)
{
	refcount_inc(&vm->users);
}

void km_vm_put(struct km_vm *vm)
{
	if (!refcount_dec_and_mutex_lock(&vm->users, &vms_lock))
		return;
	/* From here on find_get() finds nothing, and makes a new one. */
	take_out(vm);
	mutex_unlock(&vms_lock);

	end(vm);
	km_vm_unref(vm);
}

/* NULL if the VM is gone; else km_vm_exit() must follow soon, in the same context. */
struct kvm *km_vm_enter(struct km_vm *vm)
{
	/* Only release() writes: if it is waiting for a reader, it is not waited for. */
	if (!down_read_trylock(&vm->lock))
		return NULL;
	if (vm->kvm && !READ_ONCE(vm->ending))
		return vm->kvm;
	up_read(&vm->lock);
	return NULL;
}

void km_vm_exit(struct km_vm *vm)
{
	up_read(&vm->lock);
}

/* The VMM's process id in the reader's PID namespace, or 0. */
pid_t km_vm_pid(struct kvm *kvm)
{
	struct task_struct *task;
	pid_t pid = 0;

	rcu_read_lock();
	task = km_compat_mm_owner(kvm->mm);
	if (task)
		pid = task_tgid_vnr(task);
	rcu_read_unlock();
	return pid;
}

int km_vm_init(void)
{
	vm_wq = alloc_workqueue("kmigrate", WQ_UNBOUND, 0);
	return vm_wq ? 0 : -ENOMEM;
}

/* All sessions are closed, so every VM is ending. */
void km_vm_fini(void)
{
	wait_event(no_vms, !atomic_read(&nr_vms));
	destroy_workqueue(vm_wq);
	rcu_barrier();		/* free_rcu() is code of ours */
}
