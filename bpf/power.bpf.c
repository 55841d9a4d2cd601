// SPDX-License-Identifier: GPL-2.0
/*
 * How long does it take to wake a guest's threads, by what their CPU was doing; and how deep
 * and how long do the CPUs of its vCPUs sleep, at which frequency do they run?
 *
 * A wake-up takes from the waker's decision to the switch to the thread. CPUs count from
 * when a vCPU first entered the guest there.
 */
#include "vmlinux.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "guest.bpf.h"
#include "hist.bpf.h"
#include "power.h"

#define AWAKE 0xffffffff /* PWR_EVENT_EXIT, include/trace/events/power.h */

/* Whether this kernel tells of idle states. */
const volatile _Bool idle_known = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_BPF_THREADS);
	__type(key, __u32);   /* thread */
	__type(value, __u64); /* when it was woken */
} woken SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the number of CPUs, set before the load */
	__type(key, __u32);
	__type(value, struct km_power_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_POWER_KEYS);
	__type(key, struct km_power_key);
	__type(value, struct km_bpf_hist);
} times SEC(".maps");

static __always_inline struct km_bpf_hist *count(const struct km_power_key *key)
{
	struct km_bpf_hist *h = km_hist_get(&times, key);

	if (h)
		__sync_fetch_and_add(&h->events, 1);
	else
		__sync_fetch_and_add(&lost, 1);
	return h;
}

static __always_inline void add(const struct km_power_key *key, __u64 ns)
{
	struct km_bpf_hist *h = count(key);

	if (h)
		km_hist_add(h, ns);
}

/* What the CPU was doing then: its latest time in an idle state tells, since whoever was
 * woken there ended it. */
static __always_inline __u32 state_at(const struct km_power_cpu *c, __u64 ns)
{
	if (!idle_known)
		return KM_POWER_UNKNOWN;
	if (!c || !c->idle_from_ns || c->idle_from_ns > ns)
		return KM_POWER_BUSY;
	return !c->idle_to_ns || c->idle_to_ns >= ns ? c->state : KM_POWER_BUSY;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *p)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 thread = p->pid;

	if ((__u32)p->tgid == tgid && bpf_map_update_elem(&woken, &thread, &now, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

/* On a CPU still: it was on its way to sleep, and won't be switched to (ttwu_runnable()). */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *p)
{
	__u32 thread = p->pid;

	if ((__u32)p->tgid == tgid && p->on_cpu)
		bpf_map_delete_elem(&woken, &thread);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 cpu = bpf_get_smp_processor_id(), thread = next->pid;
	struct km_power_key key = { .kind = KM_POWER_WAKE };
	__u64 *at;

	if ((__u32)next->tgid != tgid)
		return 0;
	at = bpf_map_lookup_elem(&woken, &thread);
	if (!at)
		return 0;
	key.who = km_vcpu_of(thread);
	key.value = state_at(bpf_map_lookup_elem(&cpus, &cpu), *at);
	add(&key, bpf_ktime_get_ns() - *at);
	bpf_map_delete_elem(&woken, &thread);
	return 0;
}

SEC("tp_btf/kvm_entry")
int BPF_PROG(on_entry, struct kvm_vcpu *vcpu)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct km_power_cpu *c;

	if (!vcpu || !km_ours())
		return 0;
	km_vcpu_is(vcpu->vcpu_id);
	c = bpf_map_lookup_elem(&cpus, &cpu);
	if (c && !c->ran) {
		c->step_from_ns = bpf_ktime_get_ns();
		c->ran = 1;
	}
	return 0;
}

/* By the CPU itself. */
SEC("tp/power/cpu_idle")
int on_idle(struct trace_event_raw_cpu *ctx)
{
	struct km_power_key key = { .kind = KM_POWER_IDLE, .who = ctx->cpu_id };
	struct km_power_cpu *c = bpf_map_lookup_elem(&cpus, &key.who);
	__u64 now = bpf_ktime_get_ns();
	struct km_bpf_hist *h;

	if (!c)
		return 0;
	if (ctx->state != AWAKE) {
		c->state = ctx->state;
		key.value = c->state;
		c->idle_to_ns = 0;
		c->idle_from_ns = now;
		c->counted = c->ran && count(&key);
		return 0;
	}
	key.value = c->state;
	c->idle_to_ns = now;
	if (!c->counted)
		return 0;
	c->counted = 0;
	h = bpf_map_lookup_elem(&times, &key);
	if (h)
		km_hist_add(h, now - c->idle_from_ns);
	return 0;
}

/* By any CPU; cpufreq has one change of a CPU after the other. */
SEC("tp/power/cpu_frequency")
int on_frequency(struct trace_event_raw_cpu *ctx)
{
	struct km_power_key key = { .kind = KM_POWER_FREQ, .who = ctx->cpu_id };
	struct km_power_cpu *c = bpf_map_lookup_elem(&cpus, &key.who);
	__u32 step = ctx->state / KM_POWER_STEP_KHZ;
	__u64 now = bpf_ktime_get_ns();

	if (!c || c->step == step)
		return 0;
	key.value = c->step;
	if (c->ran && c->step)
		add(&key, now - c->step_from_ns);
	c->changes += c->ran;
	c->step = step;
	c->step_from_ns = now;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
