// SPDX-License-Identifier: GPL-2.0
/* What handlers ask of tracking: quick, as all that takes long is km_track_work()'s. */
#include <linux/kvm_host.h>
#include <linux/slab.h>

#include "session.h"
#include "track.h"
#include "vm.h"

static struct km_track *make(struct km_vm *vm)
{
	struct km_track *track = kvzalloc(sizeof(*track), GFP_KERNEL_ACCOUNT);

	if (!track)
		return NULL;
	if (km_drive_init(&track->drive)) {
		kvfree(track);
		return NULL;
	}
	track->vm = vm;
	mutex_init(&track->lock);
	INIT_DELAYED_WORK(&track->work, km_track_work);
	km_heat_init(&track->heat);
	return track;
}

/* The VM's, made if there is none yet. It stays as long as the km_vm. */
static struct km_track *get(struct km_vm *vm)
{
	struct km_track *track = km_vm_track(vm), *other;

	if (track)
		return track;
	track = make(vm);
	if (!track)
		return NULL;
	other = cmpxchg(&vm->track, NULL, track);
	if (!other)
		return track;
	km_track_free(track);
	return other;
}

/*
 * Between km_vm_enter() and km_vm_exit(). Asks only: km_track_status() says what came of
 * it. An owner that starts again changes nothing but its interval.
 */
int km_track_start(struct km_vm *vm, const struct km_session *session,
		   const struct km_track_ask *ask)
{
	struct km_track *track = get(vm);
	int err = 0;

	if (!track)
		return -ENOMEM;
	mutex_lock(&track->lock);
	if (track->owner && track->owner != session) {
		err = -EBUSY;
		goto out;
	}
	if (!track->owner) {
		if (!track->held)
			km_vm_hold(vm);
		track->again = track->held;
		track->held = true;
		track->owner = session;
		track->wanted = true;
		track->status = (struct km_track_status){
			.state = KMIGRATE_TRACK_STARTING,
			.drive = ask->drive,
		};
	}
	track->status.interval_ms = ask->interval_ms;
	km_vm_queue(vm, &track->work, 0);
out:
	mutex_unlock(&track->lock);
	return err;
}

/* Also for a session that goes, whether its VM is still there or not. */
int km_track_stop(struct km_vm *vm, const struct km_session *session)
{
	struct km_track *track = km_vm_track(vm);
	int err = -ENOENT;

	if (!track)
		return err;
	mutex_lock(&track->lock);
	if (track->owner == session) {
		track->owner = NULL;
		track->wanted = false;
		km_vm_queue(vm, &track->work, 0);
		err = 0;
	}
	mutex_unlock(&track->lock);
	return err;
}

/* Asks for a harvest whose pages are kept. *nr is its number in km_track_status::kept. */
int km_track_harvest(struct km_vm *vm, const struct km_session *session, u32 *nr)
{
	struct km_track *track = km_vm_track(vm);
	int err = -ENOENT;

	if (!track)
		return err;
	mutex_lock(&track->lock);
	if (track->owner == session && track->status.drive) {
		err = track->status.state == KMIGRATE_TRACK_FAILED ? track->status.error :
		      track->status.state == KMIGRATE_TRACK_GAVE_WAY ? -ECANCELED : 0;
		if (!err) {
			*nr = ++track->status.asked ?: ++track->status.asked;
			km_vm_queue(vm, &track->work, 0);
		}
	}
	mutex_unlock(&track->lock);
	return err;
}
