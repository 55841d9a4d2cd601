// SPDX-License-Identifier: GPL-2.0
/* The pure parts of the commit: the return path whose SHUT is held back, the journal. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/journal.h"
#include "xfer/retpath.h"

/* PONG 7, PONG 8, SHUT 0, as QEMU sends them (migration.c, migrate_send_rp_message()). */
static const uint8_t stream[] = { 0, 2, 0, 4, 0, 0, 0, 7, 0, 2, 0, 4, 0, 0, 0, 8,
				  0, 1, 0, 4, 0, 0, 0, 0 };
enum { PONGS = 16 };

static void cut_anywhere(bool *ok)
{
	for (size_t step = 1; step <= sizeof(stream); step++) {
		uint8_t got[sizeof(stream) + 4], out[sizeof(stream) + 4];
		struct km_retpath r = { 0 };
		size_t have = 0, n;

		for (size_t at = 0; at < sizeof(stream); at += step) {
			size_t len = sizeof(stream) - at < step ? sizeof(stream) - at : step;

			CHECK(!km_retpath_feed(&r, stream + at, len, out, &n, NULL));
			CHECK(have + n <= PONGS);
			memcpy(got + have, out, n);
			have += n;
		}
		CHECK(have == PONGS && !memcmp(got, stream, PONGS));
		CHECK(r.nheld == sizeof(stream) - PONGS);
		CHECK(!memcmp(r.held, stream + PONGS, r.nheld));
	}
}

static void hostile_return_path(bool *ok)
{
	static const uint8_t zero[4], high[] = { 0xff, 0xff, 0, 0 };
	uint8_t out[256], long_shut[128] = { 0, 1, 0, 124 };
	struct km_retpath r = { 0 };
	struct km_err err;
	size_t n;

	CHECK(km_retpath_feed(&r, zero, sizeof(zero), out, &n, &err) == -EPROTO);
	memset(&r, 0, sizeof(r));
	CHECK(km_retpath_feed(&r, high, sizeof(high), out, &n, &err) == -EPROTO);
	memset(&r, 0, sizeof(r));
	CHECK(km_retpath_feed(&r, long_shut, sizeof(long_shut), out, &n, &err) == -EPROTO);
}

static void journal_keeps(bool *ok)
{
	struct km_journal j = { .step = KM_STEP_GO, .vm_pid = 42, .was_running = true }, k, *list;
	struct km_err err = { 0 };
	size_t n;

	km_journal_new_id(j.id);
	strcpy(j.vm_name, "name \"with\" quotes\n");
	strcpy(j.host, "h");
	strcpy(j.session, "s");
	strcpy(j.note, "n");
	CHECK(!km_journal_write(&j, true, &err));
	CHECK(!km_journal_read(&k, j.id, false, &err));
	CHECK(k.step == KM_STEP_GO && k.vm_pid == 42 && k.was_running && !k.destination);
	CHECK(!strcmp(k.vm_name, j.vm_name) && !strcmp(k.session, "s"));
	CHECK(!strcmp(k.note, "n") && !strcmp(k.host, "h"));
	CHECK(k.owner_pid == getpid());
	CHECK(km_journal_open(&k));
	CHECK(km_journal_read(&k, j.id, true, &err) == -ENOENT);
	j.destination = true;
	j.step = KM_STEP_MOVED;
	CHECK(!km_journal_write(&j, false, &err));
	CHECK(!km_journal_list(&list, &n, &err) && n == 2);
	CHECK(km_journal_open(&list[0]) != km_journal_open(&list[1]));
	free(list);
}

/* A file in the state's folder, not written by km_journal_write(). */
static void put_file(const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", getenv("KMIGRATE_STATE_DIR"), name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static bool remove_file(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", getenv("KMIGRATE_STATE_DIR"), name);
	return !unlink(path);
}

static void journal_refuses(bool *ok)
{
	static const char *const ids[] = { "", "..", "../x", "ABC", "a/b", "a.b" };
	struct km_journal j, *list;
	struct km_err err;
	size_t n;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		CHECK(km_journal_read(&j, ids[i], false, &err) == -EINVAL);
	put_file("abc.source", "{\"id\": \"abc\", \"step\": \"elsewhere\"}");
	CHECK(km_journal_read(&j, "abc", false, &err) == -EBADMSG);
	put_file("abd.source", "{\"id\": \"../abd\", \"step\": \"moved\"}");
	CHECK(km_journal_read(&j, "abd", false, &err) == -EBADMSG);
	put_file("abe.source.new", "{\"id\": \"abe\", \"step\": \"moved\"}");
	put_file("abe.source~", "{\"id\": \"abe\", \"step\": \"moved\"}");
	/* Passed over, not fatal. */
	CHECK(!km_journal_list(&list, &n, &err) && n == 2);
	free(list);
	CHECK(remove_file("abc.source") && remove_file("abd.source"));
	CHECK(remove_file("abe.source.new") && remove_file("abe.source~"));
}

/* write() takes what fits, and says how much that was. */
static void journal_on_a_full_disk(bool *ok)
{
	struct rlimit all, few = { .rlim_cur = 20 };
	struct km_journal j = { .step = KM_STEP_STARTED }, k;
	struct km_err err = { 0 };
	int rc;

	strcpy(j.id, "f0");
	CHECK(!km_journal_write(&j, true, &err));
	j.step = KM_STEP_GO;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &all);
	few.rlim_max = all.rlim_max;
	setrlimit(RLIMIT_FSIZE, &few);
	rc = km_journal_write(&j, true, &err);
	setrlimit(RLIMIT_FSIZE, &all);
	CHECK(rc < 0 && strstr(err.text, "cannot write the journal"));
	/* What was there is there, and nothing beside it. */
	CHECK(!km_journal_read(&k, "f0", false, &err) && k.step == KM_STEP_STARTED);
	CHECK(!remove_file("f0.source.new") && remove_file("f0.source"));
}

/* Old entries go when a move begins; one that nobody has settled yet never does. */
static void journal_forgets(bool *ok)
{
	struct km_journal j = { .step = KM_STEP_MOVED };
	struct km_err err = { 0 };
	char id[40];

	strcpy(j.id, "a3");
	CHECK(!km_journal_write(&j, false, &err));
	put_file("a1.source", "{\"id\": \"a1\", \"step\": \"moved\", \"updated_s\": 1}");
	put_file("a2.source", "{\"id\": \"a2\", \"step\": \"go\", \"updated_s\": 1}");
	km_journal_new_id(id);
	CHECK(km_journal_read(&j, "a1", false, &err) == -ENOENT);
	CHECK(remove_file("a2.source") && remove_file("a3.source"));
}

static const struct ktap_case cases[] = {
	{ "return path: SHUT is held, wherever the stream is cut", cut_anywhere },
	{ "return path: hostile bytes", hostile_return_path },
	{ "journal: what is written is read, by side", journal_keeps },
	{ "journal: foreign ids and files", journal_refuses },
	{ "journal: a full disk leaves the entry that was there", journal_on_a_full_disk },
	{ "journal: what is old and settled goes", journal_forgets },
};

int main(void)
{
	char dir[] = "/tmp/kmigrate-journal-XXXXXX", command[64];
	int rc;

	if (!mkdtemp(dir) || setenv("KMIGRATE_STATE_DIR", dir, 1))
		return 1;
	rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) ? 1 : rc;
}
