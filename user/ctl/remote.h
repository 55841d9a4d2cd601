/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `kmigrate receive` at another host, started over ssh as rsync starts its other side.
 *
 * ssh is needed until it has brought the key and told the port.  Whatever comes after that goes
 * by connections to that host and port, and so does a link's redial (redial.h), by the same key:
 * the receiver listens until its move is over, with ssh or without.  When ssh, its connection or
 * sshd ends, what the receiver says is lost, and nothing else: it ignores SIGPIPE, and sshd sends no
 * signal to what has no terminal, but closes its pipes (OpenSSH's session.c, session_close()).
 */
#ifndef KM_REMOTE_H
#define KM_REMOTE_H

#include <stdio.h>
#include "../model.h"
#include "../opts.h"
#include "../xfer/creds.h"

struct km_remote {
	pid_t pid; /* of ssh, 0 = none */
	FILE *says;
	char host[256]; /* where to connect to: without USER@ */
	char port[8];
};

/* ssh: a command and its arguments, separated by blanks.  target: HOST or
 * USER@HOST.  creds: how the receiver is to know us; a key goes to its standard input and
 * nowhere else, a folder of certificates has the same path there.  args: further arguments of
 * receive.  Returns when it listens. */
int km_remote_start(struct km_remote *r, const char *ssh, const char *target,
		    const struct km_creds *creds, const struct km_opt_list *args,
		    struct km_err *err);
/* Another command there that listens and says so: {"event": "listening", "port": N}.  what: it,
 * in a few words; key: for its standard input, NULL = none. */
int km_remote_command(struct km_remote *r, const char *ssh, const char *target, const char *what,
		      const char *command, const struct km_psk *key, struct km_err *err);
/* Waits for its end, for two seconds at most. */
void km_remote_end(struct km_remote *r);

#endif
