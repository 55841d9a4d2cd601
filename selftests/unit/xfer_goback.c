// SPDX-License-Identifier: GPL-2.0
/* A move that failed: what QEMU is told, by the states that it may be in (goback.h). */
#include "ktap.h"
#include "fakeqmp.h"
#include "xfer/goback.h"

/* The QEMU: what it says, and what it was told. */
static struct {
	const char *migration, *state;
	unsigned int cancels, conts;
	unsigned int deaf;     /* to so many questions of its status */
	bool ends;	       /* its monitor, at such a one */
	unsigned int patience; /* ours, when it does not answer */
} qemu;

static void serve(struct fake *f, int fd)
{
	char line[4096], id[32], value[64];

	fake_hello(f, fd);
	while (!fake_read(f, fd, line, sizeof(line), id)) {
		strcpy(value, "{}");
		if (strstr(line, "\"query-status\"") && qemu.ends)
			return;
		if (strstr(line, "\"query-status\"") && qemu.deaf && qemu.deaf--)
			continue;
		if (strstr(line, "\"query-migrate\""))
			snprintf(value, sizeof(value), "{\"status\": \"%s\"}", qemu.migration);
		if (strstr(line, "\"query-status\""))
			snprintf(value, sizeof(value), "{\"status\": \"%s\"}", qemu.state);
		if (strstr(line, "\"migrate_cancel\"")) {
			qemu.cancels++;
			qemu.migration = "cancelled";
			if (!strcmp(qemu.state, "finish-migrate"))
				qemu.state = "running"; /* migration_iteration_finish() */
		}
		if (strstr(line, "\"cont\"")) {
			qemu.conts++;
			qemu.state = "running";
		}
		fake_answer(fd, id, value);
	}
}

static bool ask_on(void *ctx)
{
	(void)ctx;
	return qemu.patience && qemu.patience--;
}

static enum km_outcome go_back(const char *migration, const char *state, bool was_running)
{
	enum km_outcome o = KM_OUT_DOUBT;
	struct km_qmp *q;
	struct fake f;

	qemu.migration = migration;
	qemu.state = state;
	qemu.cancels = qemu.conts = 0;
	fake_start(&f, serve);
	if (!km_qmp_open(&q, f.path, 20000, NULL)) {
		o = km_go_back(q, was_running, ask_on, NULL);
		km_qmp_close(q);
	}
	fake_stop(&f);
	return o;
}

static void under_way(bool *ok)
{
	CHECK(go_back("active", "running", true) == KM_OUT_STAYED);
	CHECK(qemu.cancels == 1 && !qemu.conts);
	CHECK(go_back("device", "finish-migrate", true) == KM_OUT_STAYED);
	CHECK(qemu.cancels == 1 && !qemu.conts && !strcmp(qemu.state, "running"));
}

static void completed(bool *ok)
{
	CHECK(go_back("completed", "postmigrate", true) == KM_OUT_STAYED);
	CHECK(!qemu.cancels && qemu.conts == 1);
	CHECK(go_back("completed", "postmigrate", false) == KM_OUT_STAYED);
	CHECK(!qemu.cancels && !qemu.conts);
}

/* By its user, before the move or in the midst of it. */
static void paused(bool *ok)
{
	CHECK(go_back("active", "paused", false) == KM_OUT_STAYED);
	CHECK(qemu.cancels == 1 && !qemu.conts);
	CHECK(go_back("active", "paused", true) == KM_OUT_STAYED);
	CHECK(qemu.cancels == 1 && !qemu.conts && !strcmp(qemu.state, "paused"));
}

static void broken(bool *ok)
{
	CHECK(go_back("failed", "internal-error", true) == KM_OUT_LOST);
	CHECK(!qemu.cancels && !qemu.conts);
}

/* It is asked again; the migration that goes on meanwhile is seen to. */
static void silent(bool *ok)
{
	qemu.deaf = 1;
	qemu.patience = 1;
	CHECK(go_back("active", "running", true) == KM_OUT_STAYED);
	CHECK(!qemu.deaf && !qemu.patience && qemu.cancels == 1);
	qemu.deaf = 1;
	CHECK(go_back("active", "running", true) == KM_OUT_DOUBT);
	CHECK(!qemu.deaf && !qemu.cancels);
}

static void ended(bool *ok)
{
	qemu.ends = true;
	CHECK(go_back("active", "running", true) == KM_OUT_LOST);
	qemu.ends = false;
}

static const struct ktap_case cases[] = {
	{ "back: a migration that is under way is cancelled", under_way },
	{ "back: a guest that QEMU has let go of is told to go on", completed },
	{ "back: one that somebody has paused is left so, and is not lost", paused },
	{ "back: one that can't go on is lost", broken },
	{ "back: a QEMU that does not answer is asked again, while one is patient", silent },
	{ "back: one whose monitor ends is lost", ended },
};
KTAP_MAIN(cases)
