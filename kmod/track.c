// SPDX-License-Identifier: GPL-2.0
/*
 * Tracks a VM: keeps the heat of its pages and, if asked to, drives its dirty log.
 *
 * One session owns the tracking of a VM, and every session of the VM can read what it
 * finds. Whatever takes long is done by @work, which alone calls into KVM; handlers only
 * say what is wanted. While anything is to be undone, the tracking has a use of its km_vm
 * (@held), so that the VM stays in the table, where the hooks find it, until its log is
 * off again. Three things end it:
 *   - its owner stops it or goes: @wanted falls, and @work undoes all. Whoever starts
 *     it before that is its owner at once, and @again makes @work undo all the same;
 *   - the VM goes: release() of vm.c calls km_track_shutdown(), after which km_vm_enter()
 *     refuses, so that @work does nothing more;
 *   - the VMM logs by itself: @work switches off what is still ours, and goes on to
 *     observe (drive.c).
 *
 * @lock is taken inside km_vm_enter(), and nothing of KVM's inside @lock.
 */
#include <linux/kthread.h>
#include <linux/kvm_host.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "event.h"
#include "slot.h"
#include "track.h"
#include "vm.h"

/* At least so often slots and old entries are looked after. */
#define IDLE_MS		1000

static void add_sample(struct km_track *track)
{
	mutex_lock(&track->lock);
	km_rate_add(&track->rate, ktime_get_ns(), km_dirty_total(&track->vm->dirty));
	mutex_unlock(&track->lock);
}

/* Not if the status is a new owner's already. */
static void set_state(struct km_track *track, enum kmigrate_track state, int err)
{
	mutex_lock(&track->lock);
	if (!track->again) {
		track->status.state = state;
		track->status.error = err;
	}
	mutex_unlock(&track->lock);
}

/*
 * Slots that came or went since the last look; all at the first. The hook can't tell: it
 * runs before KVM changes anything.
 */
static int follow_slots(struct km_track *track, struct kvm *kvm, bool drive)
{
	unsigned int sequence = km_slot_sequence(kvm);
	struct km_slot_list list;
	int err;

	if (sequence == track->slots_seen)
		return 0;
	/* Of before: what changes from here on, by us as well, is looked at next time. */
	track->slots_seen = sequence;
	err = km_heat_sync(&track->heat, kvm);
	if (err || !drive)
		return err;
	err = km_slot_list(kvm, &list);
	if (err)
		return err;
	err = km_drive_take(&track->drive, kvm, &list);
	km_slot_list_free(&list);
	return err;
}

struct sum {
	struct km_harvest *keep;
	u64 pages;
};

static void add_part(const struct km_harvested *part, void *ctx)
{
	struct sum *sum = ctx;

	sum->pages += part->nr_dirty;
	if (sum->keep)
		km_harvest_add(sum->keep, part);
}

/* The number of the harvest that is asked for, 0 if none is. */
static u32 asked_for(struct km_track *track)
{
	u32 nr;

	mutex_lock(&track->lock);
	nr = track->status.asked != track->status.kept ? track->status.asked : 0;
	mutex_unlock(&track->lock);
	return nr;
}

/* The one that was asked for is kept, those that only re-arm the log are not. */
static int harvest(struct km_track *track, struct kvm *kvm)
{
	u64 start = ktime_get_ns();
	u32 nr = asked_for(track);
	struct sum sum = {};
	int err;

	if (nr) {
		sum.keep = km_harvest_make();
		if (!sum.keep)
			return -ENOMEM;
	}
	err = km_drive_harvest(&track->drive, kvm, track->vm->file, add_part, &sum);
	if (!err && nr && sum.keep->short_of_memory)
		err = -ENOMEM;
	mutex_lock(&track->lock);
	if (!err && !track->again) {
		track->status.done++;
		track->status.pages = sum.pages;
		track->status.harvest_ns = ktime_get_ns() - start;
		track->status.harvest_sum_ns += track->status.harvest_ns;
		if (nr) {
			swap(track->harvest, sum.keep);
			track->status.kept = nr;
		}
	}
	mutex_unlock(&track->lock);
	km_harvest_free(sum.keep);
	return err;
}

/* Finer scales than this harvest's mean nothing. Said once a second, counted always. */
static void overrun(struct km_track *track, u64 now)
{
	u32 overruns;

	mutex_lock(&track->lock);
	overruns = track->status.overruns += !track->again;
	mutex_unlock(&track->lock);
	if (track->overrun_ns && now - track->overrun_ns < NSEC_PER_SEC)
		return;
	track->overrun_ns = now;
	km_event_send_overrun(track->vm, overruns);
}

static bool is_due(struct km_track *track, const struct km_track_status *status)
{
	u64 interval_ns = status->interval_ms * NSEC_PER_MSEC;
	u64 now = ktime_get_ns();

	if (interval_ns && now >= track->next_ns) {
		if (track->next_ns && now - track->next_ns >= interval_ns)
			overrun(track, now);
		track->next_ns = now + interval_ns;
		return true;
	}
	return status->asked != status->kept;
}

/* In the VMM's mm. */
static int drive(struct km_track *track, struct kvm *kvm, const struct km_track_status *status)
{
	int err;

	err = km_drive_prepare(&track->drive);
	if (err)
		return err;
	err = follow_slots(track, kvm, true);
	if (err)
		return err;
	if (READ_ONCE(track->drive.gave_way)) {
		km_drive_release(&track->drive, kvm);
		set_state(track, KMIGRATE_TRACK_GAVE_WAY, 0);
		km_event_send(track->vm, KMIGRATE_EVENT_GAVE_WAY);
		return 0;
	}
	set_state(track, KMIGRATE_TRACK_ON, 0);
	return is_due(track, status) ? harvest(track, kvm) : 0;
}

/* Runs @fn as the driver, in the VMM's mm; without it if the VMM has exited. */
static int as_vmm(struct km_track *track, struct kvm *kvm, const struct km_track_status *status,
		  int (*fn)(struct km_track *track, struct kvm *kvm,
			    const struct km_track_status *status))
{
	struct mm_struct *mm = kvm->mm;
	int err;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	kthread_use_mm(mm);
	km_drive_enter(&track->drive);
	err = fn(track, kvm, status);
	km_drive_exit(&track->drive);
	kthread_unuse_mm(mm);
	/* Async: else this thread might be the one that runs exit_mmap(). */
	mmput_async(mm);
	return err;
}

/* As the driver, in the VMM's mm. */
static int undrive(struct km_track *track, struct kvm *kvm, const struct km_track_status *status)
{
	km_drive_release(&track->drive, kvm);
	return 0;
}

static void stop_driving(struct km_track *track, struct kvm *kvm)
{
	/* The log of a VM whose VMM has exited is nobody's, and goes with the VM. */
	if (as_vmm(track, kvm, NULL, undrive) == -ESRCH)
		km_drive_release(&track->drive, NULL);
}

/* Undoes all, and makes ready for another start. */
static void undo(struct km_track *track, struct kvm *kvm)
{
	stop_driving(track, kvm);
	km_heat_clear(&track->heat);
	WRITE_ONCE(track->drive.gave_way, false);
	track->slots_seen = 0;
	track->next_ns = 0;
	track->overrun_ns = 0;

	mutex_lock(&track->lock);
	km_harvest_free(track->harvest);
	track->harvest = NULL;
	memset(&track->rate, 0, sizeof(track->rate));
	mutex_unlock(&track->lock);
}

static void run(struct km_track *track, struct kvm *kvm, const struct km_track_status *status)
{
	bool give_way = status->state == KMIGRATE_TRACK_GAVE_WAY;
	int err;

	add_sample(track);
	if (status->drive && !give_way) {
		err = as_vmm(track, kvm, status, drive);
	} else {
		err = follow_slots(track, kvm, false);
		if (!err && !give_way)
			set_state(track, KMIGRATE_TRACK_ON, 0);
	}
	if (err) {
		stop_driving(track, kvm);
		set_state(track, KMIGRATE_TRACK_FAILED, err);
	}
	km_heat_sweep(&track->heat);
}

/*
 * With @lock held, when all is undone. True if there was a use of the VM, which is the
 * caller's to drop.
 */
static bool switch_off(struct km_track *track)
{
	bool held = track->held;

	track->held = false;
	track->wanted = false;
	track->again = false;
	track->owner = NULL;
	track->status = (struct km_track_status){ .state = KMIGRATE_TRACK_OFF };
	return held;
}

/* On the queue of vm.c, one at a time for a VM. */
void km_track_work(struct work_struct *work)
{
	struct km_track *track = container_of(to_delayed_work(work), struct km_track, work);
	struct km_vm *vm = track->vm;
	struct km_track_status status;
	struct kvm *kvm = km_vm_enter(vm);
	bool wanted, again, held, put = false;
	u32 again_ms = IDLE_MS;

	if (!kvm) {
		km_vm_unref(vm);	/* km_track_shutdown() does the rest */
		return;
	}
	mutex_lock(&track->lock);
	wanted = track->wanted;
	again = track->again;
	track->again = false;
	held = track->held;
	status = track->status;
	mutex_unlock(&track->lock);

	if (!held)
		goto out;	/* a hook's call, after all was undone */
	if (!wanted || again)
		undo(track, kvm);
	if (!wanted) {
		mutex_lock(&track->lock);
		put = !track->wanted && switch_off(track);	/* else one has come */
		mutex_unlock(&track->lock);
	} else if (status.state != KMIGRATE_TRACK_FAILED) {
		run(track, kvm, &status);
		if (status.interval_ms)
			again_ms = min(again_ms, status.interval_ms);
	}
	if (!put)
		km_vm_queue(vm, &track->work, msecs_to_jiffies(again_ms));
out:
	km_vm_exit(vm);
	if (put)
		km_vm_put(vm);
	km_vm_unref(vm);
}

/* The VMM started to log: a hook says so, in atomic context, under RCU. */
void km_track_kick(struct km_drive *drive)
{
	struct km_track *track = container_of(drive, struct km_track, drive);

	km_vm_queue(track->vm, &track->work, 0);
}

/* km_vm_enter() refuses by now, and nobody is in. The VM is still in the table. */
void km_track_shutdown(struct km_vm *vm, struct kvm *kvm)
{
	struct km_track *track = km_vm_track(vm);
	bool put;

	if (!track)
		return;
	/*
	 * Not cancel_delayed_work_sync(): there is nobody to wait for, and while that one waits
	 * nothing can be queued (since 6.10), which mod_delayed_work() doesn't tell from having
	 * queued it. The reference that km_vm_queue() took just then, for a session that ends,
	 * would be lost, and km_vm_fini() wait for it for ever.
	 */
	if (cancel_delayed_work(&track->work))
		km_vm_unref(vm);
	undo(track, kvm);
	mutex_lock(&track->lock);
	put = switch_off(track);
	mutex_unlock(&track->lock);
	if (put)
		km_vm_put(vm);
}

/* Doesn't sleep. No hook may be using it. */
void km_track_free(struct km_track *track)
{
	if (!track)
		return;
	km_harvest_free(track->harvest);
	km_drive_free(&track->drive);
	kvfree(track);
}
