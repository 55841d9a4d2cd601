// SPDX-License-Identifier: GPL-2.0
/*
 * Counts what Intel's page-modification log does, where the mechanism is PML.
 *
 * A vCPU's buffer is emptied at each of its exits: vmx_flush_pml_buffer() reports the pages
 * that are in it. That function is inlined in vmx_handle_exit() in 6.1 and 6.12, and
 * kvm_vcpu_mark_page_dirty() in between ends with a jump, so a page is PML's if its report
 * returns there. One that is not was seen by write-protection (fast_page_fault(),
 * make_spte()), or KVM wrote it itself.
 *
 * A full buffer makes the CPU leave the guest, of which handle_pml_full() tells by a
 * tracepoint, in the vCPU's own thread. All VMs share one probe, which is there while a VM
 * has a session.
 */
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/tracepoint.h>

#include "compat/compat.h"
#include "mech.h"
#include "pml.h"
#include "vm.h"

/* By each VM of which PML's pages are counted. */
DEFINE_STATIC_KEY_FALSE(km_pml_counts);

/* Return addresses that are known; without KM_PML_KERNEL_HALF, which all have, if not PML's. */
unsigned long km_pml_callers[1 << KM_PML_CALLERS_SHIFT];

static const char *const drainers[] = { "vmx_handle_exit", "vmx_flush_pml_buffer" };

static bool notrace ask_symbols(unsigned long ip)
{
	char name[KSYM_NAME_LEN];
	unsigned int i;

	/* The call, not what follows it. */
	snprintf(name, sizeof(name), "%ps", (void *)(ip - 1));
	name[strcspn(name, " ")] = '\0';
	for (i = 0; i < ARRAY_SIZE(drainers); i++)
		if (!strcmp(name, drainers[i]))
			return true;
	return false;
}

/* Asks for the name of the function that @ip is in, and keeps what that means. */
bool notrace km_pml_learn(unsigned long ip)
{
	bool drains = ask_symbols(ip);

	WRITE_ONCE(km_pml_callers[hash_long(ip, KM_PML_CALLERS_SHIFT)],
		   drains ? ip : ip & ~KM_PML_KERNEL_HALF);
	return drains;
}

#ifdef HAVE_EXPORT___TRACEPOINT_KVM_PML_FULL

/* As DEFINE_TRACE() names it; the headers packages don't bring arch/x86/kvm/trace.h. */
extern struct tracepoint __tracepoint_kvm_pml_full;

static DEFINE_MUTEX(pml_lock);
static unsigned int users;

/* Preemption is disabled, and so RCU holds. */
static void notrace full(void *data, unsigned int vcpu_id)
{
	struct kvm_vcpu *vcpu = km_compat_running_vcpu();
	struct km_vm *vm = vcpu ? km_vm_find_rcu(vcpu->kvm) : NULL;

	if (vm && vcpu->vcpu_idx < vm->dirty.nr_vcpus)
		local64_inc(&vm->dirty.vcpu[vcpu->vcpu_idx].pml_full);
}

/* True if it counts; km_pml_stop() must follow. May sleep. */
bool km_pml_start(void)
{
	struct km_mech mech;
	int err = 0;

	km_mech_get(&mech);
	if (mech.mechanism != KMIGRATE_MECHANISM_PML || !KM_COMPAT_KNOWS_VCPU)
		return false;
	mutex_lock(&pml_lock);
	/* The vendor module may have been loaded anew, to another place. */
	memset(km_pml_callers, 0, sizeof(km_pml_callers));
	if (!users)
		err = tracepoint_probe_register(&__tracepoint_kvm_pml_full, full, NULL);
	if (!err) {
		users++;
		static_branch_inc(&km_pml_counts);
	}
	mutex_unlock(&pml_lock);
	return !err;
}

/* The probe may still run; it finds km_vms under RCU, as the hook does. */
void km_pml_stop(void)
{
	mutex_lock(&pml_lock);
	static_branch_dec(&km_pml_counts);
	if (!--users)
		tracepoint_probe_unregister(&__tracepoint_kvm_pml_full, full, NULL);
	mutex_unlock(&pml_lock);
}

/* Returns when no CPU is in the probe any more. */
void km_pml_fini(void)
{
	tracepoint_synchronize_unregister();
}

#else

bool km_pml_start(void)
{
	return false;
}

void km_pml_stop(void)
{
}

void km_pml_fini(void)
{
}

#endif
