/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Takes a part of their time from single vCPUs of a VMM.
 *
 * By cpu.max of cgroup v2 on a group that has just that vCPU's thread: the kernel's own bound,
 * and how libvirt does it for <vcpu_quota> (virCgroupSetCpuCfsQuota() in libvirt/vcpuN). Where
 * libvirt has made such groups they are used; else threaded groups are made in the VMM's own
 * ("Threads" in Documentation/admin-guide/cgroup-v2.rst), and removed again. QEMU's own ways
 * are not for this: cpu-throttle slows all vCPUs alike, and the dirty limit of a vCPU takes a
 * dirty ring (KVM_CAP_DIRTY_LOG_RING), which few guests have.
 *
 * A thread that has used its quota stands still until the period is over, also if it has to
 * answer QEMU, or holds a lock that others wait for. So periods are short.
 */
#ifndef KM_QUOTA_H
#define KM_QUOTA_H

#include "../host/cgroup.h"
#include "guard.h"
#include "throttle.h"

struct km_quota_vcpu {
	pid_t tid;	 /* 0 = nothing was done to it */
	unsigned int nr; /* in the name of its group */
	/* cpu.max. Ours are two: the last may not have been written when its writer dies. */
	char before[KM_CGROUP_VALUE], ours[2][KM_CGROUP_VALUE];
};

struct km_quota {
	pid_t vmm;
	char base[PATH_MAX]; /* the folder that the vCPUs' groups are in, "" = not known yet */
	bool made;	     /* we make them, they are not libvirt's */
	bool switched_on;    /* we switched the controller on for what is in base */
	struct km_quota_vcpu v[KM_THROTTLE_VCPUS];
};

/* Takes percent of its time from a vCPU whose thread is tid; 0 gives all of it back. The guard
 * hears of everything first. What was done stays done after an error. */
int km_quota_set(struct km_quota *q, const struct km_guard *g, pid_t vmm, unsigned int vcpu,
		 pid_t tid, unsigned int percent, struct km_err *err);
/* All as before, any number of times. What somebody else has set meanwhile is left: how many
 * are. *err (may be NULL) says what could not be put back, if anything. */
unsigned int km_quota_end(struct km_quota *q, struct km_err *err);
/* What the guard heard; what it then has to end. */
void km_quota_parse(struct km_quota *q, const char *line);

/* Pure: cpu.max for what is left of a limit that was there before. */
void km_quota_format(char value[KM_CGROUP_VALUE], const char *before, unsigned int percent);
/* Pure: is this a vCPU's group of libvirt's? Then its number, and *base_len of it is above. */
bool km_quota_is_libvirts(const char *group, unsigned int *nr, size_t *base_len);

#endif
