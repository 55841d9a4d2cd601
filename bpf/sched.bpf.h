/* SPDX-License-Identifier: GPL-2.0 */
/* What the scheduler knows of a thread, for programs at its tracepoints. */
#ifndef KM_BPF_SCHED_BPF_H
#define KM_BPF_SCHED_BPF_H

/*
 * By cpu.max: throttle_cfs_rq() has counted the queue and all below it by the time of
 * sched_switch. One that is throttled while it waits already isn't seen here: nobody ran instead,
 * the CPU was idle.
 */
static __always_inline _Bool km_is_throttled(struct task_struct *p)
{
	return bpf_core_field_exists(struct cfs_rq, throttle_count) &&
	       p->se.cfs_rq->throttle_count > 0;
}

/*
 * At sched_switch. The state itself, since the tracepoint's prev_state is older than
 * __schedule()'s look for a signal, which makes a thread that was about to sleep runnable again.
 */
static __always_inline _Bool km_stays_runnable(_Bool preempt, struct task_struct *prev)
{
	return preempt || !prev->__state;
}

#endif
