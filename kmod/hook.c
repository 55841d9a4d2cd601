// SPDX-License-Identifier: GPL-2.0
/*
 * ftrace hooks on functions of KVM: put in place for the first user, removed some time
 * after the last. By name, as 6.18 exports most of KVM to its own modules only.
 *
 * hook_lock is innermost but for ftrace's own locks, and held while ftrace patches code.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "hook.h"

#define LINGER_JIFFIES	HZ

static DEFINE_MUTEX(hook_lock);
static LIST_HEAD(all_placed);

static int place(struct km_hook *hook)
{
	int err;

	/*
	 * Must not be ignored: an ops whose filter is empty hooks every function
	 * of the kernel.
	 */
	err = ftrace_set_filter(&hook->ops, hook->name, strlen(hook->name), 1);
	if (!err)
		err = register_ftrace_function(&hook->ops);
	if (!err)
		list_add(&hook->placed, &all_placed);
	return err;
}

/* Returns when no CPU and no preempted task is in the hook any more. */
static void take_away(struct km_hook *hook)
{
	/* Only if ftrace has shut itself down after a bug; then nothing calls us. */
	WARN_ON_ONCE(unregister_ftrace_function(&hook->ops));
	list_del_init(&hook->placed);
}

static void tidy(struct work_struct *work)
{
	struct km_hook *hook, *next;

	mutex_lock(&hook_lock);
	list_for_each_entry_safe(hook, next, &all_placed, placed)
		if (!hook->users)
			take_away(hook);
	mutex_unlock(&hook_lock);
}

/*
 * A hook outlives its last user by LINGER_JIFFIES. Removing it waits until every task
 * has been seen outside of ftrace's trampolines (synchronize_rcu_tasks()), and who comes
 * meanwhile must wait as well, in a doit handler: without this, a client that takes one
 * VM after another would at each.
 */
static DECLARE_DELAYED_WORK(tidy_work, tidy);

/* May sleep. km_hook_put() must follow if it is 0. */
int km_hook_get(struct km_hook *hook)
{
	int err = 0;

	mutex_lock(&hook_lock);
	if (list_empty(&hook->placed))
		err = place(hook);
	if (!err)
		hook->users++;
	mutex_unlock(&hook_lock);

	if (err)
		pr_warn_ratelimited("can't hook %s (%d)\n", hook->name, err);
	return err;
}

void km_hook_put(struct km_hook *hook)
{
	mutex_lock(&hook_lock);
	if (!--hook->users)
		schedule_delayed_work(&tidy_work, LINGER_JIFFIES);
	mutex_unlock(&hook_lock);
}

/*
 * Its users have gone. The filter isn't freed before: ftrace_free_filter() leaves
 * dangling pointers, which the next ftrace_set_filter() would free again. That one
 * replaces a filter that is there.
 */
void km_hook_fini(struct km_hook *hook)
{
	cancel_delayed_work_sync(&tidy_work);
	tidy(NULL);
	ftrace_free_filter(&hook->ops);
}
