// SPDX-License-Identifier: GPL-2.0
/*
 * Counts full buffers of Intel's page-modification log: each makes the CPU leave the guest,
 * of which handle_pml_full() tells by a tracepoint, in the vCPU's own thread. All VMs share
 * one probe, which is there while a VM has a session, and only where the mechanism is PML.
 */
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/tracepoint.h>

#include "compat/compat.h"
#include "mech.h"
#include "pml.h"
#include "vm.h"

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
	if (!users)
		err = tracepoint_probe_register(&__tracepoint_kvm_pml_full, full, NULL);
	users += !err;
	mutex_unlock(&pml_lock);
	return !err;
}

/* The probe may still run; it finds km_vms under RCU, as the hook does. */
void km_pml_stop(void)
{
	mutex_lock(&pml_lock);
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
