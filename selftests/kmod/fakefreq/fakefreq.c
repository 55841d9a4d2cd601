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
 */
#include <linux/cpu.h>
#include <linux/cpufreq.h>
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/pm_qos.h>

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
		current_khz[first] = table[0].frequency;
	if (!epp[first][0])
		strscpy(epp[first], "balance_power", sizeof(epp[first]));
	return 0;
}

static int verify(struct cpufreq_policy_data *data)
{
	if (refuse)
		return -EIO;
	if (!setpolicy)
		return cpufreq_generic_frequency_table_verify(data);
	cpufreq_verify_within_cpu_limits(data);
	return 0;
}

static unsigned int first_of(unsigned int cpu)
{
	return cpu / width * width;
}

static int target_index(struct cpufreq_policy *policy, unsigned int index)
{
	current_khz[first_of(policy->cpu)] = table[index].frequency;
	policy->cur = table[index].frequency;
	return 0;
}

/* The preference goes with "performance", and does not come back: the worst kind. */
static int set_policy(struct cpufreq_policy *policy)
{
	unsigned int first = first_of(policy->cpu);
	bool performance = policy->policy == CPUFREQ_POLICY_PERFORMANCE;

	current_khz[first] = performance ? policy->max : policy->min;
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

static int __init fakefreq_init(void)
{
	if (!width || nr_cpu_ids > MAX_CPUS)
		return -EINVAL;
	return cpufreq_register_driver(setpolicy ? &by_policy : &by_governor);
}

static void __exit fakefreq_exit(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		if (freq_qos_request_active(&limits[cpu]))
			freq_qos_remove_request(&limits[cpu]);
	cpufreq_unregister_driver(setpolicy ? &by_policy : &by_governor);
}

module_init(fakefreq_init);
module_exit(fakefreq_exit);

MODULE_DESCRIPTION("A cpufreq driver that drives nothing, for tests");
MODULE_LICENSE("GPL");
