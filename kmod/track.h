/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_TRACK_H
#define KM_TRACK_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/kmigrate.h>

#include "drive.h"
#include "harvest.h"
#include "heat.h"
#include "rate.h"

struct km_session;
struct km_vm;
struct kvm;

/* Where tracking stands, and what the last harvest brought. */
struct km_track_status {
	enum kmigrate_track state;
	int error;			/* why it is KMIGRATE_TRACK_FAILED */
	bool drive;
	u32 interval_ms;
	u32 asked, done;		/* harvests */
	u32 overruns;			/* harvests that came an interval late, or more */
	u64 pages, harvest_ns;		/* of the last */
	u64 harvest_sum_ns;		/* of all */
	u32 kept;			/* the harvest whose pages are kept, or 0 */
};

/* Tracking of a VM. Made once for it, by the first session that asks. */
struct km_track {
	struct km_vm *vm;
	struct delayed_work work;

	struct mutex lock;
	const struct km_session *owner;
	bool wanted;
	bool again;			/* a new owner: undo the last one's first */
	bool held;			/* has a use of @vm */
	struct km_track_status status;
	struct km_harvest *harvest;	/* the kept one, or NULL */
	struct km_rate rate;		/* of pages dirtied */

	struct km_heat heat;
	struct km_drive drive;
	/* Only @work looks. */
	u64 next_ns;			/* when the next harvest is due; 0: at once */
	u64 overrun_ns;			/* when listeners were last told of one */
	unsigned int slots_seen;	/* km_slot_sequence() of the last look; 0: none yet */
};

struct km_track_ask {
	bool drive;
	u32 interval_ms;
};

int km_track_start(struct km_vm *vm, const struct km_session *session,
		   const struct km_track_ask *ask);
int km_track_stop(struct km_vm *vm, const struct km_session *session);
int km_track_harvest(struct km_vm *vm, const struct km_session *session, u32 *nr);

/* What was dirtied within the last @ms. */
struct km_track_window {
	u32 ms;
	u64 unique;			/* pages */
	u64 ns, pages;			/* time between samples, pages in it; 0 if unknown */
};

void km_track_windows(struct km_vm *vm, struct km_track_window windows[KM_HEAT_WINDOWS]);
u64 km_track_missed(struct km_vm *vm);
int km_track_walk_harvest(struct km_vm *vm, struct km_harvest_pos *pos, u32 *nr,
			  km_extent_fn fn, void *ctx);
int km_track_walk_regions(struct km_vm *vm, struct km_heat_pos *pos, km_heat_fn fn, void *ctx);
bool km_track_owns(struct km_vm *vm, u32 as_id, u32 id);
u32 km_track_nr_owned(struct km_vm *vm);

void km_track_status(struct km_vm *vm, struct km_track_status *status);
u64 km_track_bytes(struct km_vm *vm);

void km_track_work(struct work_struct *work);
void km_track_kick(struct km_drive *drive);
void km_track_shutdown(struct km_vm *vm, struct kvm *kvm);
void km_track_free(struct km_track *track);

#endif /* KM_TRACK_H */
