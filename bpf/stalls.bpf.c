// SPDX-License-Identifier: GPL-2.0
/*
 * How long does each vCPU not run though it wants to, and who runs instead?
 *
 * A vCPU's thread waits from the moment it is runnable (woken, or switched out while
 * runnable) until it is switched to: what /proc/TID/schedstat calls run delay. Meanwhile
 * the time is charged to whoever runs on the CPU for which it waits, one slice at a time.
 * Sleep isn't a wait; that of a halted vCPU is counted by itself.
 */
#include "vmlinux.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "hist.bpf.h"
#include "process.bpf.h"
#include "sched.bpf.h"
#include "stalls.h"

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

/* kernel/sched/core.c's, one a CPU. */
extern const struct rq runqueues __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_STALLS_THREADS);
	__type(key, __u32); /* thread */
	__type(value, struct km_stalls_thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_STALLS_THREADS);
	__type(key, struct km_stalls_key);
	__type(value, struct km_bpf_hist);
} times SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_STALLS_OTHERS);
	__type(key, struct km_stalls_other);
	__type(value, struct km_stalls_slices);
} others SEC(".maps");

/*
 * The threads that wait for a CPU, by that CPU's number. Its run queue's lock is held
 * where they come and go, but for migrations. Of a thread that is lost then, or finds no
 * room, it isn't known who ran instead; one that no longer waits there is dropped.
 */
struct waiters {
	__u32 thread[KM_STALLS_WAITERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the number of CPUs, set before the load */
	__type(key, __u32);
	__type(value, struct waiters);
} queues SEC(".maps");

static __always_inline struct km_stalls_thread *ours(struct task_struct *p)
{
	__u32 thread = p->pid;

	return (__u32)p->tgid == tgid ? bpf_map_lookup_elem(&threads, &thread) : NULL;
}

static __always_inline struct km_bpf_hist *times_of(__u32 vcpu, __u32 kind)
{
	struct km_stalls_key key = { .vcpu = vcpu, .kind = kind };
	struct km_bpf_hist *h = km_hist_get(&times, &key);

	if (!h)
		__sync_fetch_and_add(&lost, 1);
	return h;
}

/* The time since t was last charged ran who. */
static __always_inline void charge(struct km_stalls_thread *t, struct task_struct *who,
				   __u64 now)
{
	struct km_stalls_other key = { .vcpu = t->vcpu };
	struct km_stalls_slices none = {}, *s;
	__u64 ns = now - t->charged_ns;

	t->charged_ns = now;
	key.tgid = who->tgid;
	key.kernel = !!(who->flags & PF_KTHREAD);
	/* Those of one process stay apart by their threads' names: a VMM's do other things. */
	bpf_core_read_str(key.comm, sizeof(key.comm), &who->comm);
	s = bpf_map_lookup_elem(&others, &key);
	if (!s) {
		bpf_map_update_elem(&others, &key, &none, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&others, &key);
	}
	if (!s) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	__sync_fetch_and_add(&s->n, 1);
	__sync_fetch_and_add(&s->sum_ns, ns);
}

static __always_inline void queue(__u32 thread, __u32 cpu)
{
	struct waiters *w = bpf_map_lookup_elem(&queues, &cpu);

	if (!w)
		return;
	for (int i = 0; i < KM_STALLS_WAITERS; i++) {
		if (w->thread[i] && w->thread[i] != thread)
			continue;
		w->thread[i] = thread;
		return;
	}
}

/* Whoever waited for this CPU did so for prev. */
static __always_inline void charge_waiters(__u32 cpu, struct task_struct *prev, __u64 now)
{
	struct waiters *w = bpf_map_lookup_elem(&queues, &cpu);

	if (!w)
		return;
	for (int i = 0; i < KM_STALLS_WAITERS; i++) {
		struct km_stalls_thread *t;
		__u32 thread = w->thread[i];

		if (!thread)
			continue;
		t = bpf_map_lookup_elem(&threads, &thread);
		if (t && t->since_ns && !t->throttled && t->cpu == cpu)
			charge(t, prev, now);
		else
			w->thread[i] = 0;
	}
}

static __always_inline void begin(struct task_struct *p, struct km_stalls_thread *t,
				  __u32 cpu, __u64 now)
{
	struct km_bpf_hist *h;

	t->throttled = km_is_throttled(p);
	h = times_of(t->vcpu, t->throttled ? KM_STALLS_THROTTLED : KM_STALLS_WAIT);
	if (h)
		__sync_fetch_and_add(&h->events, 1);
	t->cpu = cpu;
	t->charged_ns = now;
	t->since_ns = now;
	if (!t->throttled)
		queue(p->pid, cpu);
}

static __always_inline void end(struct km_stalls_thread *t, __u64 now)
{
	struct km_bpf_hist *h;
	__u64 ns = now - t->since_ns;

	h = times_of(t->vcpu, t->throttled ? KM_STALLS_THROTTLED : KM_STALLS_WAIT);
	t->since_ns = 0;
	t->delay_ns += ns;
	if (h)
		km_hist_add(h, ns);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 cpu = bpf_get_smp_processor_id();
	struct km_stalls_thread *t;

	charge_waiters(cpu, prev, now);
	t = ours(next);
	if (t && t->since_ns)
		end(t, now);
	t = ours(prev);
	if (t && km_stays_runnable(preempt, prev))
		begin(prev, t, cpu, now);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *p)
{
	struct km_stalls_thread *t = ours(p);

	/* One that was preempted waits already, and one on a CPU was woken on its way to
	 * sleep (ttwu_runnable()). */
	if (t && !t->since_ns && !p->on_cpu)
		begin(p, t, p->thread_info.cpu, bpf_ktime_get_ns());
	return 0;
}

/* It waits for another CPU from now on. The lock of the old one's queue is held. */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_migrate, struct task_struct *p, int dest_cpu)
{
	struct km_stalls_thread *t = ours(p);
	const struct rq *rq;

	if (!t || !t->since_ns || t->throttled)
		return 0;
	rq = bpf_per_cpu_ptr(&runqueues, t->cpu);
	if (rq)
		charge(t, rq->curr, bpf_ktime_get_ns());
	t->cpu = dest_cpu;
	queue(p->pid, dest_cpu);
	return 0;
}

/*
 * Threads that user space didn't know, and KVM's numbers for those that it did. Each entry
 * pays for this: so with what KVM passes (tp_btf), not what the tracepoint gathers.
 */
SEC("tp_btf/kvm_entry")
int BPF_PROG(on_entry, struct kvm_vcpu *vcpu)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct km_stalls_thread new = {}, *t;

	if (!vcpu || !km_ours())
		return 0;
	t = bpf_map_lookup_elem(&threads, &thread);
	if (t) {
		t->vcpu = vcpu->vcpu_id;
		t->delay_ns = 0;
		return 0;
	}
	new.vcpu = vcpu->vcpu_id;
	if (bpf_map_update_elem(&threads, &thread, &new, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

/* At the end of a halt, by the vCPU's own thread. */
SEC("tp/kvm/kvm_vcpu_wakeup")
int on_halted(struct trace_event_raw_kvm_vcpu_wakeup *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct km_stalls_thread *t;
	struct km_bpf_hist *h;
	__u64 ns = ctx->ns;

	if (!km_ours())
		return 0;
	t = bpf_map_lookup_elem(&threads, &thread);
	if (!t)
		return 0;
	h = times_of(t->vcpu, ctx->waited ? KM_STALLS_BLOCKED : KM_STALLS_POLLED);
	if (!h)
		return 0;
	/* KVM's clock runs on until the thread has got a CPU again; that part was a wait. */
	ns = ns > t->delay_ns ? ns - t->delay_ns : 0;
	t->delay_ns = 0;
	__sync_fetch_and_add(&h->events, 1);
	km_hist_add(h, ns);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
