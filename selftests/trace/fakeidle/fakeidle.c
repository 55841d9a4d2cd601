// SPDX-License-Identifier: GPL-2.0
/*
 * A cpuidle driver for machines that have none: two states that both only halt the CPU. From
 * the second it takes late_ms to come back.
 *
 * Which of them is used is for whoever disables the other, in sysfs; there the kernel counts
 * them, too.
 */
#include <linux/cpuidle.h>
#include <linux/module.h>
#include <linux/sched/idle.h>
#include <linux/timekeeping.h>
#include <asm/irqflags.h>

static unsigned int late_ms = 3;
module_param(late_ms, uint, 0444);

/* An interrupt is served before this returns; who it wakes runs only afterwards. Not polling,
 * or nobody would send one. */
static int doze(struct cpuidle_device *dev, struct cpuidle_driver *drv, int index)
{
	u64 until;

	if (!current_clr_polling_and_test())
		raw_safe_halt();
	raw_local_irq_disable();
	/* By the clock: mdelay() isn't where the TSC can't be trusted. */
	until = ktime_get_ns() + index * late_ms * NSEC_PER_MSEC;
	while (ktime_get_ns() < until)
		cpu_relax();
	return index;
}

static struct cpuidle_driver driver = {
	.name		= "fakeidle",
	.states		= {
		{ .name = "SHALLOW", .desc = "halted", .exit_latency = 1,
		  .target_residency = 1, .enter = doze },
		{ .name = "DEEP", .desc = "halted, slow to come back", .exit_latency = 2,
		  .target_residency = 2, .enter = doze },
	},
	.state_count	= 2,
};

static int __init fakeidle_init(void)
{
	return cpuidle_register(&driver, NULL);
}

static void __exit fakeidle_exit(void)
{
	cpuidle_unregister(&driver);
}

module_init(fakeidle_init);
module_exit(fakeidle_exit);

MODULE_DESCRIPTION("A cpuidle driver that only halts, for tests");
MODULE_LICENSE("GPL");
