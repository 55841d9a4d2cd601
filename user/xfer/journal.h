/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A record of each move, at each end: a file ID.source or ID.destination in
 * /var/lib/kmigrate (KMIGRATE_STATE_DIR in the environment names another place),
 * so that after any crash somebody can say where the guest runs (I5).
 *
 * It is written to the disk when a move starts, outside the pause; later
 * changes are renamed into place and survive any death of processes, but wait
 * for the kernel to write them out.  After a crash of the whole host the entry
 * says at least that a move was under way, and where to look.
 */
#ifndef KM_JOURNAL_H
#define KM_JOURNAL_H

#include <stddef.h>
#include "../model.h"

enum km_step {
	KM_STEP_STARTED, /* nothing decided: the guest belongs to the source */
	KM_STEP_GO,	 /* the source may have told the destination to run it */
	KM_STEP_MOVED,
	KM_STEP_STAYED,
	KM_STEP_LOST,
};

struct km_journal {
	char id[40];
	bool destination; /* which end wrote it */
	enum km_step step;
	char vm_name[KM_NAME_MAX], uuid[40];
	pid_t owner_pid; /* the kmigrate that moves it; set by km_journal_write() */
	pid_t vm_pid;	 /* of this end's QEMU, 0 = none */
	char qmp[PATH_MAX];
	bool was_running;
	char host[256], port[32]; /* of the destination */
	char session[64];	  /* what the destination answers to */
	char secure[8];		  /* how the two know each other: keep.h */
	char tls_dir[PATH_MAX], tls_name[256];
	char note[KM_ERR_MAX];
	int64_t updated_s; /* Unix time; set by km_journal_write() */
};

/* A fresh id; also removes entries of finished moves older than 30 days, and their keys. */
void km_journal_new_id(char id[40]);
/* The source's key goes with the entry that says where the guest is (keep.h). */
int km_journal_write(struct km_journal *j, bool to_disk, struct km_err *err);
int km_journal_read(struct km_journal *j, const char *id, bool destination, struct km_err *err);
/* All entries, the oldest first; malloc'ed. */
int km_journal_list(struct km_journal **list, size_t *n, struct km_err *err);
/* An entry as its file has it: malloc'ed text, and back (-EBADMSG). */
char *km_journal_text(const struct km_journal *j);
int km_journal_parse(struct km_journal *j, const char *text, size_t len);
/* Makes the folder that all of it is in, for who writes there first. */
void km_journal_folder(void);
/* Of a file that goes with an entry; suffix "": the entry itself. */
int km_journal_path(char path[PATH_MAX], const char *id, bool destination, const char *suffix,
		    struct km_err *err);
const char *km_step_name(enum km_step s);
/* It is not known yet where the guest is. */
bool km_journal_open(const struct km_journal *j);
/* The process that wrote it is there: the move is under way. */
bool km_journal_busy(const struct km_journal *j);

#endif
