/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include <jansson.h>

struct client {
	int fd;
	size_t have;		/* bytes read and not yet taken */
	size_t size;
	char *buffer;
	json_t *events;		/* array of those that came meanwhile */
	char error[256];	/* of the last call that failed */
};

/* 0, or -1 with c->error set; client_close() in either case */
int client_open(struct client *c, const char *path);
void client_close(struct client *c);

/*
 * What COMMAND returned, or NULL with c->error set. Takes over ARGUMENTS, which may be
 * NULL. The caller owns what is returned.
 */
json_t *client_command(struct client *c, const char *command, json_t *arguments);

/* The next event, or NULL with c->error set if none comes in time. */
json_t *client_event(struct client *c, double seconds);

/* What a command of the human monitor printed, to be freed, or NULL. */
char *client_human(struct client *c, const char *command);

/* 1 if EVENT is called so, WANTED being NAME or NAME:VALUE of some member of its data */
int client_event_is(const json_t *event, const char *wanted);

double client_now(void);

#endif
