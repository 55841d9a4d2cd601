/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_SESSION_H
#define KM_SESSION_H

#include <linux/refcount.h>
#include <linux/types.h>

#include "dirty.h"

struct km_vm;
struct sock;

/* Written before its id is given out, constant from then on. */
struct km_session {
	refcount_t refs;
	u32 id;
	struct sock *sk;		/* the netlink socket that owns it, held */
	struct km_vm *vm;		/* a use of it, to the end of the session */
	u64 start_ns;			/* CLOCK_MONOTONIC */
	struct km_counts other;		/* readings of vm->dirty at the start */
	struct km_counts vcpu[];	/* km_dirty::nr_vcpus */
};

int km_session_init(void);
void km_session_fini(void);

int km_session_open(struct sock *sk, int fd, u32 *id);
int km_session_close(struct sock *sk, u32 id);
unsigned int km_session_count(void);

struct km_session *km_session_get(struct sock *sk, u32 id);
void km_session_put(struct km_session *session);

void km_session_read_vcpu(const struct km_session *session, unsigned int idx,
			  struct km_counts *counts);
void km_session_read_all(const struct km_session *session,
			 struct km_counts *all, struct km_counts *other);

#endif /* KM_SESSION_H */
