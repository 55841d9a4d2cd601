/* SPDX-License-Identifier: GPL-2.0 */
/* Commands at another host, by ssh(1). */
#ifndef KM_SSH_H
#define KM_SSH_H

#include <stdbool.h>
#include <stdio.h>
#include "../model.h"

struct km_ssh {
	pid_t pid;   /* of ssh */
	int in, out; /* its standard input and output; the caller closes them */
};

/* ssh: a command and its arguments, separated by blanks.  target: HOST or USER@HOST.  command:
 * for the shell there.  err_fd: where standard error goes, -1 = with standard output. */
int km_ssh_start(struct km_ssh *s, const char *ssh, const char *target, const char *command,
		 int err_fd, struct km_err *err);
/* All that a command prints there, malloc'ed with a NUL behind it; max_bytes at most (-EFBIG).
 * A command that fails is an error with the last line that it said. */
int km_ssh_read(const char *ssh, const char *target, const char *command, size_t max_bytes,
		unsigned int timeout_ms, char **text, size_t *len, struct km_err *err);

/* ssh hands its words to a shell at the other end: a blank and the word, quoted for it. */
void km_ssh_quote(FILE *f, const char *word);
/* The host of USER@HOST. */
const char *km_ssh_host(const char *target);

#endif
