// SPDX-License-Identifier: GPL-2.0
/*
 * A cpufreq driver for machines that have none: its frequencies are numbers only.
 *
 *   setpolicy  a driver with governors of its own, as intel_pstate is; else cpufreq's
 *              governors drive it
 *   width      CPUs of each policy
 *   limit_khz  a maximum that the "platform" sets on all policies, 0 for none
 *   refuse     no limits are good enough: nothing can be set
 *   latency_us wake-up latency that is in force for each CPU, for readers that don't trust
 *              what is under test
 *
 * It keeps accounts, in debugfs: fakefreq/policyN says since when, in CLOCK_MONOTONIC's
 * nanoseconds, the policy has its present frequency, and its present lower limit, and then how
 * long it had each frequency.
 * Writing a time to fakefreq/from makes the accounts begin there, also if it is still to come.
 */
#include <linux/cpu.h>
#include <linux/cpufreq.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/pm_qos.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <trace/events/power.h>

#define MAX_CPUS	64
#define TOP		(ARRAY_SIZE(table) - 2)

static struct cpufreq_frequency_table table[] = {
	{ .frequency = 800000 }, { .frequency = 1600000 }, { .frequency = 2400000 },
	{ .frequency = 3200000 }, { .frequency = CPUFREQ_TABLE_END },
};

static unsigned int current_khz[MAX_CPUS];
static char epp[MAX_CPUS][32];
static struct freq_qos_request limits[MAX_CPUS];

static bool setpolicy;
module_param(setpolicy, bool, 0444);
static unsigned int width = 1;
module_param(width, uint, 0444);
static bool refuse;
module_param(refuse, bool, 0644);

struct account {
	u64 since_ns, min_since_ns, spent_ns[TOP + 1];
	unsigned int min;
};

static struct account accounts[MAX_CPUS];
static u64 from_ns;
static DEFINE_SPINLOCK(accounts_lock);
static struct dentry *folder;

static unsigned int index_of(unsigned int khz)
{
	unsigned int i;

	for (i = 0; i < TOP && table[i].frequency < khz; i++)
		;
	return i;
}

/* With the lock: what the present frequency had until now. */
static void settle(unsigned int first, u64 now)
{
	struct account *account = &accounts[first];
	u64 since = max(account->since_ns, from_ns);

	if (now > since)
		account->spent_ns[index_of(current_khz[first])] += now - since;
}

static void becomes(unsigned int first, unsigned int khz)
{
	unsigned int cpu;
	u64 now;

	spin_lock(&accounts_lock);
	now = ktime_get_ns();
	if (khz != current_khz[first]) {
		settle(first, now);
		accounts[first].since_ns = now;
		current_khz[first] = khz;
	}
	spin_unlock(&accounts_lock);
	/* As drivers do that notify nobody: intel_pstate, amd-pstate. */
	for (cpu = first; cpu < first + width && cpu < nr_cpu_ids; cpu++)
		trace_cpu_frequency(khz, cpu);
}

static void at_least(unsigned int first, unsigned int khz)
{
	spin_lock(&accounts_lock);
	if (khz != accounts[first].min)
		accounts[first].min_since_ns = ktime_get_ns();
	accounts[first].min = khz;
	spin_unlock(&accounts_lock);
}

static int account_show(struct seq_file *file, void *unused)
{
	unsigned int first = (unsigned long)file->private, i;
	struct account before;
	u64 now;

	spin_lock(&accounts_lock);
	now = ktime_get_ns();
	before = accounts[first];
	settle(first, now);
	swap(before, accounts[first]);
	spin_unlock(&accounts_lock);
	seq_printf(file, "%u since %llu\n", current_khz[first], before.since_ns);
	seq_printf(file, "%u since %llu\n", before.min, before.min_since_ns);
	for (i = 0; i <= TOP; i++)
		seq_printf(file, "%u for %llu\n", table[i].frequency, before.spent_ns[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(account);

static int set_from(void *unused, u64 ns)
{
	unsigned int cpu;

	spin_lock(&accounts_lock);
	from_ns = ns;
	for (cpu = 0; cpu < MAX_CPUS; cpu++)
		memset(accounts[cpu].spent_ns, 0, sizeof(accounts[cpu].spent_ns));
	spin_unlock(&accounts_lock);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(from_ops, NULL, set_from, "%llu\n");

static void limit(unsigned int cpu, unsigned int khz)
{
	struct cpufreq_policy *policy = cpufreq_cpu_get(cpu);
	struct freq_qos_request *req;

	if (!policy)
		return;
	req = &limits[cpumask_first(policy->related_cpus)];
	if (freq_qos_request_active(req))
		freq_qos_remove_request(req);
	if (khz)
		freq_qos_add_request(&policy->constraints, req, FREQ_QOS_MAX, khz);
	cpufreq_cpu_put(policy);
	cpufreq_update_policy(cpu);
}

static unsigned int limit_khz;

static int set_limit(const char *text, const struct kernel_param *param)
{
	unsigned int cpu;
	int err = param_set_uint(text, param);

	for (cpu = 0; !err && cpu < min_t(unsigned int, nr_cpu_ids, MAX_CPUS); cpu++)
		limit(cpu, limit_khz);
	return err;
}

static const struct kernel_param_ops limit_ops = {
	.set = set_limit,
	.get = param_get_uint,
};
module_param_cb(limit_khz, &limit_ops, &limit_khz, 0644);

static int get_latency(char *buffer, const struct kernel_param *param)
{
	unsigned int cpu;
	int at = 0;

	for_each_possible_cpu(cpu) {
		struct device *dev = get_cpu_device(cpu);
		s32 value = PM_QOS_RESUME_LATENCY_NO_CONSTRAINT;

		if (dev && !IS_ERR_OR_NULL(dev->power.qos))
			value = READ_ONCE(dev->power.qos->resume_latency.target_value);
		at += scnprintf(buffer + at, PAGE_SIZE - at, "%d ", value);
	}
	at += scnprintf(buffer + at, PAGE_SIZE - at, "\n");
	return at;
}

static const struct kernel_param_ops latency_ops = {
	.get = get_latency,
};
module_param_cb(latency_us, &latency_ops, NULL, 0444);

static int init(struct cpufreq_policy *policy)
{
	unsigned int cpu, first = policy->cpu / width * width;

	for (cpu = first; cpu < first + width && cpu < nr_cpu_ids; cpu++)
		cpumask_set_cpu(cpu, policy->cpus);
	policy->cpuinfo.transition_latency = 10000;
	policy->cpuinfo.min_freq = table[0].frequency;
	policy->cpuinfo.max_freq = table[TOP].frequency;
	if (setpolicy)
		policy->policy = CPUFREQ_POLICY_POWERSAVE;
	else
		policy->freq_table = table;
	if (!current_khz[first])
		becomes(first, table[0].frequency);
	if (!epp[first][0])
		strscpy(epp[first], "balance_power", sizeof(epp[first]));
	return 0;
}

static unsigned int first_of(unsigned int cpu)
{
	return cpu / width * width;
}

static int verify(struct cpufreq_policy_data *data)
{
	int err = 0;

	if (refuse)
		return -EIO;
	if (setpolicy)
		cpufreq_verify_within_cpu_limits(data);
	else
		err = cpufreq_generic_frequency_table_verify(data);
	at_least(first_of(data->cpu), data->min);
	return err;
}

static int target_index(struct cpufreq_policy *policy, unsigned int index)
{
	becomes(first_of(policy->cpu), table[index].frequency);
	policy->cur = table[index].frequency;
	return 0;
}

/* The preference goes with "performance", and does not come back: the worst kind. */
static int set_policy(struct cpufreq_policy *policy)
{
	unsigned int first = first_of(policy->cpu);
	bool performance = policy->policy == CPUFREQ_POLICY_PERFORMANCE;

	becomes(first, performance ? policy->max : policy->min);
	if (performance)
		strscpy(epp[first], "performance", sizeof(epp[first]));
	return 0;
}

static unsigned int get(unsigned int cpu)
{
	return current_khz[first_of(cpu)];
}

static ssize_t show_epp(struct cpufreq_policy *policy, char *buf)
{
	return sysfs_emit(buf, "%s\n", epp[first_of(policy->cpu)]);
}

static ssize_t store_epp(struct cpufreq_policy *policy, const char *buf, size_t count)
{
	char text[32];

	if (policy->policy == CPUFREQ_POLICY_PERFORMANCE)
		return -EBUSY;
	if (sscanf(buf, "%31s", text) != 1)
		return -EINVAL;
	strscpy(epp[first_of(policy->cpu)], text, sizeof(epp[0]));
	return count;
}

static struct freq_attr epp_attr =
	__ATTR(energy_performance_preference, 0644, show_epp, store_epp);
static struct freq_attr *attrs[] = { &epp_attr, NULL };

/*
 * Nobody is notified: without a constant TSC, as in an emulated host, KVM takes a change of
 * frequency for one of the TSC's (kvmclock_cpufreq_notifier()), and the clocks of its guests
 * run away.
 */
static struct cpufreq_driver by_governor = {
	.name		= "fakefreq",
	.flags		= CPUFREQ_ASYNC_NOTIFICATION,
	.init		= init,
	.verify		= verify,
	.target_index	= target_index,
	.get		= get,
};

static struct cpufreq_driver by_policy = {
	.name		= "fakefreq_sp",
	.init		= init,
	.verify		= verify,
	.setpolicy	= set_policy,
	.get		= get,
	.attr		= attrs,
};

static void keep_accounts(void)
{
	unsigned long cpu;
	char name[24];

	folder = debugfs_create_dir("fakefreq", NULL);
	debugfs_create_file("from", 0200, folder, NULL, &from_ops);
	for (cpu = 0; cpu < nr_cpu_ids; cpu += width) {
		snprintf(name, sizeof(name), "policy%lu", cpu);
		debugfs_create_file(name, 0400, folder, (void *)cpu, &account_fops);
	}
}

static int __init fakefreq_init(void)
{
	int err;

	if (!width || nr_cpu_ids > MAX_CPUS)
		return -EINVAL;
	err = cpufreq_register_driver(setpolicy ? &by_policy : &by_governor);
	if (!err)
		keep_accounts();
	return err;
}

static void __exit fakefreq_exit(void)
{
	unsigned int cpu;

	debugfs_remove_recursive(folder);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		if (freq_qos_request_active(&limits[cpu]))
			freq_qos_remove_request(&limits[cpu]);
	cpufreq_unregister_driver(setpolicy ? &by_policy : &by_governor);
}

module_init(fakefreq_init);
module_exit(fakefreq_exit);

MODULE_DESCRIPTION("A cpufreq driver that drives nothing, for tests");
MODULE_LICENSE("GPL");
