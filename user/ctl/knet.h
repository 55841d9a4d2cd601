/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kmigrate.ko over generic netlink (include/uapi/linux/kmigrate.h): one handle,
 * one VM.  Whatever it says is a hint for sending and the truth for measuring
 * (DESIGN D2): no move may fail because a call here does.
 *
 * Not thread safe.  The session ends with the handle, or with the process.
 */
#ifndef KM_KNET_H
#define KM_KNET_H

#include "../model.h"

struct km_knet;

/* -ENOENT: the module is not loaded; -EPROTO: it is, with another ABI. In both
 * cases err says which abilities are off, fit for km_module_facts.why_absent. */
int km_knet_open(struct km_knet **out, struct km_err *err);
void km_knet_close(struct km_knet *k); /* NULL is fine */

/* Takes the VM of a VMM process (pidfd_getfd(2) of its kvm-vm descriptor) and
 * starts counting.  -ENODEV: the process has no KVM VM. */
int km_knet_attach(struct km_knet *k, pid_t vmm, struct km_err *err);

/* present and mechanism: of the VM once one is attached, else of the host. */
int km_knet_info(struct km_knet *k, struct km_module_facts *facts, struct km_err *err);

/* What was dirtied since attach, in all and by vCPU, and the rate. -EOPNOTSUPP:
 * the module can't count on this kernel. */
int km_knet_counts(struct km_knet *k, struct km_module_facts *facts, struct km_err *err);

/*
 * Which of these pages has KVM marked dirty, not yet harvested by the VMM?
 * Pages are named by their address in the VMM (km_block.hva + offset); dirty[i]
 * answers for hva[i].  false promises nothing.  A page that lies in several
 * slots counts as dirty only by the first of them.
 */
int km_knet_test(struct km_knet *k, const uint64_t *hva, unsigned int n, bool *dirty,
		 struct km_err *err);

/*
 * Tracks the pages of the VM that is attached (KMIGRATE_CMD_TRACK_START): drive switches
 * its dirty log on and harvests it each interval_ms, else only what the VMM logs is seen.
 * Returns when it is on. -EBUSY: somebody else tracks it. -EOPNOTSUPP: it can't be driven.
 */
int km_knet_track(struct km_knet *k, bool drive, unsigned int interval_ms, struct km_err *err);

/* What tracking has found so far, and since attach; leaves the VM's name, RAM and pid. */
int km_knet_dirty(struct km_knet *k, struct km_dirty *d, struct km_err *err);

#endif
