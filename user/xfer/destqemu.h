/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The destination QEMU: judged and then started with -S and -incoming defer
 * (destqemu_start.c) or found waiting (attach.h), fed over unix sockets, told to
 * run only by km_destqemu_go(), killed by anything else.
 */
#ifndef KM_DESTQEMU_H
#define KM_DESTQEMU_H

#include <jansson.h>
#include "../ctl/qmp.h"
#include "../opts.h"
#include "allow.h"
#include "attach.h"
#include "guard.h"
#include "multifd.h"

struct km_destqemu {
	pid_t pid;
	struct km_attached *attached; /* NULL: our own, a child */
	char **args;		      /* from km_destqemu_prepare() to km_destqemu_start() */
	char monitor[PATH_MAX];
	char dir[128]; /* its sockets and its log; removed at the end */
	struct km_qmp *qmp;
	int main_fd;
	int channel_fd;
	uint64_t packets;
};

/* An argument as it is to be here: malloc'ed, NULL = out of memory. */
char *km_destqemu_replaced(const char *arg, const struct km_opt_list *replace);
/* How a QEMU of our own is to be started. */
struct km_destqemu_wish {
	const char *exe;
	const struct km_allow *allow;
	const struct km_opt_list *replace; /* "OLD=NEW": text in arguments */
	const struct km_opt_list *append;  /* further arguments, not the source's */
};

/* argv as the source's QEMU was started.  What is to run here is known and judged, and nothing is
 * touched: a source that is refused by it has changed nothing.  -EACCES: by the rules. */
int km_destqemu_prepare(struct km_destqemu *d, const json_t *argv, const struct km_destqemu_wish *o,
			struct km_err *err);
/* What was prepared; the guard hears of the process before it is QEMU. */
int km_destqemu_start(struct km_destqemu *d, const struct km_guard *guard, struct km_err *err);
void km_destqemu_free_args(struct km_destqemu *d); /* Idempotent. */
/* Takes over what km_attach_open() has found. */
void km_destqemu_adopt(struct km_destqemu *d, struct km_attached *a, const struct km_guard *guard);
/* Opens the incoming side: the relay's sockets, or QEMU's own tcp: listener. */
int km_destqemu_listen_relay(struct km_destqemu *d, const uint8_t uuid[16], struct km_err *err);
int km_destqemu_listen_tcp(struct km_destqemu *d, unsigned int *port, struct km_err *err);

/* Into its one channel: SYNC; a page. */
int km_destqemu_sync(struct km_destqemu *d, struct km_err *err);
int km_destqemu_page(struct km_destqemu *d, const char *block, uint64_t index, const uint8_t *data,
		     struct km_err *err);

int km_destqemu_go(struct km_destqemu *d, struct km_err *err);
bool km_destqemu_alive(const struct km_destqemu *d); /* it stays to be waited for */
/* The last line QEMU wrote, for an error message. */
void km_destqemu_last_words(const struct km_destqemu *d, char *buf, size_t len);
/* Kills it; it is gone on return.  One that is attached to and has not begun is left
 * waiting.  Other threads may still use d. */
void km_destqemu_end(struct km_destqemu *d);
/* Closes what leads to it, and removes its folder. */
void km_destqemu_release(struct km_destqemu *d);

#endif
