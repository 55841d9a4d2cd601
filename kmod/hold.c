// SPDX-License-Identifier: GPL-2.0
/*
 * Performance holds: which netlink socket holds which CPUs, and how.
 *
 * A hold belongs to the socket that started it, as sessions do (session.c says why it is the
 * struct sock, and what happens when it closes). A hold that is out of the table counts no
 * more; what it asked for is undone by the next pass.
 *
 * A pass puts the sum of all holds in the table in force (hold_sum.c), and puts back what is
 * wanted no more. There is one each PASS_JIFFIES while anything is held, which finds what
 * others changed, and CPUs and policies that came and went; starting and stopping wait for
 * one.
 *
 * All of it in one work, never in the caller's context: a task that was killed, as one that
 * closes its socket may have been, can't have the module of a governor loaded.
 *
 * holds_lock is outermost. Its holder may wait for hold_policy.c to look at policies.
 */
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <linux/kmigrate.h>
#include <net/sock.h>

#include "hold.h"
#include "hold_policy.h"
#include "hold_sum.h"

/* Others' changes are to be found within 100 ms. */
#define PASS_JIFFIES	msecs_to_jiffies(30)

struct hold {
	u32 id, port;
	struct sock *sk;		/* held, or NULL: the module's own (auto.c) */
	struct pid *pid;		/* the process that asked, or that it is for, held */
	u64 since_ns;
	struct km_hold_ask ask;
};

static DEFINE_XARRAY_ALLOC1(holds);
static DEFINE_MUTEX(holds_lock);
static unsigned int nr_holds;
static u32 last_id, generation;

static struct workqueue_struct *queue;
static int cpu_state;

static void pass(struct work_struct *work);
static DECLARE_DELAYED_WORK(pass_work, pass);

static void free_hold(struct hold *hold)
{
	free_cpumask_var(hold->ask.cpus);
	put_pid(hold->pid);
	if (hold->sk)
		sock_put(hold->sk);
	kfree(hold);
}

/* Returns if anything is wanted. */
static bool add_all_up(void)
{
	struct hold *hold;
	unsigned long id;
	bool any;

	km_hold_sum_begin();
	mutex_lock(&holds_lock);
	xa_for_each(&holds, id, hold)
		km_hold_sum_add(&hold->ask);
	any = nr_holds;
	mutex_unlock(&holds_lock);
	return any;
}

static void pass(struct work_struct *work)
{
	bool any = add_all_up();

	km_hold_sum_apply();
	if (any)
		queue_delayed_work(queue, &pass_work, PASS_JIFFIES);
}

static void pass_soon(void)
{
	mod_delayed_work(queue, &pass_work, 0);
}

static void pass_and_wait(void)
{
	pass_soon();
	flush_delayed_work(&pass_work);
}

/* Policies come and go: called with locks of cpufreq's held. */
static void policies_changed(void)
{
	pass_soon();
}

static int cpu_came(unsigned int cpu)
{
	policies_changed();
	return 0;
}

/* With holds_lock held. The caller frees it, if he got it. */
static void take_out(struct hold *hold)
{
	xa_erase(&holds, hold->id);
	WRITE_ONCE(nr_holds, nr_holds - 1);
	generation++;
}

static int put_in(struct hold *hold, u32 *id)
{
	int err = -ENOSPC;

	mutex_lock(&holds_lock);
	if (nr_holds < KMIGRATE_MAX_HOLDS) {
		err = xa_alloc_cyclic(&holds, &hold->id, hold, XA_LIMIT(1, INT_MAX), &last_id,
				      GFP_KERNEL);
		if (err >= 0) {
			WRITE_ONCE(nr_holds, nr_holds + 1);
			generation++;
			*id = hold->id;
		}
	}
	mutex_unlock(&holds_lock);
	return err < 0 ? err : 0;
}

/* Takes over @ask's mask and a reference to @pid, unless it fails. */
static struct hold *create(struct pid *pid, struct km_hold_ask *ask)
{
	struct hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL_ACCOUNT);

	if (!hold)
		return NULL;
	hold->pid = pid;
	hold->since_ns = ktime_get_ns();
	hold->ask = *ask;
	memset(&ask->cpus, 0, sizeof(ask->cpus));
	return hold;
}

/* What keeps these CPUs from what was asked for. */
static u32 shortfall_of(const struct km_hold_ask *ask)
{
	u32 shortfall = 0;

	if (!cpumask_subset(ask->cpus, cpu_online_mask))
		shortfall |= KMIGRATE_SHORTFALL_OFFLINE;
	if (ask->floor_khz)
		shortfall |= km_hold_policy_shortfall(ask->cpus);
	return shortfall;
}

/* What came of it. Another thread may have stopped it already: then nothing did. */
static int conclude(u32 id, u32 *shortfall)
{
	const struct hold *hold;
	int err = 0;

	mutex_lock(&holds_lock);
	hold = xa_load(&holds, id);
	if (hold) {
		err = km_hold_sum_error(hold->ask.cpus);
		*shortfall = shortfall_of(&hold->ask);
	}
	mutex_unlock(&holds_lock);
	return err;
}

int km_hold_stop(struct sock *sk, u32 id)
{
	struct hold *hold;

	mutex_lock(&holds_lock);
	hold = xa_load(&holds, id);
	if (hold && hold->sk == sk)
		take_out(hold);
	else
		hold = NULL;
	mutex_unlock(&holds_lock);

	if (!hold)
		return -ENOENT;
	pass_and_wait();
	free_hold(hold);
	return 0;
}

/* Takes over @hold. */
static int start(struct hold *hold, u32 *id, u32 *shortfall)
{
	struct sock *sk = hold->sk;
	int err = put_in(hold, id);

	if (err) {
		free_hold(hold);
		return err;
	}
	/* The socket's other threads may stop it from here on. */
	pass_and_wait();
	err = conclude(*id, shortfall);
	if (err)
		km_hold_stop(sk, *id);
	return err;
}

/* In force when it returns, or undone. */
int km_hold_start(struct sock *sk, u32 port, struct km_hold_ask *ask, u32 *id, u32 *shortfall)
{
	struct pid *pid = get_task_pid(current, PIDTYPE_TGID);
	struct hold *hold = create(pid, ask);

	if (!hold) {
		put_pid(pid);
		return -ENOMEM;
	}
	sock_hold(sk);
	hold->sk = sk;
	hold->port = port;
	return start(hold, id, shortfall);
}

/* For a process that doesn't know. It ends with km_hold_stop() of no socket only. */
int km_hold_start_for(struct pid *pid, struct km_hold_ask *ask, u32 *id, u32 *shortfall)
{
	struct hold *hold = create(get_pid(pid), ask);

	if (!hold) {
		put_pid(pid);
		return -ENOMEM;
	}
	return start(hold, id, shortfall);
}

/* Another one each time that a hold or a policy that is held came or went. */
u32 km_hold_generation(void)
{
	return READ_ONCE(generation) + km_hold_policy_generation();
}

unsigned int km_hold_count(void)
{
	return READ_ONCE(nr_holds);
}

static int view(const struct hold *hold, km_hold_fn fn, void *ctx)
{
	const struct km_hold_view view = {
		.id = hold->id,
		.port = hold->port,
		.pid = pid_vnr(hold->pid),
		.since_ns = hold->since_ns,
		.ask = &hold->ask,
		.shortfall = shortfall_of(&hold->ask),
	};

	return fn(&view, ctx);
}

/* Those whose id is at least @next, which is set to where to go on. */
int km_hold_walk(u32 *next, km_hold_fn fn, void *ctx)
{
	struct hold *hold;
	unsigned long id;
	int err = 0;

	mutex_lock(&holds_lock);
	xa_for_each_start(&holds, id, hold, *next) {
		err = view(hold, fn, ctx);
		if (err)
			break;
		*next = id + 1;
	}
	mutex_unlock(&holds_lock);
	return err;
}

static void close_all(bool (*match)(const struct hold *hold))
{
	struct hold *hold;
	unsigned long id;

	mutex_lock(&holds_lock);
	xa_for_each(&holds, id, hold) {
		if (!match(hold))
			continue;
		take_out(hold);
		free_hold(hold);
	}
	mutex_unlock(&holds_lock);
	pass_soon();
}

static bool is_orphan(const struct hold *hold)
{
	return hold->sk && sock_flag(hold->sk, SOCK_DEAD);
}

static bool is_any(const struct hold *hold)
{
	return true;
}

static int socket_closed(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct netlink_notify *notify = data;

	if (event == NETLINK_URELEASE && notify->protocol == NETLINK_GENERIC && km_hold_count())
		close_all(is_orphan);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = {
	.notifier_call = socket_closed,
};

int km_hold_init(void)
{
	int err = -ENOMEM;

	/*
	 * Not while the machine goes to sleep: cpufreq is suspended by then. And not in turn
	 * with whatever keeps the CPUs busy: a hold is for hosts where something does.
	 */
	queue = alloc_workqueue("kmigrate_hold", WQ_UNBOUND | WQ_HIGHPRI | WQ_FREEZABLE, 1);
	if (!queue)
		return err;
	err = km_hold_sum_init(policies_changed);
	if (err)
		goto err_queue;
	/* Before a CPU is online it has no policy, and what is due to the policy must wait. */
	cpu_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "kmigrate:online", cpu_came,
					      NULL);
	err = min(cpu_state, 0);
	if (err)
		goto err_sum;
	err = netlink_register_notifier(&notifier);
	if (err)
		goto err_state;
	return 0;

err_state:
	cpuhp_remove_state_nocalls(cpu_state);
err_sum:
	km_hold_sum_stop();
	cancel_delayed_work_sync(&pass_work);
	km_hold_sum_fini();
err_queue:
	destroy_workqueue(queue);
	return err;
}

/* After the family is gone: no handler is under way. */
void km_hold_fini(void)
{
	netlink_unregister_notifier(&notifier);
	cpuhp_remove_state_nocalls(cpu_state);
	close_all(is_any);
	pass_and_wait();
	km_hold_sum_stop();
	cancel_delayed_work_sync(&pass_work);
	km_hold_sum_fini();
	destroy_workqueue(queue);
	xa_destroy(&holds);
}
