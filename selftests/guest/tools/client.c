// SPDX-License-Identifier: GPL-2.0
/* QMP (QEMU: docs/interop/qmp-spec.txt) as far as tests need it. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define REPLY_SECONDS	120	/* emulated hosts are slow, a hung QEMU is for ever */
#define LINE_MAX_BYTES	(16u << 20)

double client_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int __attribute__((format(printf, 2, 3)))
fail(struct client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* More bytes into the buffer: 0, or -1 when there are none before DEADLINE. */
static int fill(struct client *c, double deadline)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	double left = deadline - client_now();
	ssize_t n;

	if (c->have == c->size) {
		char *bigger;

		c->size = c->size ? 2 * c->size : 65536;
		bigger = c->size > LINE_MAX_BYTES ? NULL : realloc(c->buffer, c->size);
		if (!bigger)
			return fail(c, "line too long");
		c->buffer = bigger;
	}
	if (left < 0 || poll(&p, 1, (int)(left * 1000) + 1) <= 0)
		return fail(c, "timed out");
	n = read(c->fd, c->buffer + c->have, c->size - c->have);
	if (n <= 0)
		return fail(c, "connection closed");
	c->have += (size_t)n;
	return 0;
}

/* One line is one message. */
static json_t *read_message(struct client *c, double deadline)
{
	json_error_t why;
	char *end = NULL;
	json_t *message;
	size_t length;

	while (!c->have || !(end = memchr(c->buffer, '\n', c->have)))
		if (fill(c, deadline))
			return NULL;
	length = (size_t)(end - c->buffer) + 1;
	message = json_loadb(c->buffer, length, 0, &why);
	memmove(c->buffer, c->buffer + length, c->have - length);
	c->have -= length;
	if (!message)
		fail(c, "not JSON: %s", why.text);
	return message;
}

static int send_all(struct client *c, const char *text, size_t length)
{
	ssize_t n;

	while (length) {
		n = send(c->fd, text, length, MSG_NOSIGNAL);
		if (n < 0)
			return fail(c, "send: %s", strerror(errno));
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

json_t *client_command(struct client *c, const char *command, json_t *arguments)
{
	double deadline = client_now() + REPLY_SECONDS;
	json_t *message, *value;
	char *text;
	int sent;

	message = json_pack("{s:s, s:o*}", "execute", command, "arguments", arguments);
	text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	sent = text ? send_all(c, text, strlen(text)) : fail(c, "out of memory");
	free(text);
	json_decref(message);
	if (sent)
		return NULL;
	while ((message = read_message(c, deadline))) {
		if (json_object_get(message, "event")) {
			json_array_append_new(c->events, message);
			continue;
		}
		value = json_incref(json_object_get(message, "return"));
		if (!value) {
			value = json_object_get(message, "error");
			fail(c, "%s: %s", command,
			     json_string_value(json_object_get(value, "desc")) ?: "refused");
			value = NULL;
		}
		json_decref(message);
		return value;
	}
	return NULL;
}

json_t *client_event(struct client *c, double seconds)
{
	double deadline = client_now() + seconds;
	json_t *message;

	if (json_array_size(c->events)) {
		message = json_incref(json_array_get(c->events, 0));
		json_array_remove(c->events, 0);
		return message;
	}
	while ((message = read_message(c, deadline))) {
		if (json_object_get(message, "event"))
			return message;
		json_decref(message);
	}
	return NULL;
}

int client_event_is(const json_t *event, const char *wanted)
{
	const char *name = json_string_value(json_object_get(event, "event"));
	const char *value = strchr(wanted, ':'), *key, *text;
	size_t length = value ? (size_t)(value - wanted) : strlen(wanted);
	json_t *member;

	if (!name || strlen(name) != length || strncmp(name, wanted, length))
		return 0;
	if (!value)
		return 1;
	json_object_foreach(json_object_get(event, "data"), key, member) {
		text = json_string_value(member);
		if (text && !strcmp(text, value + 1))
			return 1;
	}
	return 0;
}

char *client_human(struct client *c, const char *command)
{
	json_t *arguments = json_pack("{s:s}", "command-line", command), *reply;
	char *text = NULL;

	reply = client_command(c, "human-monitor-command", arguments);
	if (json_string_value(reply))
		text = strdup(json_string_value(reply));
	json_decref(reply);
	return text;
}

static int greet(struct client *c)
{
	json_t *message = read_message(c, client_now() + REPLY_SECONDS);
	int is_qmp = json_object_get(message, "QMP") != NULL;

	json_decref(message);
	if (!message)
		return -1;
	if (!is_qmp)
		return fail(c, "not a QMP socket");
	message = client_command(c, "qmp_capabilities", NULL);
	json_decref(message);
	return message ? 0 : -1;
}

int client_open(struct client *c, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	if (strlen(path) >= sizeof(address.sun_path))
		return fail(c, "path too long");
	strcpy(address.sun_path, path);
	c->events = json_array();
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!c->events || c->fd < 0)
		return fail(c, "no socket");
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)))
		return fail(c, "connect: %s", strerror(errno));
	return greet(c);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	json_decref(c->events);
	free(c->buffer);
}
