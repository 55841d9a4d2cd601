/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the source's files share.
 *
 *   source.c        the states of a move, the commit, the end
 *   source_setup.c  from nothing to a QEMU that migrates into the relay
 *   source_redial.c a link that breaks while the guest works
 *   source_peer.c   what the destination says on the control connection
 *   source_steer.c  while the guest works: progress, pace, when it stops
 *   source_module.c what kmigrate.ko sees of it
 *   source_impact.c what keeps the guest from running meanwhile
 *   source_pins.c   the guest's pinning
 *   source_pause.c  when what happened in the pause
 *   source_arrival.c the guest's first time there
 *   source_throttle.c vCPUs that dirty faster than the link carries
 *   source_stall.c  what is done about a guest that can't be moved so
 *   source_disks.c  disks: shared, or mirrored first (source_disks.h)
 *   source_mirror.c those that are mirrored
 *   source_died.c   its QEMU dies in the switch-over
 *   source_back.c   the guest runs here again
 *   source_guard.c  what is left to do when this process is killed
 */
#ifndef KM_SOURCE_PRIV_H
#define KM_SOURCE_PRIV_H

#include "clock.h"
#include "guard.h"
#include "holding.h"
#include "journal.h"
#include "move.h"
#include "outcome.h"
#include "pace.h"
#include "pinger.h"
#include "qmigrate.h"
#include "quota.h"
#include "redial.h"
#include "retpath.h"
#include "scout.h"
#include "source.h"
#include "flat.h"
#include "throttle.h"
#include "verify.h"
#include "weight.h"

struct km_pinning;
struct km_source_disks;

struct source {
	const struct km_source_opts *o;
	const struct km_vm *vm;
	struct km_run *run;
	struct km_move m;
	struct km_qmp *qmp;
	struct km_qmig_saved saved;
	struct km_journal journal;
	struct km_guard guard;
	struct km_knet *knet; /* NULL without the module */
	void *impact;	      /* of km_question_impact; NULL if it isn't asked */
	struct km_holding holding;
	struct km_placing placing;
	struct km_pinning *pinning;
	bool pinning_sent;
	struct km_weight weight;
	struct km_source_disks *disks; /* NULL with --storage shared */
	bool at_switchover;	       /* QEMU waits for migrate-continue */

	struct km_throttle throttle;
	struct km_quota quota;
	struct km_module_facts looked; /* at the last look */
	double t_look;
	uint64_t rounds_looked, rounds_cooled, settled_looked, qemu_bytes_per_s;
	uint8_t taken[KM_THROTTLE_VCPUS]; /* percent, in force */
	bool throttle_over;

	struct km_flat flat;
	unsigned int stall_way; /* of o->on_stall */
	uint64_t rounds_stalled, listed_at_round;

	struct km_redial redial;
	bool redialling;
	uint64_t path_closed_bytes[KM_PATHS_MAX]; /* of connections that are closed */
	double t_broken, t_up;			  /* when it broke last, and was there again */
	double retry_left_ms;			  /* for the next breaks */

	struct km_pinger pinger;
	struct km_clocks clocks;
	struct km_marks marks_there; /* the destination's, on its clock */
	struct km_clock_fit fit;     /* when the guest ran there */
	bool relay, was_running, qemu_done;
	bool arrival_promised; /* by WELCOME */
	_Atomic bool go_sent;
	_Atomic bool loaded, running, dead, verified, arrived; /* heard from the destination */
	_Atomic bool control_over;			       /* no more will be */
	int word_fd;					       /* an eventfd: something was */
	struct km_verify verify;
	char dir[64], why_dead[KM_ERR_MAX];
	unsigned int dest_port;
	int listen_fd;
	int qemu_fd;			     /* a pidfd; < 0: none */
	void (*on_silent)(struct source *s); /* on the way back it does not answer; once */
	pthread_t control;

	pthread_mutex_t rp_lock; /* rp, shut_allowed */
	struct km_retpath rp;
	bool shut_allowed;

	double t0, t_migrate, t_stop, t_query;
	struct km_pace pace;
	struct km_scout scout;
	double last_pace_at;
	uint64_t sent_paced, zero_paced, payload_paced; /* at the last look of pace's */
	uint64_t content_paced;				/* listed at t_paced */
	double t_paced;
	unsigned int downtime_ms; /* QEMU's downtime-limit and max-bandwidth */
	uint64_t qemu_limit;
};

/* source_setup.c */
int km_source_set_up(struct source *s, struct km_err *err);
/* On NAME in the folder where this move's QEMU and we meet: a descriptor. */
int km_source_listen(struct source *s, const char *name, struct km_err *err);

/* source_redial.c: how connections are made; each turn: sees to a broken link; at the end. */
void km_source_redial_init(struct source *s);
int km_source_redial(struct source *s, struct km_err *err);
void km_source_redial_end(struct source *s, const struct km_err *why);

/* source_peer.c: the control connection's reader; a thread. */
void *km_source_control_main(void *arg);
/* Lets the source QEMU have the return path's SHUT: it completes (retpath.h). */
int km_source_release_shut(struct source *s, struct km_err *err);

/* source_scout.c: each turn, while the guest works. */
void km_source_scout(struct source *s);

/* source_died.c: from the begin on; the error rc came: is it that QEMU has died, and is the guest whole
 * at the destination? Waits for the one and the other. Says so in run->source_died. */
void km_source_died_watch(struct source *s);
bool km_source_died_whole(struct source *s, int rc);

#define KM_SILENT "QEMU does not answer; it is asked until it does or is gone"

/* source_back.c: the guest runs here again, or QEMU is gone or can't run it: STAYED or LOST. Waits
 * for a QEMU that does not answer. *q may be NULL or broken, and be another afterwards, or NULL. */
enum km_outcome km_source_back(struct source *s, struct km_qmp **q);

/* source_steer.c: one turn of the main loop, 2 to 20 ms. */
int km_source_cycle(struct source *s, struct km_err *err);
int km_source_verify(struct source *s, struct km_err *err);
void km_source_snapshot(struct source *s);

/* source_module.c: any thread but one at a time */
void km_source_module_open(struct source *s);
void km_source_module_look(struct source *s); /* counts anew */
void km_source_module_close(struct source *s);

/* source_impact.c: at the begin; when run->phase has changed; once the guest runs there; at the end */
void km_source_impact_open(struct source *s);
void km_source_impact_phase(struct source *s);
void km_source_impact_moved(struct source *s);
void km_source_impact_close(struct source *s);

/* source_pins.c: HELLO's part of it (NULL: there is none), and the answers. */
int km_source_pins_offer(struct source *s, json_t **offer, struct km_err *err);
int km_source_pins_answered(struct source *s, const json_t *welcome, struct km_err *err);
int km_source_pins_refused(struct source *s, const char *why, struct km_err *err);
void km_source_pins_free(struct source *s);
/* source_throttle.c: each turn; and when it has ended, any number of times */
void km_source_throttle(struct source *s);
void km_source_throttle_end(struct source *s);

/* source_stall.c: each look of steer's. An error: given up. */
int km_source_stall(struct source *s, struct km_err *err);
bool km_source_may_throttle(const struct source *s);

/* source_pause.c: what QEMU says; RUNNING's payload; once the guest runs there. */
void km_source_pause_event(struct source *s, const char *name, const json_t *event);
void km_source_pause_answered(struct source *s, const uint8_t *buf, size_t len);
void km_source_pause_report(struct source *s);
uint64_t km_source_pause_ns(const struct source *s); /* its begin; 0: there is none */
/* A vCPU has entered the guest there, by that host's clock; 0: none was seen to. */
void km_source_pause_entered(struct source *s, uint64_t ns);

/* source_arrival.c: HELLO's part of it (NULL: there is none), and the answers; once the move is
 * over. */
json_t *km_source_arrival_offer(struct source *s);
void km_source_arrival_answered(struct source *s, const json_t *welcome);
void km_source_arrival_heard(struct source *s, const uint8_t *buf, size_t len);
void km_source_arrival_await(struct source *s);

/* source_guard.c: started before any thread, with the journal's first entry. */
int km_source_guard_start(struct source *s, struct km_err *err);

#endif
