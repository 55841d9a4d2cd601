/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pause of a move, from QEMU's decision to stop the guest to its run at the destination, cut
 * at the moments that both ends have marked.  Each has marked its own on its own clock; they
 * are joined here (clocks.h).
 *
 * RUNNING carries the destination's: le32 how many, le32 CPU time in ms that its kmigrate has taken
 * for the move (0 = an older one, that does not tell), le64 each, 0 = it has not been.  A
 * destination that does not know of marks sends none, a source that does not reads none.  Pure.
 */
#ifndef KM_BLACKOUT_H
#define KM_BLACKOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include "clock.h"
#include "clocks.h"

/* In the order in which they come. */
enum km_mark {
	/* QEMU stops the guest because of what a dirty sync has found, right after it
	 * (migration_iteration_run()): the last one before STOP. Not there when it had no
	 * need of one, as all was sent within the first 100 ms. */
	KM_MARK_ASKED,
	KM_MARK_STOPPED,  /* all vCPUs: do_vm_stop() says STOP after pause_all_vcpus() */
	KM_MARK_MIRRORED, /* the disks are the same; where some are mirrored */
	KM_MARK_SYNCED,	  /* the dirty log, once more (ram_save_complete()) */
	KM_MARK_SENT,	  /* the last page */
	KM_MARK_SAVED,	  /* the last of the devices' state has come from QEMU */
	KM_MARK_RECEIVED,
	KM_MARK_LOADED,
	KM_MARK_TOLD, /* the source knows that it is loaded */
	KM_MARK_VERIFIED,
	KM_MARK_GO_SENT,
	KM_MARK_GO,
	KM_MARK_RUNS,	  /* QEMU has obeyed cont */
	KM_MARK_ENTERED,  /* a vCPU is in the guest; only where somebody watches (arrival.h) */
	KM_MARK_ANSWERED, /* and the source knows */
	KM_MARKS,
};

struct km_marks {
	_Atomic uint64_t ns[KM_MARKS]; /* 0 = has not been */
	uint64_t cpu_ms;	       /* RUNNING's */
};

static inline void km_mark(struct km_marks *m, enum km_mark which)
{
	m->ns[which] = km_now_ns();
}

#define KM_MARKS_WIRE_MAX   64 /* of a later version's */
#define KM_MARKS_WIRE_BYTES (8 + 8 * 4)

/* The destination's marks. */
void km_marks_build(const struct km_marks *m, uint8_t buf[KM_MARKS_WIRE_BYTES]);
int km_marks_parse(struct km_marks *m, const uint8_t *buf, size_t len, struct km_err *err);

/* p->why_not is there when the destination's parts are not. */
void km_blackout(const struct km_marks *source, const struct km_marks *dest,
		 const struct km_clock_fit *fit, struct km_pause *p);

#endif
