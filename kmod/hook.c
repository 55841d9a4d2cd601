// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks on functions of KVM: put in place for the first user, removed some time after the
 * last. By name, as 6.18 exports most of KVM to its own modules only.
 *
 * ftrace has two ways. It saves registers and calls all who want to know of a function
 * (ftrace_caller); or the function calls one of them by itself ("direct calls"), which takes
 * a part of the time. While that one is alone; if there are others besides, a kprobe or the
 * function tracer, ftrace calls all. The second way is for one only, and BPF's fentry and
 * fexit programs take it as well: it is tried where it matters, and if it is taken, the
 * first will do.
 *
 * hook_lock is innermost but for ftrace's own locks, and held while ftrace patches code.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "hook.h"

#define LINGER_JIFFIES	HZ

static DEFINE_MUTEX(hook_lock);
static LIST_HEAD(all_placed);

/* How to hook what can be hooked in either way. */
static const char *const ways[] = { "ftrace", "direct", NULL };
static unsigned int way = 1;

static int set_way(const char *text, const struct kernel_param *param)
{
	int i = sysfs_match_string(ways, text);

	if (i < 0)
		return i;
	WRITE_ONCE(way, i);
	return 0;
}

static int get_way(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%s\n", ways[READ_ONCE(way)]);
}

static const struct kernel_param_ops way_ops = { .set = set_way, .get = get_way };

module_param_cb(hook, &way_ops, NULL, 0644);
MODULE_PARM_DESC(hook, "How pages are counted, from the next session on: direct (default; quicker, but no BPF fentry program can be attached to mark_page_dirty_in_slot) or ftrace");

/* Must not be ignored: an ops whose filter is empty hooks every function of the kernel. */
static int set_filter(struct km_hook *hook, struct ftrace_ops *ops)
{
	return ftrace_set_filter(ops, hook->name, strlen(hook->name), 1);
}

static int place_direct(struct km_hook *hook)
{
	int err;

	/*
	 * With kernel.ftrace_enabled 0 it would be registered, and never called. But a hook
	 * that is in place already has seen it at 1, and keeps it so.
	 */
	if (!hook->direct || !READ_ONCE(way) || list_empty(&all_placed))
		return -EOPNOTSUPP;
	err = set_filter(hook, &hook->direct_ops);
	/* -EBUSY if somebody else's, a BPF program, is there: only one can be. */
	if (!err)
		err = km_compat_register_direct(&hook->direct_ops, hook->direct);
	/* Registering has set the flags. From here on this one keeps it at 1, too. */
	if (!err)
		hook->direct_ops.flags |= FTRACE_OPS_FL_PERMANENT;
	return err;
}

static int place(struct km_hook *hook)
{
	int err = place_direct(hook);

	hook->is_direct = !err;
	if (err) {
		err = set_filter(hook, &hook->ops);
		if (!err)
			err = register_ftrace_function(&hook->ops);
	}
	if (!err)
		list_add(&hook->placed, &all_placed);
	return err;
}

/* Returns when no CPU and no preempted task is in the hook any more. */
static void take_away(struct km_hook *hook)
{
	int err = hook->is_direct ? km_compat_unregister_direct(&hook->direct_ops, hook->direct) :
				    unregister_ftrace_function(&hook->ops);

	/* Only if ftrace has shut itself down after a bug; then nothing calls us. */
	WARN_ON_ONCE(err);
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
	ftrace_free_filter(&hook->direct_ops);
}
