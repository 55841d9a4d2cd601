// SPDX-License-Identifier: GPL-2.0
#include "qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../fault.h"
#include "unixsock.h"

/* The largest answers are query-qmp-schema (200 KB) and HMP dumps. */
#define QMP_MESSAGE_MAX (16u << 20)
/* A caller that never asks for events must not grow without bound. */
#define QMP_EVENTS_MAX	4096

struct km_qmp {
	int fd;
	json_int_t next_id;
	int version[3];
	json_t *events; /* array, oldest first */
	json_t *reply;	/* the answer to the command under way */
	char *buf;
	size_t len, size;
	size_t scanned;	    /* of buf, by scan() */
	unsigned int depth; /* of open brackets there */
	bool in_string, escaped;
	bool broken; /* a command was cut short, or an answer was no JSON */
};

/* Looks for the end of the first message in the buffer: its length, or 0 when
 * more bytes are needed.  One pass over every byte however it is cut up, and
 * it works for -qmp-pretty as well, where a message has many lines. */
static ssize_t scan(struct km_qmp *q)
{
	for (; q->scanned < q->len; q->scanned++) {
		char c = q->buf[q->scanned];

		if (q->escaped) {
			q->escaped = false;
		} else if (q->in_string) {
			q->escaped = c == '\\';
			q->in_string = c != '"';
		} else if (c == '{' || c == '[') {
			q->depth++;
		} else if (!q->depth) {
			if (c != '\r' && c != '\n' && c != ' ' && c != '\t')
				return -EPROTO;
		} else if (c == '"') {
			q->in_string = true;
		} else if ((c == '}' || c == ']') && !--q->depth) {
			return (ssize_t)++q->scanned;
		}
	}
	return 0;
}

static int parse(struct km_qmp *q, size_t len, json_t **msg, struct km_err *err)
{
	json_error_t jerr;

	*msg = json_loadb(q->buf, len, 0, &jerr);
	q->len -= len;
	memmove(q->buf, q->buf + len, q->len);
	q->scanned = 0;
	if (!*msg)
		return km_err_set(err, -EPROTO, "QMP: not JSON: %s", jerr.text);
	if (!json_is_object(*msg)) {
		json_decref(*msg);
		*msg = NULL;
		return km_err_set(err, -EPROTO, "QMP: a message that is not an object");
	}
	return 0;
}

static int fill(struct km_qmp *q, int64_t deadline, struct km_err *err)
{
	ssize_t n;
	int rc;

	if (q->len == q->size) {
		size_t size = q->size ? q->size * 2 : 16384;
		char *buf;

		if (size > QMP_MESSAGE_MAX)
			return km_err_set(err, -EPROTO, "QMP: a message of more than %u MiB",
					  QMP_MESSAGE_MAX >> 20);
		buf = realloc(q->buf, size);
		if (!buf)
			return km_err_set(err, -ENOMEM, "QMP: out of memory");
		q->buf = buf;
		q->size = size;
	}
	do {
		rc = km_wait_fd(q->fd, POLLIN, deadline);
		if (rc == -ETIMEDOUT)
			return rc; /* the callers know what it means */
		if (rc)
			return km_err_set(err, rc, "QMP: poll: %s", strerror(-rc));
		n = recv(q->fd, q->buf + q->len, q->size - q->len, 0);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0) {
		rc = -errno;
		return km_err_set(err, rc, "QMP: read: %s", strerror(-rc));
	}
	if (!n)
		return km_err_set(err, -EPIPE, "QMP: QEMU closed the monitor (did it exit?)");
	q->len += (size_t)n;
	return 0;
}

static int receive(struct km_qmp *q, json_t **msg, int64_t deadline, struct km_err *err)
{
	for (;;) {
		ssize_t len = scan(q);
		int rc;

		if (len > 0)
			return parse(q, (size_t)len, msg, err);
		if (len < 0) {
			q->broken = true;
			return km_err_set(err, (int)len, "QMP: the peer does not talk JSON");
		}
		rc = fill(q, deadline, err);
		if (rc) {
			q->broken = rc != -ETIMEDOUT;
			return rc;
		}
	}
}

static int send_all(struct km_qmp *q, const char *buf, size_t len, int64_t deadline,
		    struct km_err *err)
{
	while (len) {
		ssize_t n = send(q->fd, buf, len, MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			buf += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		rc = errno == EAGAIN ? km_wait_fd(q->fd, POLLOUT, deadline) : -errno;
		if (rc) {
			q->broken = true;
			return km_err_set(err, rc, "QMP: write: %s", strerror(-rc));
		}
	}
	return 0;
}

static void queue_event(struct km_qmp *q, json_t *event)
{
	if (json_array_size(q->events) >= QMP_EVENTS_MAX)
		json_array_remove(q->events, 0);
	json_array_append_new(q->events, event);
}

/* One message in: an event goes to the queue, the answer to `id` to q->reply.
 * Answers to earlier commands (that timed out) are dropped. */
static int pump(struct km_qmp *q, json_int_t id, int64_t deadline, struct km_err *err)
{
	json_t *msg;
	json_t *got;
	int rc;

	rc = receive(q, &msg, deadline, err);
	if (rc)
		return rc;
	if (json_object_get(msg, "event")) {
		queue_event(q, msg);
		return 0;
	}
	got = json_object_get(msg, "id");
	/* An error without an id means that QEMU could not even parse what we sent
	 * (qmp-spec.txt 2.4.2): it can only be the command under way. */
	if ((got && json_integer_value(got) == id) || (!got && json_object_get(msg, "error"))) {
		json_decref(q->reply);
		q->reply = msg;
	} else {
		json_decref(msg);
	}
	return 0;
}

static int remote_error(const char *cmd, const json_t *error, struct km_err *err)
{
	const char *class = json_string_value(json_object_get(error, "class"));
	const char *desc = json_string_value(json_object_get(error, "desc"));
	int code = class && !strcmp(class, "CommandNotFound") ? -EOPNOTSUPP : -EREMOTEIO;

	return km_err_set(err, code, "QEMU refused %s: %s", cmd, desc ? desc : "no reason given");
}

static int send_command(struct km_qmp *q, const char *cmd, json_t *args, json_int_t id,
			int64_t deadline, struct km_err *err)
{
	json_t *msg = json_pack("{s:s, s:I}", "execute", cmd, "id", id), *refused = NULL;
	char *text = NULL;
	size_t len;
	int rc = -ENOMEM;

	if (km_fault_refuses(cmd))
		args = refused = json_pack("{s:b}", "km-refused", true);
	if (msg && (!args || !json_object_set(msg, "arguments", args)))
		text = json_dumps(msg, JSON_COMPACT);
	json_decref(refused);
	json_decref(msg);
	if (!text)
		return km_err_set(err, rc, "QMP %s: arguments that are no JSON", cmd);
	/* In one piece, its NUL's place for the newline: QEMU obeys at the last bracket, and after
	 * `quit` there may be nobody to send a newline to. */
	len = strlen(text);
	text[len] = '\n';
	rc = send_all(q, text, len + 1, deadline, err);
	free(text);
	return rc;
}

int km_qmp_exec(struct km_qmp *q, const char *cmd, json_t *args, json_t **ret, int timeout_ms,
		struct km_err *err)
{
	int64_t deadline = km_now_ms() + timeout_ms;
	json_int_t id = ++q->next_id;
	json_t *value;
	int rc;

	if (ret)
		*ret = NULL;
	if (q->broken) {
		json_decref(args);
		return km_err_set(err, -EPIPE, "QMP: the connection broke earlier");
	}
	rc = send_command(q, cmd, args, id, deadline, err);
	json_decref(args);
	while (!rc && !q->reply)
		rc = pump(q, id, deadline, err);
	if (rc == -ETIMEDOUT)
		return km_err_set(err, rc, "QEMU did not answer %s within %d ms", cmd, timeout_ms);
	if (rc)
		return rc;

	value = json_object_get(q->reply, "error");
	if (value) {
		rc = remote_error(cmd, value, err);
	} else {
		value = json_object_get(q->reply, "return");
		if (!value)
			rc = km_err_set(err, -EPROTO, "QMP %s: an answer with no return", cmd);
		else if (ret)
			*ret = json_incref(value);
	}
	json_decref(q->reply);
	q->reply = NULL;
	return rc;
}

int km_qmp_event(struct km_qmp *q, json_t **event, int timeout_ms, struct km_err *err)
{
	int64_t deadline = km_now_ms() + timeout_ms;
	int rc = 0;

	*event = NULL;
	while (!rc && !json_array_size(q->events))
		rc = pump(q, -1, deadline, err);
	json_decref(q->reply); /* an id-less error of a command that timed out */
	q->reply = NULL;
	if (rc == -ETIMEDOUT)
		return km_err_set(err, rc, "no QMP event within %d ms", timeout_ms);
	if (rc)
		return rc;
	*event = json_incref(json_array_get(q->events, 0));
	json_array_remove(q->events, 0);
	return 0;
}

static int read_greeting(struct km_qmp *q, const char *path, int64_t deadline, struct km_err *err)
{
	static const char *const part[] = { "major", "minor", "micro" };
	json_t *msg;
	json_t *v;
	int rc = receive(q, &msg, deadline, err);

	if (rc == -ETIMEDOUT)
		return km_err_set(
			err, -EBUSY,
			"QMP monitor %s gives no greeting: another client holds it, or QEMU hangs",
			path);
	if (rc)
		return rc == -ENOMEM ? rc :
				       km_err_set(err, -EPROTO, "%s is no QMP monitor: %s", path,
						  err ? err->text : "");
	v = json_object_get(json_object_get(json_object_get(msg, "QMP"), "version"), "qemu");
	for (int i = 0; i < 3 && v; i++)
		q->version[i] = (int)json_integer_value(json_object_get(v, part[i]));
	if (!v || q->version[0] <= 0)
		rc = km_err_set(err, -EPROTO, "%s is no QMP monitor: no version in its greeting",
				path);
	json_decref(msg);
	return rc;
}

int km_qmp_open(struct km_qmp **out, const char *path, int timeout_ms, struct km_err *err)
{
	int64_t deadline = km_now_ms() + timeout_ms;
	struct km_qmp *q = calloc(1, sizeof(*q));
	struct km_err local = { 0 };
	int rc;

	*out = NULL;
	if (!err)
		err = &local; /* read_greeting() quotes what receive() said */
	if (!q)
		return km_err_set(err, -ENOMEM, "QMP: out of memory");
	q->events = json_array();
	rc = km_unix_connect(path, deadline, err);
	q->fd = rc;
	if (rc >= 0)
		rc = read_greeting(q, path, deadline, err);
	if (!rc)
		rc = km_qmp_exec(q, "qmp_capabilities", NULL, NULL, timeout_ms, err);
	if (rc) {
		km_qmp_close(q);
		return rc;
	}
	*out = q;
	return 0;
}

void km_qmp_close(struct km_qmp *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	json_decref(q->reply);
	json_decref(q->events);
	free(q->buf);
	free(q);
}

void km_qmp_version(const struct km_qmp *q, int *major, int *minor, int *micro)
{
	*major = q->version[0];
	*minor = q->version[1];
	*micro = q->version[2];
}

int km_qmp_fd(const struct km_qmp *q)
{
	return q->fd;
}

int km_qmp_hmp(struct km_qmp *q, const char *line, char **text, int timeout_ms, struct km_err *err)
{
	json_t *ret;
	int rc;

	*text = NULL;
	rc = km_qmp_exec(q, "human-monitor-command", json_pack("{s:s}", "command-line", line), &ret,
			 timeout_ms, err);
	if (rc)
		return rc;
	if (json_is_string(ret))
		*text = strdup(json_string_value(ret));
	json_decref(ret);
	return *text ? 0 : km_err_set(err, -EPROTO, "QMP: HMP %s did not return text", line);
}

int km_qmp_run_state(struct km_qmp *q, char state[32], struct km_err *err)
{
	const char *s;
	json_t *ret;
	int rc;

	state[0] = '\0';
	rc = km_qmp_exec(q, "query-status", NULL, &ret, 5000, err);
	if (rc)
		return rc;
	s = json_string_value(json_object_get(ret, "status"));
	if (s && strlen(s) < 32)
		strcpy(state, s);
	else
		rc = km_err_set(err, -EPROTO, "QMP query-status: no status in the answer");
	json_decref(ret);
	return rc;
}
