// SPDX-License-Identifier: GPL-2.0
/*
 * Where does all the time go that vCPUs are out of the guest?
 *
 * An absence, from kvm_exit to the same thread's next kvm_entry, is cut where the thread is
 * switched out, woken, switched in, and where KVM_RUN returns to the VMM. Each piece has one
 * cause, so the causes add up to the absence; and each piece is put down to the phase that it
 * fell into, for a move to say what each of its phases cost. A vCPU that leaves for the
 * first time is known from then on.
 */
#include "vmlinux.h"
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "fault.bpf.h"
#include "hist.bpf.h"
#include "impact.h"
#include "process.bpf.h"
#include "sched.bpf.h"
#include "vmexit.bpf.h"

#define NR_IOCTL   16	      /* arch/x86/entry/syscalls/syscall_64.tbl */
#define KVM_RUN	   0xae80     /* include/uapi/linux/kvm.h */
#define PF_EXITING 0x00000004 /* include/linux/sched.h */

/* All programs are in place. They come one by one: of an absence that began before, some would
 * not have seen their part. */
_Bool on = 0;
/* When each phase began, and the last that did. User space writes the first before the second. */
__u64 phase_ns[KM_IMPACT_PHASES_MAX] = {};
__u32 phase = 0;
/* Not 0: phase 1 begins when the guest runs, and is over so long after that. */
__u64 arrival_ns = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_IMPACT_THREADS);
	__type(key, __u32); /* thread */
	__type(value, struct km_impact_thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_IMPACT_KEYS);
	__type(key, struct km_impact_key);
	__type(value, struct km_bpf_hist);
} times SEC(".maps");

static __always_inline struct km_impact_thread *thread_of(__u32 tid)
{
	return bpf_map_lookup_elem(&threads, &tid);
}

/* A thread of ours that is out of the guest; else NULL. */
static __always_inline struct km_impact_thread *absent(struct task_struct *p)
{
	struct km_impact_thread *t = (__u32)p->tgid == tgid ? thread_of(p->pid) : NULL;

	return t && t->left_ns ? t : NULL;
}

/* Global, so that the verifier looks at it once, not at each way that leads here. */
__noinline int add(__u32 vcpu, __u32 in_phase, __u32 cause, __u64 ns)
{
	struct km_impact_key key = { vcpu, in_phase, cause };
	struct km_bpf_hist *h = km_hist_get(&times, &key);

	if (!h) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	__sync_fetch_and_add(&h->events, 1);
	km_hist_add(h, ns);
	return 0;
}

/* From then until then, in each phase as long as it lasted. */
static __noinline int charge(struct km_impact_thread *t, __u32 cause, __u64 from, __u64 to)
{
	__u32 last = phase;

	if (!t || from >= to)
		return 0;
	if (last >= KM_IMPACT_PHASES_MAX)
		last = KM_IMPACT_PHASES_MAX - 1;
	if (from >= phase_ns[last]) {
		add(t->vcpu, last, cause, to - from);
		return 0;
	}
	for (__u32 i = 0; i < KM_IMPACT_PHASES_MAX; i++) {
		__u64 begin = from, end = to;

		if (begin < phase_ns[i])
			begin = phase_ns[i];
		if (i < last && i + 1 < KM_IMPACT_PHASES_MAX && end > phase_ns[i + 1])
			end = phase_ns[i + 1];
		if (i <= last && begin < end)
			add(t->vcpu, i, cause, end - begin);
	}
	return 0;
}

/* A sleep that is over. */
static __always_inline void charge_sleep(struct km_impact_thread *t, __u32 cause)
{
	if (t->slept_ns)
		charge(t, cause, t->slept_ns, t->woken_ns);
	t->slept_ns = 0;
}

static __always_inline void charge_cpu(struct km_impact_thread *t, __u64 now)
{
	charge_sleep(t, km_impact_of_sleep(t));
	charge(t, km_impact_of_cpu(t), t->mark_ns, now);
	t->mark_ns = now;
}

/* The absence is over. */
static __always_inline void back(struct km_impact_thread *t, __u64 now)
{
	t->absent_ns += now - t->left_ns;
	t->left_ns = 0;
}

static __always_inline void woken(struct km_impact_thread *t, __u64 now)
{
	t->slept_ns = t->mark_ns;
	t->woken_ns = now;
	t->mark_ns = now;
}

SEC("tp/kvm/kvm_exit")
int on_exit(struct trace_event_raw_kvm_exit *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct km_impact_thread new = {}, *t;

	if (!on || !km_ours())
		return 0;
	t = thread_of(tid);
	if (!t) {
		bpf_map_update_elem(&threads, &tid, &new, BPF_NOEXIST);
		t = thread_of(tid);
	}
	if (!t) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	t->vcpu = ctx->vcpu_id;
	t->state = KM_IMPACT_ON_CPU;
	t->in_kvm = km_is_halt(ctx->isa, ctx->exit_reason) ? KM_IMPACT_HALTED : KM_IMPACT_KVM;
	t->in_vmm = 0;
	t->slept_ns = 0;
	t->mark_ns = bpf_ktime_get_ns();
	t->left_ns = t->mark_ns;
	if (t->entered_ns && !t->exited_ns) {
		t->exited_ns = t->mark_ns;
		t->exit_isa = ctx->isa;
		t->exit_reason = ctx->exit_reason;
	}
	return 0;
}

/* The current thread's, if it is out of the guest. */
static __always_inline struct km_impact_thread *self(void)
{
	struct km_impact_thread *t = km_ours() ? thread_of(bpf_get_current_pid_tgid()) : NULL;

	return t && t->left_ns ? t : NULL;
}

SEC("tp/kvm/kvm_page_fault")
int on_fault(struct trace_event_raw_kvm_page_fault *ctx)
{
	struct km_impact_thread *t = self();
	__u64 code = ctx->error_code;

	if (!t)
		return 0;
	if (km_fault_is_protected(code))
		t->in_kvm = KM_IMPACT_TRACKING;
	else if (!km_fault_is_mapped(code))
		t->in_kvm = KM_IMPACT_TOUCH;
	return 0;
}

SEC("tp/kvm/kvm_pml_full")
int on_pml_full(void *ctx)
{
	struct km_impact_thread *t = self();

	if (t)
		t->in_kvm = KM_IMPACT_TRACKING;
	return 0;
}

/* KVM_RUN returns. That it is called again is seen only if it sleeps: the way in is the VMM's. */
SEC("tp/kvm/kvm_userspace_exit")
int on_return(struct trace_event_raw_kvm_userspace_exit *ctx)
{
	struct km_impact_thread *t = self();

	if (!t)
		return 0;
	charge_cpu(t, bpf_ktime_get_ns());
	t->in_vmm = 1;
	t->by_signal = ctx->errno == -EINTR;
	return 0;
}

/* At the end of a halt, by the vCPU's own thread: it slept for that, or polled. */
SEC("tp/kvm/kvm_vcpu_wakeup")
int on_halted(struct trace_event_raw_kvm_vcpu_wakeup *ctx)
{
	struct km_impact_thread *t = self();
	__u64 now;

	if (!t)
		return 0;
	now = bpf_ktime_get_ns();
	charge_sleep(t, KM_IMPACT_HALTED);
	charge(t, ctx->waited ? KM_IMPACT_KVM : KM_IMPACT_HALTED, t->mark_ns, now);
	t->mark_ns = now;
	t->in_kvm = KM_IMPACT_KVM;
	t->idle |= !t->entered_ns;
	return 0;
}

/* In ioctl(fd, KVM_RUN), by its registers on the way into the kernel: no tracepoint says that it
 * is called. */
static __always_inline _Bool in_kvm_run(struct task_struct *p)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(p);

	return BPF_CORE_READ(regs, orig_ax) == NR_IOCTL && BPF_CORE_READ(regs, si) == KVM_RUN;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	struct km_impact_thread *t = absent(prev);

	if (t) {
		charge_cpu(t, now);
		/* What it does from here on, such as to close the VM, is nothing to the guest. */
		if (prev->flags & PF_EXITING)
			back(t, now);
		else if (km_stays_runnable(preempt, prev))
			t->state = km_is_throttled(prev) ? KM_IMPACT_OVER_QUOTA :
							   KM_IMPACT_RUNNABLE;
		else
			t->state = KM_IMPACT_ASLEEP;
		/* A halted one that a signal has taken out, and that is halted again. */
		if (t->in_vmm && t->state == KM_IMPACT_ASLEEP && in_kvm_run(prev))
			t->in_vmm = 0;
	}
	t = absent(next);
	if (!t)
		return 0;
	if (t->state == KM_IMPACT_ASLEEP)
		woken(t, now);
	else if (t->state != KM_IMPACT_ON_CPU)
		charge(t, t->state == KM_IMPACT_RUNNABLE ? KM_IMPACT_WAIT : KM_IMPACT_THROTTLED,
		       t->mark_ns, now);
	t->mark_ns = now;
	t->state = KM_IMPACT_ON_CPU;
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *p)
{
	struct km_impact_thread *t = absent(p);

	if (!t || t->state != KM_IMPACT_ASLEEP)
		return 0;
	woken(t, bpf_ktime_get_ns());
	t->state = km_is_throttled(p) ? KM_IMPACT_OVER_QUOTA : KM_IMPACT_RUNNABLE;
	return 0;
}

/* A vCPU runs, and it may be the first. The phase after comes by its time: charge() cuts there. */
static __always_inline void first_entry(struct km_impact_thread *t, __u64 now)
{
	t->entered_ns = now;
	if (!arrival_ns || phase)
		return;
	phase_ns[1] = now;
	phase_ns[2] = now + arrival_ns;
	phase = 2;
}

/* Raw, as it needs nothing of what the tracepoint would gather, nor of what KVM passes. */
SEC("raw_tp/kvm_entry")
int on_entry(void *ctx)
{
	struct km_impact_thread *t = self();
	__u64 now;

	if (!t)
		return 0;
	now = bpf_ktime_get_ns();
	charge_cpu(t, now);
	back(t, now);
	if (!t->entered_ns)
		first_entry(t, now);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
