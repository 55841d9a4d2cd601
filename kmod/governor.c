// SPDX-License-Identifier: GPL-2.0
/*
 * Switches a policy's governor to "performance", and back with all that it was set to.
 *
 * cpufreq exports nothing that switches a governor: cpufreq_set_policy() is static in
 * drivers/cpufreq/cpufreq.c, and policy->governor can't be set without it. Its interface is
 * the file scaling_governor, whose store_scaling_governor() takes the policy's rwsem, loads
 * the governor's module if it must, and knows drivers with governors of their own
 * (.setpolicy: intel_pstate, amd_pstate). So that is what is called (see attr.c).
 *
 * A governor that no policy uses any more forgets its tunables (cpufreq_dbs_governor_exit(),
 * sugov_exit()); "userspace" starts with the frequency it finds as its setting; and a driver
 * with governors of its own may change the EPP along. All of these are saved and put back.
 *
 * Calls come one at a time, under the lock of hold_policy.c, for a policy that it has a
 * reference to.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "attr.h"
#include "compat/compat.h"
#include "governor.h"

#define EPP	"energy_performance_preference"

struct tunable {
	struct list_head list;
	char name[32];
	char value[];
};

/* One for all: what is to be restored must not fail for want of memory. */
static char *page;

/* With the policy's rwsem held. As show_scaling_governor() tells it. */
void km_governor_name(const struct cpufreq_policy *policy, char *name)
{
	const char *is = "";

	if (policy->policy == CPUFREQ_POLICY_POWERSAVE)
		is = "powersave";
	else if (policy->policy == CPUFREQ_POLICY_PERFORMANCE)
		is = "performance";
	else if (policy->governor)
		is = policy->governor->name;
	strscpy(name, is, CPUFREQ_NAME_LEN);
}

bool km_governor_is_wanted(const char *name)
{
	return !strcmp(name, KM_GOVERNOR_WANTED);
}

/* Does the driver know a preference, and is it another? Drivers set it with the governor. */
bool km_governor_epp_falls_short(struct cpufreq_policy *policy)
{
	return !km_attr_read(&policy->kobj, EPP, page) && strcmp(page, "performance");
}

static int save_tunable(struct kobject *kobj, struct attribute *attr, void *ctx)
{
	struct km_governor *saved = ctx;
	struct tunable *tunable;
	size_t size;

	/* What can't be read is not there to be lost. */
	if (km_attr_show(kobj, attr, page))
		return 0;
	size = strlen(page) + 1;
	tunable = kmalloc(struct_size(tunable, value, size), GFP_KERNEL);
	if (!tunable)
		return -ENOMEM;
	strscpy(tunable->name, attr->name, sizeof(tunable->name));
	memcpy(tunable->value, page, size);
	list_add_tail(&tunable->list, &saved->tunables);
	return 0;
}

/* The governor can't leave while the rwsem is held, so neither can its folder. */
static int save_governor(struct km_governor *saved, struct cpufreq_policy *policy)
{
	struct kobject *folder;
	int err = -EBUSY;

	down_read(&policy->rwsem);
	if (policy_is_inactive(policy))
		goto out;
	km_governor_name(policy, saved->name);
	saved->setpolicy = policy->policy != CPUFREQ_POLICY_UNKNOWN;
	err = 0;
	if (saved->setpolicy || !policy->governor)
		goto out;
	if (try_module_get(policy->governor->owner))
		saved->owner = policy->governor->owner;
	folder = km_attr_dir(km_compat_governor_parent(policy), saved->name);
	if (folder)
		err = km_attr_walk(folder, save_tunable, saved);
out:
	up_read(&policy->rwsem);
	return err;
}

/* Leaves NULL in @value where the file isn't there, or has nothing to tell. */
static int save_file(char **value, struct cpufreq_policy *policy, const char *name)
{
	if (km_attr_read(&policy->kobj, name, page) || *page == '<')
		return 0;
	*value = kstrdup(page, GFP_KERNEL);
	return *value ? 0 : -ENOMEM;
}

/* -EBUSY if the policy has no CPU that is online. */
int km_governor_save(struct km_governor *saved, struct cpufreq_policy *policy)
{
	int err;

	INIT_LIST_HEAD(&saved->tunables);
	err = save_governor(saved, policy);
	if (!err)
		err = save_file(&saved->setspeed, policy, "scaling_setspeed");
	if (!err)
		err = save_file(&saved->epp, policy, EPP);
	if (err)
		km_governor_forget(saved);
	return err;
}

void km_governor_forget(struct km_governor *saved)
{
	struct tunable *tunable, *next;

	if (saved->tunables.next)
		list_for_each_entry_safe(tunable, next, &saved->tunables, list)
			kfree(tunable);
	kfree(saved->setspeed);
	kfree(saved->epp);
	module_put(saved->owner);
	*saved = (struct km_governor){};
}

int km_governor_set(struct cpufreq_policy *policy)
{
	return km_attr_write(&policy->kobj, "scaling_governor", KM_GOVERNOR_WANTED);
}

static void restore_file(struct kobject *kobj, const char *name, const char *value)
{
	if (!value || (!km_attr_read(kobj, name, page) && !strcmp(page, value)))
		return;
	if (km_attr_write(kobj, name, value))
		pr_warn("%s: can't put %s back to %s\n", kobject_name(kobj), name, value);
}

/* Twice: some are checked against each other (conservative's two thresholds). */
static void restore_tunables(const struct km_governor *saved, struct cpufreq_policy *policy)
{
	struct tunable *tunable;
	struct kobject *folder;
	int pass;

	down_read(&policy->rwsem);
	folder = km_attr_dir(km_compat_governor_parent(policy), saved->name);
	if (folder && policy->governor && !strcmp(policy->governor->name, saved->name))
		for (pass = 0; pass < 2; pass++)
			list_for_each_entry(tunable, &saved->tunables, list)
				restore_file(folder, tunable->name, tunable->value);
	up_read(&policy->rwsem);
}

/* Without a CPU that is online, what cpufreq_init_policy() will take up again. */
static bool restore_offline(const struct km_governor *saved, struct cpufreq_policy *policy)
{
	bool inactive;

	down_write(&policy->rwsem);
	inactive = policy_is_inactive(policy);
	if (inactive && saved->setpolicy)
		policy->last_policy = km_governor_is_wanted(saved->name) ?
				      CPUFREQ_POLICY_PERFORMANCE : CPUFREQ_POLICY_POWERSAVE;
	else if (inactive)
		strscpy(policy->last_governor, saved->name, CPUFREQ_NAME_LEN);
	up_write(&policy->rwsem);
	return inactive;
}

/*
 * -EBUSY if something is left for when a CPU comes back: unlike the governor, the core does
 * not keep the preference of a policy without one. Other errors have been told.
 */
int km_governor_restore(const struct km_governor *saved, struct cpufreq_policy *policy)
{
	bool shared;
	int err;

	if (restore_offline(saved, policy))
		return saved->epp ? -EBUSY : 0;
	/* In use by other policies: the tunables are alive, and may have been changed. */
	shared = !saved->setpolicy && km_attr_dir(km_compat_governor_parent(policy), saved->name);
	err = km_attr_write(&policy->kobj, "scaling_governor", saved->name);
	/* Its last CPU has just gone. */
	if (err == -EBUSY && restore_offline(saved, policy))
		return saved->epp ? -EBUSY : 0;
	if (err) {
		pr_warn("%s: can't put the governor back to %s: error %d\n",
			kobject_name(&policy->kobj), saved->name, err);
		return err;
	}
	if (!shared)
		restore_tunables(saved, policy);
	restore_file(&policy->kobj, "scaling_setspeed", saved->setspeed);
	restore_file(&policy->kobj, EPP, saved->epp);
	return 0;
}

int km_governor_init(void)
{
	page = (char *)__get_free_page(GFP_KERNEL);
	return page ? 0 : -ENOMEM;
}

void km_governor_fini(void)
{
	free_page((unsigned long)page);
}
