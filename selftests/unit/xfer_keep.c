// SPDX-License-Identifier: GPL-2.0
/* The keys that journals keep (keep.h): for whom, and for how long. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "ktap.h"
#include "xfer/keep.h"

static char dir[] = "/tmp/xfer_keep.XXXXXX";

/* An entry with a key of its own. */
static struct km_psk begin(struct km_journal *j, const char *id, bool destination)
{
	struct km_err err = { 0 };
	struct km_creds *c;
	struct km_psk k;

	memset(j, 0, sizeof(*j));
	snprintf(j->id, sizeof(j->id), "%s", id);
	j->destination = destination;
	if (km_psk_new(&k, &err) || km_creds_of_key(&c, &k, NULL, &err) || km_keep(j, c, &err) ||
	    km_journal_write(j, true, &err)) {
		printf("# %s\n", err.text);
		exit(1);
	}
	km_creds_free(c);
	return k;
}

/* The permissions of a key's file, or -1. */
static int mode_of(const char *name)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s.psk", dir, name);
	return stat(path, &st) ? -1 : (int)(st.st_mode & 07777);
}

static bool found(const struct km_psk *k)
{
	char id[KM_PSK_ID];
	struct km_psk got;

	km_psk_id(k, id);
	return !km_keep_find(id, &got) && !memcmp(&got, k, sizeof(got));
}

static void source(bool *ok)
{
	struct km_err err = { 0 };
	struct km_journal j, read;
	struct km_psk k;
	struct km_creds *c;

	umask(0);
	k = begin(&j, "a1", false);
	umask(022);
	CHECK(mode_of("a1.source") == 0600);
	CHECK(!found(&k)); /* it is the destination that is asked */
	CHECK(!km_journal_read(&read, "a1", false, &err) && !strcmp(read.secure, "psk"));
	CHECK(!km_keep_open(&read, &c, &err) && !memcmp(&c->psk, &k, sizeof(k)));
	km_creds_free(c);
	j.step = KM_STEP_GO;
	CHECK(!km_journal_write(&j, false, &err) && mode_of("a1.source") == 0600);
	j.step = KM_STEP_MOVED;
	CHECK(!km_journal_write(&j, false, &err) && mode_of("a1.source") == -1);
	CHECK(km_keep_open(&read, &c, &err) && strstr(err.text, "a1.source.psk"));
}

static void destination(bool *ok)
{
	struct km_err err = { 0 };
	struct km_journal j, other;
	struct km_psk k = begin(&j, "b1", true), k2 = begin(&other, "b2", true), unknown;
	char id[KM_PSK_ID];

	CHECK(mode_of("b1.destination") == 0600);
	CHECK(found(&k) && found(&k2));
	CHECK(!km_psk_new(&unknown, &err));
	km_psk_id(&unknown, id);
	CHECK(km_keep_find(id, &unknown) == -ENOENT);
	j.step = KM_STEP_MOVED; /* the source may not know that yet */
	CHECK(!km_journal_write(&j, false, &err) && found(&k));
	km_keep_wipe(&j);
	CHECK(!found(&k) && mode_of("b1.destination") == -1 && found(&k2));
}

static void forgotten(bool *ok)
{
	char path[96], id[40], *text;
	struct km_err err = { 0 };
	struct km_journal j;
	FILE *f;

	begin(&j, "c1", true);
	j.step = KM_STEP_MOVED;
	CHECK(!km_journal_write(&j, false, &err));
	j.updated_s = time(NULL) - 31 * 24 * 3600;
	snprintf(path, sizeof(path), "%s/c1.destination", dir);
	f = fopen(path, "w");
	text = km_journal_text(&j);
	fputs(text, f);
	free(text);
	fclose(f);
	CHECK(mode_of("c1.destination") == 0600);
	km_journal_new_id(id);
	CHECK(access(path, F_OK) && mode_of("c1.destination") == -1);
}

static void others(bool *ok)
{
	struct km_err err = { 0 };
	struct km_journal j = { .id = "d1" }, read;
	struct km_creds *c = (void *)1;

	CHECK(!km_keep(&j, NULL, &err) && !strcmp(j.secure, "none"));
	CHECK(!km_keep_open(&j, &c, &err) && !c);
	c = calloc(1, sizeof(*c));
	c->kind = KM_SECURE_X509;
	strcpy(c->path, "/etc/pki/qemu");
	strcpy(c->name, "b.example");
	CHECK(!km_keep(&j, c, &err) && !km_journal_write(&j, false, &err));
	free(c);
	CHECK(!km_journal_read(&read, "d1", false, &err) && !strcmp(read.secure, "x509"));
	CHECK(!strcmp(read.tls_dir, "/etc/pki/qemu") && !strcmp(read.tls_name, "b.example"));
	CHECK(mode_of("d1.source") == -1);
	strcpy(j.secure, "");
	CHECK(km_keep_open(&j, &c, &err) == -EBADMSG);
	strcpy(j.id, "../x");
	CHECK(km_keep_open(&j, &c, &err) == -EINVAL);
}

/* Overwritten where it was: by a second name the old bytes can be looked for. */
static void wiped(bool *ok)
{
	char path[96], second[96], text[128] = "";
	struct km_journal j;
	FILE *f;

	begin(&j, "e1", true);
	snprintf(path, sizeof(path), "%s/e1.destination.psk", dir);
	snprintf(second, sizeof(second), "%s/second", dir);
	CHECK(!link(path, second));
	km_keep_wipe(&j);
	f = fopen(second, "r");
	CHECK(fread(text, 1, sizeof(text), f) == 2 * KM_PSK_BYTES && !text[0] &&
	      !memcmp(text, text + 1, 2 * KM_PSK_BYTES - 1));
	fclose(f);
	unlink(second);
}

static const struct ktap_case cases[] = {
	{ "the source's key goes when the journal says where the guest is", source },
	{ "the destination's stays until it is wiped, and is found by its id", destination },
	{ "a key that nobody came for goes with its entry", forgotten },
	{ "no key: plain TCP, certificates", others },
	{ "a key that is wiped is overwritten", wiped },
};

int main(void)
{
	char command[64];
	int rc;

	if (!mkdtemp(dir) || setenv("KMIGRATE_STATE_DIR", dir, 1))
		return 1;
	rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) || rc;
}
