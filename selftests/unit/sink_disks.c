// SPDX-License-Identifier: GPL-2.0
/* Where a mirrored disk may go at the destination: over nothing that is somebody's, and over
 * nothing before all can be had. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "disk/token.h"
#include "ktap.h"
#include "xfer/sink_disks_priv.h"

static char folder[] = "/tmp/kmigrate-unit-XXXXXX";
static struct km_disks asked;
static struct km_sink_opts opts;
static struct sink s;
static struct km_err err;

static const char *at(char buf[PATH_MAX], const char *name)
{
	snprintf(buf, PATH_MAX, "%s/%s", folder, name);
	return buf;
}

static void put(const char *name, const char *text)
{
	char path[PATH_MAX];
	int fd = open(at(path, name), O_CREAT | O_WRONLY | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd))
		abort();
	close(fd);
}

static bool holds(const char *name, const char *text)
{
	char path[PATH_MAX], buf[64] = "";
	int fd = open(at(path, name), O_RDONLY);
	bool same = fd >= 0 && read(fd, buf, sizeof(buf) - 1) >= 0 && !strcmp(buf, text);

	if (fd >= 0)
		close(fd);
	return same;
}

/* The source's disk, in the file `name` of folder src; its token is there, or none is. */
static void offered(const char *name, bool with_token)
{
	struct km_disk *d = &asked.d[0];
	char token[PATH_MAX];

	memset(&asked, 0, sizeof(asked));
	asked.n = 1;
	strcpy(d->id, "d0");
	strcpy(d->format, "raw");
	d->bytes = 1 << 20;
	at(d->path, name);
	if (km_token_make(d, "/", token, &err))
		abort();
	if (!with_token) {
		km_token_remove(token);
		d->proof.name[0] = d->proof.secret[0] = '\0';
	}
}

/* Another one, like it. */
static void and_offered(const char *name)
{
	struct km_disk *d = &asked.d[asked.n++];

	*d = asked.d[0];
	strcpy(d->id, "d1");
	at(d->path, name);
}

/* HELLO comes; to be mirrored to the folder there, which is also where --replace leads. */
static int laid(bool overwrite, const char *storage_dir)
{
	static char replace[2 * PATH_MAX], dir[PATH_MAX];
	static char *no_qemu[] = { "/bin/false", NULL };
	json_t *hello = json_pack("{s:o}", "disks", km_disks_offer(&asked, true));
	int rc;

	km_sink_disks_free(&s);
	memset(&s, 0, sizeof(s));
	memset(&opts, 0, sizeof(opts));
	memset(&err, 0, sizeof(err));
	snprintf(replace, sizeof(replace), "%s/src/=%s/there/", folder, folder);
	opts.replace.v[opts.replace.n++] = replace;
	opts.storage_dir = storage_dir ? at(dir, storage_dir) : NULL;
	opts.overwrite_disks = overwrite;
	s.o = &opts;
	s.q.args = no_qemu;
	rc = km_sink_disks_lay(&s, hello, &err);
	json_decref(hello);
	return rc;
}

/* And then the move fails. */
static int made(void)
{
	int rc = km_sink_disks_make(&s, &err);

	km_sink_disks_end(&s, false);
	return rc;
}

static bool goes_to(const char *name)
{
	char path[PATH_MAX];

	return s.disks->fate[0].how == KM_DISK_MIRRORED &&
	       !strcmp(s.disks->fate[0].path, at(path, name));
}

static bool refused(int rc, const char *why)
{
	if (rc == -ENOTSUP && s.refused == KM_REFUSED_DISKS && strstr(err.text, why))
		return true;
	printf("# %d, %u: %s\n", rc, (unsigned int)s.refused, err.text);
	return false;
}

static void forget(void)
{
	char path[PATH_MAX], name[64];

	unlink(at(path, "there/a"));
	unlink(at(path, "there/b"));
	snprintf(name, sizeof(name), "src/%s", asked.d[0].proof.name);
	if (asked.d[0].proof.name[0])
		unlink(at(path, name));
}

static void nothing_there(bool *ok)
{
	char path[PATH_MAX];

	offered("src/a", true);
	CHECK(!laid(false, NULL) && goes_to("there/a") && access(at(path, "there/a"), F_OK));
	CHECK(!laid(false, "there") && goes_to("there/a"));
	put("there/a", "");
	CHECK(!laid(false, NULL) && goes_to("there/a"));
	forget();
}

static void something_there(bool *ok)
{
	offered("src/a", true);
	put("there/a", "precious");
	CHECK(refused(laid(false, NULL), "--overwrite-disks"));
	CHECK(!laid(true, NULL) && goes_to("there/a"));
	forget();
	offered("src/a", false);
	put("there/a", "precious");
	CHECK(refused(laid(true, NULL), "can't be told"));
	CHECK(holds("there/a", "precious")); /* laying touches nothing */
	forget();
}

/* --storage-dir leads to the folder in which it is at the source. */
static void the_sources(bool *ok)
{
	char path[PATH_MAX], to[PATH_MAX];

	offered("src/a", true);
	CHECK(refused(laid(true, "src"), "source's own"));
	CHECK(refused(laid(false, "src"), "source's own"));
	CHECK(!symlink(at(path, "src/a"), at(to, "there/a")));
	CHECK(!laid(true, NULL) && s.disks->fate[0].how == KM_DISK_SHARED);
	CHECK(holds("src/a", "the guest's"));
	forget();
}

/* As QEMU locks an image that it writes (101), or that nobody else may (201), and as one that
 * waits for a migration does (100: it reads). */
static void in_use(bool *ok)
{
	static const struct {
		off_t byte;
		short type;
		bool used;
	} t[] = { { 101, F_RDLCK, true }, { 201, F_RDLCK, true }, { 100, F_RDLCK, false } };
	char path[PATH_MAX];

	offered("src/a", true);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct flock lock = { .l_type = t[i].type, .l_start = t[i].byte, .l_len = 1 };
		int fd;

		put("there/a", i ? "precious" : "");
		fd = open(at(path, "there/a"), O_RDWR);
		CHECK(fd >= 0 && !fcntl(fd, F_OFD_SETLK, &lock));
		if (t[i].used)
			CHECK(refused(laid(true, NULL), "in use"));
		else
			CHECK(!laid(true, NULL) && goes_to("there/a"));
		close(fd);
	}
	forget();
}

static void no_file(bool *ok)
{
	char path[PATH_MAX];

	offered("src/a", true);
	CHECK(!mkdir(at(path, "there/a"), 0700));
	CHECK(refused(laid(true, NULL), "no file"));
	rmdir(path);
	CHECK(!symlink("/dev/null", path));
	CHECK(refused(laid(true, NULL), "no file"));
	forget();
}

/* Nobody makes a device of a file. */
static void no_device(bool *ok)
{
	offered("src/a", true);
	strcpy(asked.d[0].path, "/dev/kmigrate-none");
	CHECK(refused(laid(true, NULL), "no such device"));
	strcpy(asked.d[0].path, "/dev/shm/kmigrate-none");
	CHECK(!laid(true, NULL));
	forget();
}

static bool is_there(const char *name)
{
	char path[PATH_MAX];

	return !access(at(path, name), F_OK);
}

static void one_cannot_be_had(bool *ok)
{
	offered("src/a", true);
	and_offered("src/none/b");
	put("there/a", "precious");
	CHECK(!laid(true, NULL) && refused(made(), "No such file"));
	CHECK(holds("there/a", "precious"));
	forget();
	offered("src/a", true);
	and_offered("src/none/b");
	CHECK(!laid(true, NULL) && refused(made(), "No such file"));
	CHECK(!is_there("there/a"));
	forget();
}

static void no_server(bool *ok)
{
	offered("src/a", true);
	and_offered("src/b");
	put("there/a", "precious");
	CHECK(!laid(true, NULL) && made() && !s.refused);
	CHECK(holds("there/a", "precious") && !is_there("there/b"));
	forget();
}

/* It was not there when it was laid. */
static void comes_meanwhile(bool *ok)
{
	offered("src/a", true);
	CHECK(!laid(false, NULL));
	put("there/a", "precious");
	CHECK(refused(made(), "--overwrite-disks") && holds("there/a", "precious"));
	forget();
}

static void one_for_two(bool *ok)
{
	char path[PATH_MAX], to[PATH_MAX];

	offered("src/a", true);
	and_offered("src/b");
	put("there/a", "precious");
	CHECK(!link(at(path, "there/a"), at(to, "there/b")));
	CHECK(!laid(true, NULL) && refused(made(), "two disks would have the same image"));
	CHECK(holds("there/a", "precious"));
	forget();
	offered("src/a", true);
	and_offered("src//a");
	CHECK(!laid(true, NULL) && refused(made(), "two disks would have the same image"));
	CHECK(!is_there("there/a"));
	forget();
}

static const struct ktap_case cases[] = {
	{ "disks' places: nothing is there, or an empty file", nothing_there },
	{ "disks' places: what is there goes only if it may", something_there },
	{ "disks' places: never the source's own image", the_sources },
	{ "disks' places: an image in use", in_use },
	{ "disks' places: neither file nor device", no_file },
	{ "disks' places: a device that is not there", no_device },
	{ "disks' images: one of two can't be had, the other is left alone", one_cannot_be_had },
	{ "disks' images: nobody to write them, they are left alone", no_server },
	{ "disks' images: one that comes meanwhile", comes_meanwhile },
	{ "disks' images: one for two disks", one_for_two },
};

int main(void)
{
	char path[PATH_MAX];
	int rc;

	if (!mkdtemp(folder) || mkdir(at(path, "src"), 0700) || mkdir(at(path, "there"), 0700))
		return 1;
	put("src/a", "the guest's");
	rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	km_sink_disks_free(&s);
	unlink(at(path, "src/a"));
	rmdir(at(path, "src"));
	rmdir(at(path, "there"));
	return rmdir(folder) || rc;
}
