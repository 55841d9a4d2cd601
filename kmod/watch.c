// SPDX-License-Identifier: GPL-2.0
/*
 * Notices at once when a VMM changes its memory slots. KVM tells nobody, so
 * __kvm_set_memory_region() is hooked, which every change passes. The hook runs before
 * KVM acts, in the VMM's thread and with kvm->slots_lock held: what must be ahead of the
 * change is done there (km_drive_vmm_sets()); what the change came to is seen by @work,
 * which takes the same lock and so comes after it.
 *
 * The VMM's log may go on and off again before @work looks; then nothing is said.
 */
#include <linux/kvm_host.h>

#include "auto.h"
#include "compat/compat.h"
#include "count.h"
#include "drive.h"
#include "event.h"
#include "hook.h"
#include "slot.h"
#include "track.h"
#include "vm.h"
#include "watch.h"

static void notrace vmm_sets(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct kvm *kvm = (const struct kvm *)km_compat_ftrace_arg(fregs, 0);
	const struct km_compat_region *region =
		(const struct km_compat_region *)km_compat_ftrace_arg(fregs, 1);
	struct km_vm *vm;

	km_auto_vmm_sets(kvm, region);
	rcu_read_lock();
	vm = km_vm_find_rcu(kvm);
	if (vm) {
		km_drive_vmm_sets(vm, region);
		km_count_forget();
		km_vm_queue(vm, &vm->watch.work, 0);
	}
	rcu_read_unlock();
}

KM_HOOK(set_hook, "__kvm_set_memory_region", vmm_sets);

/* Is a slot's log on that the module didn't switch on? */
static bool vmm_logs(struct km_vm *vm, struct kvm *kvm)
{
	struct km_slot_totals totals;

	km_slot_count(kvm, &totals);
	return totals.logging > km_track_nr_owned(vm);
}

static void work(struct work_struct *work)
{
	struct km_vm *vm = container_of(to_delayed_work(work), struct km_vm, watch.work);
	struct kvm *kvm = km_vm_enter(vm);
	bool logs;

	if (!kvm)
		goto out;
	mutex_lock(&kvm->slots_lock);
	logs = vmm_logs(vm, kvm);
	mutex_unlock(&kvm->slots_lock);
	if (logs != vm->watch.logs)
		km_event_send(vm, logs ? KMIGRATE_EVENT_LOGGING_ON : KMIGRATE_EVENT_LOGGING_OFF);
	vm->watch.logs = logs;
	km_vm_exit(vm);
out:
	km_vm_unref(vm);
}

/* Before the VM is in the table: what changes from now on is found by the first @work. */
void km_watch_start(struct km_vm *vm)
{
	INIT_DELAYED_WORK(&vm->watch.work, work);
	vm->watch.hooked = !km_watch_hook();
	vm->watch.logs = vmm_logs(vm, vm->kvm);
}

/* The work may still be queued: it finds that the VM is gone. */
void km_watch_stop(struct km_vm *vm)
{
	if (vm->watch.hooked)
		km_watch_unhook();
}

int km_watch_hook(void)
{
	return km_hook_get(&set_hook);
}

void km_watch_unhook(void)
{
	km_hook_put(&set_hook);
}

void km_watch_fini(void)
{
	km_hook_fini(&set_hook);
}
