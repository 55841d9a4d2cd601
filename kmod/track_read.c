// SPDX-License-Identifier: GPL-2.0
/* What tracking found, for every session of the VM. */
#include <linux/bitmap.h>
#include <linux/kvm_host.h>

#include "track.h"
#include "vm.h"

void km_track_status(struct km_vm *vm, struct km_track_status *status)
{
	struct km_track *track = km_vm_track(vm);

	*status = (struct km_track_status){ .state = KMIGRATE_TRACK_OFF };
	if (!track)
		return;
	mutex_lock(&track->lock);
	*status = track->status;
	mutex_unlock(&track->lock);
}

/* Kernel memory that the tracking takes. */
u64 km_track_bytes(struct km_vm *vm)
{
	struct km_track *track = km_vm_track(vm);
	u64 bytes;

	if (!track)
		return 0;
	bytes = sizeof(*track) + km_drive_bytes(&track->drive) + km_heat_bytes(&track->heat);
	mutex_lock(&track->lock);
	bytes += track->harvest ? track->harvest->bytes : 0;
	mutex_unlock(&track->lock);
	return bytes;
}

u64 km_track_missed(struct km_vm *vm)
{
	struct km_track *track = km_vm_track(vm);

	return track ? atomic_long_read(&track->heat.missed) : 0;
}

void km_track_windows(struct km_vm *vm, struct km_track_window windows[KM_HEAT_WINDOWS])
{
	struct km_track *track = km_vm_track(vm);
	u64 unique[KM_HEAT_WINDOWS] = {};
	struct km_rate_sample delta;
	unsigned int i;

	if (track)
		km_heat_count(&track->heat, unique);
	for (i = 0; i < KM_HEAT_WINDOWS; i++) {
		windows[i] = (struct km_track_window){
			.ms = km_heat_window_ms[i],
			.unique = unique[i],
		};
		if (!track)
			continue;
		mutex_lock(&track->lock);
		if (km_rate_over(&track->rate, windows[i].ms * NSEC_PER_MSEC, &delta)) {
			windows[i].ns = delta.ns;
			windows[i].pages = delta.count;
		}
		mutex_unlock(&track->lock);
	}
}

/* The pages of the kept harvest, and its number, 0 if there is none. */
int km_track_walk_harvest(struct km_vm *vm, struct km_harvest_pos *pos, u32 *nr,
			  km_extent_fn fn, void *ctx)
{
	struct km_track *track = km_vm_track(vm);
	int err;

	*nr = 0;
	if (!track)
		return 0;
	mutex_lock(&track->lock);
	*nr = track->status.kept;
	err = track->harvest ? km_harvest_walk(track->harvest, pos, fn, ctx) : 0;
	mutex_unlock(&track->lock);
	return err;
}

int km_track_walk_regions(struct km_vm *vm, struct km_heat_pos *pos, km_heat_fn fn, void *ctx)
{
	struct km_track *track = km_vm_track(vm);

	return track ? km_heat_walk(&track->heat, pos, fn, ctx) : 0;
}

/* Did the module switch the slot's log on? */
bool km_track_owns(struct km_vm *vm, u32 as_id, u32 id)
{
	struct km_track *track = km_vm_track(vm);

	return track && km_drive_owns(&track->drive, as_id, id);
}

/* Slots whose log is on, and of the module's doing. */
u32 km_track_nr_owned(struct km_vm *vm)
{
	struct km_track *track = km_vm_track(vm);
	unsigned int as_id;
	u32 nr = 0;

	for (as_id = 0; track && as_id < KM_COMPAT_MAX_AS_IDS; as_id++)
		nr += bitmap_weight(track->drive.ours[as_id], KVM_USER_MEM_SLOTS);
	return nr;
}
