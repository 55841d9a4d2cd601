// SPDX-License-Identifier: GPL-2.0
/*
 * Latency limits of CPUs that are held: how long one may take to wake up, which is how deep
 * it may sleep.
 *
 * A request for DEV_PM_QOS_RESUME_LATENCY on the CPU's device, in microseconds, which
 * cpuidle_governor_latency_req() reads for that CPU alone; cpu_latency_qos is for all of
 * them at once. Of several requests the lowest counts, so nobody can fight ours. From inside
 * the kernel 0 is no latency at all, that is polling, and no limit is
 * PM_QOS_RESUME_LATENCY_NO_CONSTRAINT; in the file pm_qos_resume_latency_us, which is a
 * request of its own, 0 means no limit, and "n/a" none at all.
 *
 * A device outlives its CPU's being offline, and the request with it. When the device itself
 * is removed, dev_pm_qos_constraints_destroy() wipes the request out.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/pm_qos.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "hold_cpu.h"

static DEFINE_MUTEX(cpus_lock);
static struct dev_pm_qos_request *requests;

static int apply(struct dev_pm_qos_request *req, struct device *dev, u32 latency_us)
{
	if (latency_us == KM_HOLD_NO_LATENCY)
		return dev_pm_qos_request_active(req) ? dev_pm_qos_remove_request(req) : 0;
	if (dev_pm_qos_request_active(req))
		return dev_pm_qos_update_request(req, latency_us);
	if (!dev)
		return -ENODEV;
	return dev_pm_qos_add_request(dev, req, DEV_PM_QOS_RESUME_LATENCY, latency_us);
}

/* Sets @lowered if the CPU must be woken to heed it. */
int km_hold_cpu_apply(unsigned int cpu, u32 latency_us, bool *lowered)
{
	int changed;

	mutex_lock(&cpus_lock);
	changed = apply(&requests[cpu], get_cpu_device(cpu), latency_us);
	mutex_unlock(&cpus_lock);
	if (changed > 0 && latency_us != KM_HOLD_NO_LATENCY)
		*lowered = true;
	return min(changed, 0);
}

/* False if the CPU isn't held. */
bool km_hold_cpu_view(unsigned int cpu, struct km_hold_cpu_view *view)
{
	struct dev_pm_qos_request *req = &requests[cpu];
	bool active;

	mutex_lock(&cpus_lock);
	active = dev_pm_qos_request_active(req);
	if (active) {
		view->cpu = cpu;
		view->latency_us = req->data.pnode.prio;
		view->in_force_us = km_compat_resume_latency(req->dev);
	}
	mutex_unlock(&cpus_lock);
	return active;
}

int km_hold_cpu_init(void)
{
	requests = kvcalloc(nr_cpu_ids, sizeof(*requests), GFP_KERNEL);
	return requests ? 0 : -ENOMEM;
}

void km_hold_cpu_fini(void)
{
	kvfree(requests);
}
