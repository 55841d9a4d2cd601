// SPDX-License-Identifier: GPL-2.0
/* The QMP client against a server that behaves, and against some that don't. */
#include <errno.h>
#include "ktap.h"
#include "ctl/qmp.h"
#include "fakeqmp.h"

static int open_it(struct km_qmp **q, const char *path, int ms, struct km_err *err)
{
	memset(err, 0, sizeof(*err));
	return km_qmp_open(q, path, ms, err);
}

/* ---- a server that behaves ---- */

static void serve_well(struct fake *f, int fd)
{
	char line[4096];
	char id[32];

	fake_hello(f, fd);
	while (!fake_read(f, fd, line, sizeof(line), id)) {
		if (strstr(line, "query-status")) {
			fake_say(fd, "{\"event\": \"STOP\", \"timestamp\": {}}\r\n");
			fake_answer(fd, id, "{\"status\": \"paused\", \"running\": false}");
			fake_say(fd, "{\"event\": \"RESUME\", \"timestamp\": {}}\r\n");
		} else if (strstr(line, "human-monitor-command")) {
			/* Braces, quotes and escapes in a string are no structure. */
			fake_answer(fd, id, "\"a } b \\\" c \\\\\\r\\nd {[\"");
		} else if (strstr(line, "echo") && strstr(line, "\"arguments\":{\"x\":1}")) {
			fake_answer(fd, id, "{\"ok\":true}");
		} else if (strstr(line, "quiet")) {
			fake_answer(fd, "424242", "{\"late\": true}");
		} else if (strstr(line, "unknown")) {
			char text[512];

			snprintf(text, sizeof(text),
				 "{\"id\": %s, \"error\": {\"class\": \"CommandNotFound\", "
				 "\"desc\": \"The command \\u001b[31m unknown\\nhas not been found\"}}",
				 id);
			fake_say(fd, text);
		} else {
			fake_say(fd, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}");
		}
	}
}

static void talks(bool *ok)
{
	struct km_qmp *q;
	struct km_err err;
	struct fake f;
	json_t *ret;
	char state[32];
	char *text;
	int v[3];

	fake_start(&f, serve_well);
	CHECK(!open_it(&q, f.path, 2000, &err));
	km_qmp_version(q, &v[0], &v[1], &v[2]);
	CHECK(v[0] == 7 && v[1] == 2 && v[2] == 22 && km_qmp_fd(q) >= 0);
	CHECK(!km_qmp_run_state(q, state, &err) && !strcmp(state, "paused"));
	CHECK(!km_qmp_exec(q, "echo", json_pack("{s:i}", "x", 1), &ret, 2000, &err));
	CHECK(json_is_true(json_object_get(ret, "ok")));
	json_decref(ret);
	CHECK(!km_qmp_hmp(q, "info", &text, 2000, &err));
	CHECK(!strcmp(text, "a } b \" c \\\r\nd {["));
	free(text);
	CHECK(!km_qmp_exec(q, "echo", json_pack("{s:i}", "x", 1), NULL, 2000, NULL));
	km_qmp_close(q);
	fake_stop(&f);
}

static void errors(bool *ok)
{
	struct km_qmp *q;
	struct km_err err;
	struct fake f;

	fake_start(&f, serve_well);
	CHECK(!open_it(&q, f.path, 2000, &err));
	CHECK(km_qmp_exec(q, "unknown", NULL, NULL, 2000, &err) == -EOPNOTSUPP);
	CHECK(err.code == -EOPNOTSUPP && strstr(err.text, "The command ?[31m unknown has not been"));
	CHECK(km_qmp_exec(q, "refused", NULL, NULL, 2000, &err) == -EREMOTEIO);
	CHECK(strstr(err.text, "refused: no"));
	CHECK(km_qmp_exec(q, "quiet", NULL, NULL, 100, &err) == -ETIMEDOUT);
	CHECK(!km_qmp_exec(q, "echo", json_pack("{s:i}", "x", 1), NULL, 2000, &err));
	km_qmp_close(q);
	fake_stop(&f);
}

static void events(bool *ok)
{
	struct km_qmp *q;
	struct km_err err;
	struct fake f;
	char state[32];
	json_t *e;

	fake_start(&f, serve_well);
	CHECK(!open_it(&q, f.path, 2000, &err));
	CHECK(km_qmp_event(q, &e, 0, &err) == -ETIMEDOUT);
	CHECK(!km_qmp_run_state(q, state, &err));
	CHECK(!km_qmp_event(q, &e, 2000, &err));
	CHECK(!strcmp(json_string_value(json_object_get(e, "event")), "STOP"));
	json_decref(e);
	CHECK(!km_qmp_event(q, &e, 2000, &err));
	CHECK(!strcmp(json_string_value(json_object_get(e, "event")), "RESUME"));
	json_decref(e);
	CHECK(km_qmp_event(q, &e, 50, &err) == -ETIMEDOUT && !e);
	km_qmp_close(q);
	fake_stop(&f);
}

/* ---- pieces: the bytes come one at a time, and pretty-printed ---- */

static void serve_pieces(struct fake *f, int fd)
{
	static const char pretty[] =
		"{\r\n    \"QMP\": {\r\n  \"version\": {\r\n \"qemu\": {\"micro\": 0,\r\n"
		" \"minor\": 0, \"major\": 9}, \"package\": \"}{\"}, \"capabilities\": []}\r\n}\r\n";
	char line[4096];
	char id[32];

	for (const char *p = pretty; *p; p++)
		if (send(fd, p, 1, MSG_NOSIGNAL) != 1)
			return;
	while (!fake_read(f, fd, line, sizeof(line), id)) {
		char text[256];

		snprintf(text, sizeof(text),
			 "{\"event\": \"A\"}{\"event\": \"B\"}\n{\n\"return\": {}, \"id\": %s\n}", id);
		for (const char *p = text; *p; p++)
			if (send(fd, p, 1, MSG_NOSIGNAL) != 1)
				return;
	}
}

static void pieces(bool *ok)
{
	struct km_qmp *q;
	struct km_err err;
	struct fake f;
	json_t *e;

	fake_start(&f, serve_pieces);
	CHECK(!open_it(&q, f.path, 2000, &err));
	for (int i = 0; i < 20; i++)
		CHECK(!km_qmp_exec(q, "x", NULL, NULL, 2000, &err));
	CHECK(!km_qmp_event(q, &e, 0, &err));
	json_decref(e);
	km_qmp_close(q);
	fake_stop(&f);
}

/* ---- servers that don't behave ---- */

static const char *greeting;

static void serve_greeting(struct fake *f, int fd)
{
	char line[4096];
	char id[32];

	fake_say(fd, greeting);
	fake_read(f, fd, line, sizeof(line), id);
}

static void no_qmp(bool *ok)
{
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH_9.2\r\n", "{}\n", "[1, 2]\n", "{\"QMP\": 5}\n", "{\"QMP\": {}}\n",
		"{\"QMP\": {\"version\": {\"qemu\": {\"major\": \"x\"}}}}\n", "{\"QMP\": }\n", "}",
		"{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7}}}]\n", "\xff\xfe{}", "{]\n",
		"{\"QMP\": {\"version\": {\"qemu\": {\"major\": 99999999999999999999999}}}}\n",
	};
	struct km_qmp *q;
	struct km_err err;
	struct fake f;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		greeting = bad[i];
		fake_start(&f, serve_greeting);
		CHECK(open_it(&q, f.path, 2000, &err) == -EPROTO && !q && err.text[0]);
		CHECK(km_qmp_open(&q, f.path, 2000, NULL) == -EPROTO && !q);
		fake_stop(&f);
	}
}

static void serve_nothing(struct fake *f, int fd)
{
	char line[16];
	char id[32];

	fake_read(f, fd, line, sizeof(line), id);
}

static void serve_close(struct fake *f, int fd)
{
	(void)f;
	(void)fd;
}

static void serve_hang_up(struct fake *f, int fd)
{
	char line[4096];
	char id[32];

	fake_hello(f, fd);
	fake_read(f, fd, line, sizeof(line), id);
	fake_say(fd, "{\"return\": {\"half\": ");
}

static void busy_and_gone(bool *ok)
{
	struct km_qmp *q;
	struct km_qmp *other;
	struct km_err err;
	struct fake f;
	char path[108];
	FILE *file;
	int fd;

	/* One client inside, the next waits in the queue, as with QEMU. */
	fake_start(&f, serve_well);
	CHECK(!open_it(&q, f.path, 2000, &err));
	CHECK(open_it(&other, f.path, 150, &err) == -EBUSY && strstr(err.text, "another client"));
	km_qmp_close(q);
	fake_stop(&f);

	fake_start(&f, serve_nothing);
	CHECK(open_it(&q, f.path, 100, &err) == -EBUSY);
	fake_stop(&f);

	fake_start(&f, serve_close);
	CHECK(open_it(&q, f.path, 2000, &err) == -EPROTO);
	strcpy(path, f.path);
	fake_stop(&f);
	CHECK(open_it(&q, path, 100, &err) == -ENOENT);

	fake_start(&f, serve_hang_up);
	CHECK(!open_it(&q, f.path, 2000, &err));
	CHECK(km_qmp_exec(q, "x", NULL, NULL, 2000, &err) == -EPIPE);
	CHECK(km_qmp_exec(q, "x", NULL, NULL, 2000, &err) == -EPIPE); /* and stays so */
	km_qmp_close(q);
	fake_stop(&f);

	fd = fake_listen(path, 1);
	close(fd);
	CHECK(open_it(&q, path, 100, &err) == -ECONNREFUSED && strstr(err.text, "stale"));
	unlink(path);
	file = fopen(path, "w");
	fclose(file);
	CHECK(open_it(&q, path, 100, &err) == -ECONNREFUSED && strstr(err.text, "not a socket"));
	unlink(path);

	/* A queue that is full: nobody accepts, and the backlog is one. */
	fd = fake_listen(path, 0);
	CHECK(open_it(&q, path, 50, &err) == -EBUSY);
	close(fd);
	unlink(path);
}

static void long_path(bool *ok)
{
	char dir[64] = "/tmp/kmigrate-unit-long-XXXXXX";
	char link[300];
	struct km_qmp *q;
	struct km_err err;
	struct fake f;

	fake_start(&f, serve_well);
	CHECK(mkdtemp(dir) != NULL);
	snprintf(link, sizeof(link), "%s/%0*d", dir, 150, 0);
	CHECK(!symlink(f.path, link));
	CHECK(!open_it(&q, link, 2000, &err));
	km_qmp_close(q);
	unlink(link);
	rmdir(dir);
	fake_stop(&f);
}

/* ---- more than anybody needs ---- */

static void serve_flood(struct fake *f, int fd)
{
	char line[4096];
	char id[32];

	fake_hello(f, fd);
	fake_read(f, fd, line, sizeof(line), id);
	for (int i = 0; i < 10000; i++)
		fake_say(fd, "{\"event\": \"FLOOD\", \"data\": {}}\r\n");
	fake_answer(fd, id, "{}");
	fake_read(f, fd, line, sizeof(line), id);
	fake_say(fd, "{\"return\": \"");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < 6000; i++) /* 24 MB */
		fake_say(fd, line);
}

static void flood(bool *ok)
{
	struct km_qmp *q;
	struct km_err err;
	struct fake f;
	unsigned int n = 0;
	json_t *e;

	fake_start(&f, serve_flood);
	CHECK(!open_it(&q, f.path, 2000, &err));
	CHECK(!km_qmp_exec(q, "x", NULL, NULL, 10000, &err));
	for (; !km_qmp_event(q, &e, 0, &err); n++)
		json_decref(e);
	CHECK(n == 4096);
	CHECK(km_qmp_exec(q, "x", NULL, NULL, 10000, &err) == -EPROTO);
	CHECK(strstr(err.text, "MiB"));
	km_qmp_close(q);
	fake_stop(&f);
}

static const struct ktap_case cases[] = {
	{ "commands, HMP and the run state", talks },
	{ "QEMU's errors, and answers that come too late", errors },
	{ "events are kept in order", events },
	{ "messages in pieces and pretty-printed", pieces },
	{ "peers that don't talk QMP", no_qmp },
	{ "busy, gone, stale and silent monitors", busy_and_gone },
	{ "paths longer than sun_path", long_path },
	{ "floods end", flood },
};

KTAP_MAIN(cases)
