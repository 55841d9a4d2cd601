// SPDX-License-Identifier: GPL-2.0
/*
 * Automatic holds: while a VMM logs dirty pages, which is what a migration by anybody does
 * first, the CPUs that its threads may run on are held at performance.
 *
 * Off unless the parameter auto_hold is set. Then every VMM's changes of slots pass
 * km_auto_vmm_sets(), in the VMM's own thread and before KVM acts (watch.c). It only writes
 * down what is asked for; the work finds out what that comes to. A VM is an address, never
 * looked into, and a process: nothing of KVM's is held. So the end of a VM whose process
 * lives on, with its log on, isn't seen; nor that KVM refused. Both end with the process or
 * with auto_hold_s, which bounds each time that logging goes on: some VMMs log for ever, to
 * sample the rate or to replicate. A VM that was held so long is left alone until its log
 * has been off.
 *
 * auto_lock is outside of all of hold.c's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "auto.h"
#include "hold.h"
#include "hold_policy.h"
#include "watch.h"

/* How soon the death of a process and the end of its time are seen. */
#define LOOK_JIFFIES	msecs_to_jiffies(500)
#define LATENCY_US	2

/* What a VMM asked for, in the order of its asking. */
struct change {
	struct llist_node node;
	const struct kvm *kvm;
	struct pid *pid;		/* held */
	u32 slot;
	bool logs;
};

/* A VM that logs. */
struct logger {
	struct list_head list;
	const struct kvm *kvm;
	struct pid *pid;		/* of the process, held */
	struct xarray slots;		/* that log, by their numbers */
	unsigned long until;
	u32 hold;			/* or 0 */
	bool spent;
};

static DEFINE_MUTEX(auto_lock);
static LIST_HEAD(loggers);
static LLIST_HEAD(changes);
static atomic_t nr_loggers;
static bool ready, hooked;

static bool auto_hold;
static unsigned int auto_hold_s = 3600;
module_param(auto_hold_s, uint, 0644);
MODULE_PARM_DESC(auto_hold_s, "longest automatic hold, in seconds (3600)");

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look);

/* Of no use if it gets no memory: that VM isn't held, or is until its process ends. */
void km_auto_vmm_sets(const struct kvm *kvm, const struct km_compat_region *region)
{
	bool logs = (region->flags & KVM_MEM_LOG_DIRTY_PAGES) && region->memory_size;
	struct change *change;

	/* The module's own worker is no VMM. */
	if (!READ_ONCE(hooked) || (current->flags & PF_KTHREAD) ||
	    (!logs && !atomic_read(&nr_loggers)))
		return;
	change = kmalloc(sizeof(*change), GFP_ATOMIC);
	if (!change)
		return;
	change->kvm = kvm;
	change->pid = get_pid(task_tgid(current));
	change->slot = region->slot;
	change->logs = logs;
	/* Else the change that switches the log off again might come before it is known. */
	if (logs)
		atomic_inc(&nr_loggers);
	llist_add(&change->node, &changes);
	mod_delayed_work(system_highpri_wq, &look_work, 0);
}

static struct logger *find(const struct change *change)
{
	struct logger *logger;

	list_for_each_entry(logger, &loggers, list)
		if (logger->kvm == change->kvm && logger->pid == change->pid)
			return logger;
	return NULL;
}

static struct logger *add(const struct change *change)
{
	struct logger *logger = kzalloc(sizeof(*logger), GFP_KERNEL);

	if (!logger)
		return NULL;
	logger->kvm = change->kvm;
	logger->pid = get_pid(change->pid);
	logger->until = jiffies + (unsigned long)auto_hold_s * HZ;
	xa_init(&logger->slots);
	list_add_tail(&logger->list, &loggers);
	atomic_inc(&nr_loggers);
	return logger;
}

static void end_hold(struct logger *logger)
{
	if (logger->hold)
		km_hold_stop(NULL, logger->hold);
	logger->hold = 0;
}

static void drop(struct logger *logger)
{
	end_hold(logger);
	list_del(&logger->list);
	atomic_dec(&nr_loggers);
	xa_destroy(&logger->slots);
	put_pid(logger->pid);
	kfree(logger);
}

/* A slot that is switched on can only be lost for want of memory. */
static void heed(const struct change *change)
{
	struct logger *logger = find(change);

	if (!logger && change->logs)
		logger = add(change);
	if (!logger)
		return;
	if (change->logs)
		xa_store(&logger->slots, change->slot, xa_mk_value(1), GFP_KERNEL);
	else
		xa_erase(&logger->slots, change->slot);
}

static void take_changes(bool heeded)
{
	struct llist_node *all = llist_reverse_order(llist_del_all(&changes));
	struct change *change, *next;

	llist_for_each_entry_safe(change, next, all, node) {
		if (heeded)
			heed(change);
		if (change->logs)
			atomic_dec(&nr_loggers);
		put_pid(change->pid);
		kfree(change);
	}
}

/* The CPUs of all its threads that are online, or false if it has ended. */
static bool find_cpus(struct pid *pid, struct cpumask *cpus)
{
	struct task_struct *leader, *thread;

	rcu_read_lock();
	leader = pid_task(pid, PIDTYPE_TGID);
	if (leader)
		for_each_thread(leader, thread)
			cpumask_or(cpus, cpus, &thread->cpus_mask);
	rcu_read_unlock();
	cpumask_and(cpus, cpus, cpu_online_mask);
	return leader && !cpumask_empty(cpus);
}

static void start_hold(struct logger *logger)
{
	struct km_hold_ask ask = {
		.floor_khz = KM_HOLD_TOP_FLOOR, .latency_us = LATENCY_US,
	};
	u32 shortfall;
	int err = -ESRCH;

	if (!zalloc_cpumask_var(&ask.cpus, GFP_KERNEL))
		return;
	if (find_cpus(logger->pid, ask.cpus))
		err = km_hold_start_for(logger->pid, &ask, &logger->hold, &shortfall);
	if (err)
		logger->hold = 0;
	free_cpumask_var(ask.cpus);
}

static bool has_ended(const struct logger *logger)
{
	struct task_struct *task;
	bool ended;

	rcu_read_lock();
	task = pid_task(logger->pid, PIDTYPE_TGID);
	ended = !task || (task->flags & PF_EXITING && thread_group_empty(task));
	rcu_read_unlock();
	return ended;
}

static void judge(struct logger *logger)
{
	if (xa_empty(&logger->slots) || has_ended(logger)) {
		drop(logger);
		return;
	}
	if (!logger->spent && time_after(jiffies, logger->until)) {
		logger->spent = true;
		end_hold(logger);
	}
	if (!logger->hold && !logger->spent)
		start_hold(logger);
}

static void look(struct work_struct *work)
{
	struct logger *logger, *next;

	mutex_lock(&auto_lock);
	take_changes(hooked);
	list_for_each_entry_safe(logger, next, &loggers, list)
		judge(logger);
	if (!list_empty(&loggers))
		queue_delayed_work(system_highpri_wq, &look_work, LOOK_JIFFIES);
	mutex_unlock(&auto_lock);
}

static int switch_on(void)
{
	int err = km_watch_hook();

	if (!err)
		WRITE_ONCE(hooked, true);
	return err;
}

/* A hook that is under way may still write down a change: the work drops it. */
static void switch_off(void)
{
	struct logger *logger, *next;

	if (!hooked)
		return;
	WRITE_ONCE(hooked, false);
	km_watch_unhook();
	list_for_each_entry_safe(logger, next, &loggers, list)
		drop(logger);
}

/* Given with the module's loading, it is set before km_auto_init(). */
static int set_auto_hold(const char *text, const struct kernel_param *param)
{
	int err = param_set_bool(text, param);

	mutex_lock(&auto_lock);
	if (!err && ready && auto_hold && !hooked)
		err = switch_on();
	else if (!err && !auto_hold)
		switch_off();
	mutex_unlock(&auto_lock);
	return err;
}

static const struct kernel_param_ops auto_hold_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = set_auto_hold,
	.get = param_get_bool,
};
module_param_cb(auto_hold, &auto_hold_ops, &auto_hold, 0644);
MODULE_PARM_DESC(auto_hold, "hold the CPUs of VMMs that log dirty pages (off)");

/* What can't be hooked has been told, and is no reason to go without the rest. */
void km_auto_init(void)
{
	mutex_lock(&auto_lock);
	ready = true;
	if (auto_hold && switch_on())
		auto_hold = false;
	mutex_unlock(&auto_lock);
}

/* While hold.c still works. */
void km_auto_stop(void)
{
	mutex_lock(&auto_lock);
	ready = false;
	switch_off();
	mutex_unlock(&auto_lock);
}

/* After the hook has gone. */
void km_auto_fini(void)
{
	cancel_delayed_work_sync(&look_work);
	take_changes(false);
}
