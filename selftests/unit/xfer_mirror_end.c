// SPDX-License-Identifier: GPL-2.0
/*
 * Mirrors that are ended early, of a QEMU that is played here: none is cancelled while the guest
 * runs, and whoever is killed at any command, the guest goes on in the end.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include "fakeqmp.h"
#include "ktap.h"
#include "xfer/mirror.h"

enum { JOBS = 3, COMMANDS_MAX = 200 };

/* The last is somebody else's. */
static struct {
	bool running, node[JOBS], there[JOBS], concluded[JOBS];
	long long speed[JOBS];
	int wrong, stops, conts;
	int kill_at; /* the command at which the client is killed; 0: none */
	bool before; /* it is killed before QEMU has done it */
} qemu;

static const char *const name[JOBS] = { "kmigrate-disk0", "kmigrate-disk1", "backup" };
static struct km_err err;

static void begin(bool running)
{
	memset(&qemu, 0, sizeof(qemu));
	qemu.running = running;
	for (int i = 0; i < JOBS; i++)
		qemu.there[i] = qemu.node[i] = true;
}

static int job_of(const char *line)
{
	for (int i = 0; i < JOBS; i++)
		if (strstr(line, name[i]))
			return i;
	return -1;
}

static void list(char *to, size_t size, bool nodes)
{
	size_t n = (size_t)snprintf(to, size, "[");

	for (int i = 0; i < JOBS; i++) {
		const char *comma = n > 1 ? "," : "";

		if (nodes && qemu.node[i])
			n += (size_t)snprintf(to + n, size - n, "%s{\"node-name\":\"%s\"}", comma,
					      name[i]);
		if (!nodes && qemu.there[i])
			n += (size_t)snprintf(to + n, size - n,
					      "%s{\"device\":\"%s\",\"status\":\"%s\","
					      "\"speed\":%lld,\"io-status\":\"ok\"}",
					      comma, name[i],
					      qemu.concluded[i] ? "concluded" : "ready",
					      qemu.speed[i]);
	}
	snprintf(to + n, size - n, "]");
}

/* QEMU, as far as it is asked.  false: an error. */
static bool obey(const char *line, char *answer, size_t size)
{
	int j = job_of(line);

	snprintf(answer, size, "{}");
	if (strstr(line, "query-block-jobs"))
		list(answer, size, false);
	else if (strstr(line, "query-named-block-nodes"))
		list(answer, size, true);
	else if (strstr(line, "query-status"))
		snprintf(answer, size, "{\"status\":\"%s\"}", qemu.running ? "running" : "paused");
	else if (strstr(line, "\"execute\":\"stop\""))
		qemu.running = false, qemu.stops++;
	else if (strstr(line, "\"execute\":\"cont\""))
		qemu.running = true, qemu.conts++;
	else if (strstr(line, "\"blockdev-add\""))
		qemu.node[0] = true;
	else if (strstr(line, "\"blockdev-mirror\""))
		qemu.there[0] = strstr(line, "\"on-source-error\":\"stop\"") &&
				strstr(line, "\"on-target-error\":\"stop\"");
	else if (j < 0 || j == JOBS - 1) /* what else there is, is nobody's business */
		qemu.wrong++;
	else if (strstr(line, "block-job-set-speed"))
		return qemu.there[j] && !qemu.concluded[j] &&
		       sscanf(strstr(line, "\"speed\":") + 8, "%lld", &qemu.speed[j]) == 1;
	else if (strstr(line, "block-job-cancel")) {
		qemu.wrong += qemu.running || !strstr(line, "\"force\":true");
		qemu.concluded[j] = qemu.there[j];
		return qemu.there[j];
	} else if (strstr(line, "job-dismiss")) {
		qemu.wrong += !qemu.concluded[j];
		qemu.there[j] = false;
	} else if (strstr(line, "blockdev-del")) {
		qemu.wrong += qemu.there[j];
		qemu.node[j] = false;
	} else {
		qemu.wrong++;
	}
	return true;
}

static void serve(struct fake *f, int fd)
{
	char line[4096], answer[2048], id[32];
	socklen_t len = sizeof(struct ucred);
	struct ucred peer;
	bool dies = false;

	fake_hello(f, fd);
	for (int n = 1; n < COMMANDS_MAX && !fake_read(f, fd, line, sizeof(line), id); n++) {
		bool done;

		dies = n == qemu.kill_at;
		if (dies && qemu.before)
			break;
		done = obey(line, answer, sizeof(answer));
		if (dies)
			break;
		if (done)
			fake_answer(fd, id, answer);
		else
			fake_say(fd,
				 "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"}}\r\n");
	}
	if (dies && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		kill(peer.pid, SIGKILL);
}

static bool clean(const struct fake *f)
{
	struct km_qmp *q;
	bool done;

	if (km_qmp_open(&q, f->path, 5000, &err))
		return false;
	done = km_mirror_clean(q);
	km_qmp_close(q);
	return done;
}

static bool all_gone(void)
{
	return !qemu.there[0] && !qemu.there[1] && !qemu.node[0] && !qemu.node[1] &&
	       qemu.there[2] && !qemu.concluded[2] && !qemu.wrong;
}

static void by_no_error(bool *ok)
{
	struct km_disk d = { .id = "d0", .format = "raw", .bytes = 4096 };
	struct km_qmp *q;
	struct fake f;

	memset(&qemu, 0, sizeof(qemu));
	fake_start(&f, serve);
	CHECK(!km_qmp_open(&q, f.path, 5000, &err));
	CHECK(!km_mirror_begin(q, 0, &d, "/none", &err) && qemu.there[0]);
	km_qmp_close(q);
	fake_stop(&f);
}

static void runs(bool *ok)
{
	struct fake f;

	begin(true);
	fake_start(&f, serve);
	CHECK(clean(&f) && all_gone() && qemu.running && qemu.stops == 1 && qemu.conts == 1);
	begin(true);
	qemu.concluded[0] = qemu.concluded[1] = true;
	CHECK(clean(&f) && all_gone() && qemu.running && !qemu.stops);
	fake_stop(&f);
}

/* Somebody has paused it, and it stays so. */
static void is_paused(bool *ok)
{
	struct fake f;

	begin(false);
	fake_start(&f, serve);
	CHECK(clean(&f) && all_gone() && !qemu.running && !qemu.conts);
	fake_stop(&f);
}

/* One that is killed at its n-th command, and one that comes after it.  -1: there was no n-th. */
static int killed_at(int n, bool before)
{
	struct fake f;
	pid_t client;
	int status;
	bool well;

	begin(true);
	qemu.kill_at = n;
	qemu.before = before;
	fake_start(&f, serve);
	client = fork();
	if (!client)
		_exit(!clean(&f));
	waitpid(client, &status, 0);
	fake_stop(&f);
	qemu.kill_at = 0;
	fake_start(&f, serve);
	well = clean(&f) && all_gone() && qemu.running;
	fake_stop(&f);
	return WIFEXITED(status) ? -1 : well;
}

static void killed(bool *ok)
{
	int n = 0, rc = 1;

	while (n < COMMANDS_MAX && rc > 0) {
		n++;
		rc = killed_at(n, true);
		if (rc > 0)
			rc = killed_at(n, false);
	}
	printf("# killed at each of %d commands\n", n - 1);
	CHECK(rc == -1 && n > 8);
}

static const struct ktap_case cases[] = {
	{ "mirrors' end: by no error", by_no_error },
	{ "mirrors' end: the guest runs", runs },
	{ "mirrors' end: the guest was paused", is_paused },
	{ "mirrors' end: killed at any command, and done again", killed },
};

KTAP_MAIN(cases)
