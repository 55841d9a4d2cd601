// SPDX-License-Identifier: GPL-2.0
/* Disks on their way, what a peer must not get past the checks, and tokens in real folders. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "disk/diskwire.h"
#include "disk/token.h"
#include "ktap.h"

static struct km_disks sent, got;
static struct km_err err;
static bool mirror;

static void one(void)
{
	struct km_disk *d = &sent.d[0];

	memset(&sent, 0, sizeof(sent));
	sent.n = 1;
	strcpy(d->id, "d0");
	strcpy(d->path, "/srv/a");
	strcpy(d->format, "raw");
	d->bytes = 1 << 20;
	d->allocated_bytes = 4096;
	d->proof.inode = UINT64_MAX;
	strcpy(d->proof.name, KM_TOKEN_PREFIX "0123456789abcdef0123456789abcdef");
	memset(d->proof.secret, 'a', 2 * KM_TOKEN_BYTES);
}

static int parse(json_t *j)
{
	int rc = km_disks_offer_parse(j, &got, &mirror, &err);

	json_decref(j);
	return rc;
}

static void there(bool *ok)
{
	one();
	sent.d[1] = sent.d[0];
	strcpy(sent.d[1].id, "d1");
	strcpy(sent.d[1].why_not, "because");
	sent.d[1].path[0] = sent.d[1].format[0] = '\0';
	sent.d[1].bytes = 3;
	sent.d[1].network = sent.d[1].rewritten = sent.d[1].proof.network = true;
	sent.d[1].proof.name[0] = sent.d[1].proof.secret[0] = '\0';
	sent.n = 2;
	CHECK(!parse(km_disks_offer(&sent, true)) && mirror && got.n == 2);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(!strcmp(got.d[i].id, sent.d[i].id) && got.d[i].bytes == sent.d[i].bytes);
		CHECK(!strcmp(got.d[i].path, sent.d[i].path));
		CHECK(!strcmp(got.d[i].format, sent.d[i].format));
		CHECK(!strcmp(got.d[i].why_not, sent.d[i].why_not));
		CHECK(got.d[i].allocated_bytes == 4096 && got.d[i].proof.inode == UINT64_MAX);
		CHECK(got.d[i].network == (i == 1) && got.d[i].rewritten == (i == 1));
		CHECK(got.d[i].proof.network == (i == 1));
		CHECK(!strcmp(got.d[i].proof.secret, sent.d[i].proof.secret));
	}
	CHECK(!parse(km_disks_offer(&sent, false)) && !mirror);
}

/* Each alone makes it no disk. */
static void wrong(bool *ok)
{
	static const char *const bad[] = {
		"{\"id\":\"\"}",
		"{\"id\":7}",
		"{\"id\":\"a\\u0000b\"}",
		"{\"path\":\"srv/a\"}",
		"{\"path\":\"/srv/a\\nb\"}",
		"{\"path\":null}",
		"{\"format\":\"vmdk\"}",
		"{\"bytes\":0}",
		"{\"bytes\":-512}",
		"{\"bytes\":513}",
		"{\"bytes\":1.5}",
		"{\"bytes\":9223372036854775807}",
		"{\"allocated_bytes\":\"1\"}",
		"{\"network\":1}",
		"{\"rewritten\":null}",
		"{\"why_not\":false}",
		"{\"inode\":\"-1x\"}",
		"{\"inode\":\"\"}",
		"{\"inode\":5}",
		"{\"network_fs\":\"yes\"}",
		"{\"token\":\"../../etc/shadow\"}",
		"{\"token\":\".kmigrate-0123456789abcdef0123456789abcde/\"}",
		"{\"token\":\".kmigrate-\"}",
		"{\"token\":\"\"}", /* with a secret */
		"{\"secret\":\"\"}",
		"{\"secret\":\"../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
	};

	one();
	CHECK(!parse(km_disks_offer(&sent, true)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_t *j = km_disks_offer(&sent, true),
		       *with = json_loads(bad[i], JSON_ALLOW_NUL, NULL);

		if (!with)
			abort();
		json_object_update(json_array_get(json_object_get(j, "list"), 0), with);
		json_decref(with);
		memset(&err, 0, sizeof(err));
		CHECK(parse(j) == -EPROTO && err.text[0]);
		if (err.code != -EPROTO)
			printf("# %s\n", bad[i]);
	}
}

static void no_list(bool *ok)
{
	json_t *j = json_pack("{s:b,s:[]}", "mirror", 1, "list");

	CHECK(parse(NULL) == -EPROTO);
	CHECK(parse(json_object()) == -EPROTO);
	CHECK(parse(json_pack("{s:b,s:{}}", "mirror", 1, "list")) == -EPROTO);
	CHECK(!parse(json_incref(j)) && !got.n);
	one();
	for (int i = 0; i <= KM_DISKS_MAX; i++) {
		json_t *k = km_disks_offer(&sent, true);

		json_array_append(json_object_get(j, "list"),
				  json_array_get(json_object_get(k, "list"), 0));
		json_decref(k);
		CHECK(parse(json_incref(j)) == (i < KM_DISKS_MAX ? 0 : -EPROTO));
	}
	json_decref(j);
}

static void answers(bool *ok)
{
	struct km_disk_fate in[2] = { { .how = KM_DISK_MIRRORED,
					.path = "/b/a",
					.allocated_bytes = 5 << 20 },
				      { .how = KM_DISK_REWRITTEN } },
			    out[2];
	json_t *j = km_disks_answer(in, 2);

	CHECK(!km_disks_answer_parse(j, 2, out, &err) && out[0].how == KM_DISK_MIRRORED);
	CHECK(!strcmp(out[0].path, "/b/a") && out[0].allocated_bytes == 5 << 20);
	CHECK(out[1].how == KM_DISK_REWRITTEN && !out[1].path[0]);
	CHECK(km_disks_answer_parse(j, 1, out, &err) == -EPROTO);
	CHECK(km_disks_answer_parse(NULL, 2, out, &err) == -EOPNOTSUPP);
	json_object_set_new(json_array_get(j, 1), "how", json_string("stolen"));
	CHECK(km_disks_answer_parse(j, 2, out, &err) == -EPROTO);
	json_decref(j);
}

/* ---- tokens ---- */

static char folder[] = "/tmp/kmigrate-unit-XXXXXX", token[PATH_MAX];
static struct km_disk disk;

static char *in_folder(char buf[PATH_MAX], const char *name)
{
	snprintf(buf, PATH_MAX, "%s/%s", folder, name);
	return buf;
}

static void make(const char *name)
{
	char path[PATH_MAX];

	close(open(in_folder(path, name), O_CREAT | O_WRONLY | O_TRUNC, 0600));
}

static int offer(const char *name)
{
	memset(&disk, 0, sizeof(disk));
	in_folder(disk.path, name);
	return km_token_make(&disk, "/", token, &err);
}

static bool sees(const char *name)
{
	char path[PATH_MAX];

	return km_token_seen(&disk.proof, in_folder(path, name));
}

static void same_file(bool *ok)
{
	char path[PATH_MAX], to[PATH_MAX];
	struct stat st;

	CHECK(!offer("a") && token[0] && sees("a"));
	CHECK(!stat(in_folder(path, "a"), &st) && !st.st_size); /* nothing went into it */
	CHECK(!stat(token, &st) && (st.st_mode & 0777) == 0600);
	CHECK(!symlink(in_folder(path, "a"), in_folder(to, "s/link")) && sees("s/link"));
	CHECK(!sees("b")); /* another one in the same folder */
	CHECK(!sees("none"));
	/* The same inode by another name elsewhere: the token is not beside it. */
	CHECK(!link(in_folder(path, "a"), in_folder(to, "s/hard")) && !sees("s/hard"));
	snprintf(path, sizeof(path), "%s", token);
	km_token_remove(token);
	CHECK(!token[0] && access(path, F_OK) && !sees("a"));
}

static void other_content(bool *ok)
{
	CHECK(!offer("a") && sees("a"));
	disk.proof.secret[0] ^= 1;
	CHECK(!sees("a"));
	disk.proof.secret[0] ^= 1;
	CHECK(!truncate(token, 2 * KM_TOKEN_BYTES - 1) && !sees("a"));
	km_token_remove(token);
	disk.proof.name[0] = '\0'; /* none could be made, and this is no network's file system */
	CHECK(!sees("a"));
	disk.proof.network = true;
	CHECK(!sees("a"));
}

static void no_file(bool *ok)
{
	CHECK(offer("none") == -ENOENT && err.text[0] && !token[0]);
	memset(&disk, 0, sizeof(disk));
	CHECK(!km_token_make(&disk, "/", token, &err) && !token[0] && !disk.proof.inode);
	strcpy(disk.path, "a"); /* as QEMU was told, in its folder */
	CHECK(!km_token_make(&disk, folder, token, &err) && token[0] && sees("a"));
	km_token_remove(token);
}

static const struct ktap_case cases[] = {
	{ "disks' offer: there and back", there },
	{ "disks' offer: nothing wrong gets through", wrong },
	{ "disks' offer: its list", no_list },
	{ "disks' answer", answers },
	{ "token: the same file is seen, and no other", same_file },
	{ "token: the content counts", other_content },
	{ "token: a file that is not there, and a relative one", no_file },
};

int main(void)
{
	char path[PATH_MAX];
	int rc;

	if (!mkdtemp(folder) || mkdir(in_folder(path, "s"), 0700))
		return 1;
	make("a");
	make("b");
	rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	unlink(in_folder(path, "s/link"));
	unlink(in_folder(path, "s/hard"));
	rmdir(in_folder(path, "s"));
	unlink(in_folder(path, "a"));
	unlink(in_folder(path, "b"));
	return rmdir(folder) || rc;
}
