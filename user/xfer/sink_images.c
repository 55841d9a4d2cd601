// SPDX-License-Identifier: GPL-2.0
/* The mirrored disks' images: made, written, and kept or removed. */
#include "sink_disks_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../disk/image.h"
#include "clock.h"
#include "rundir.h"

/* ---- made ---- */

static bool same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_twice(const int fd[KM_DISKS_MAX], unsigned int i)
{
	struct stat a, b;

	for (unsigned int j = 0; j < i; j++)
		if (fd[j] >= 0 && !fstat(fd[i], &a) && !fstat(fd[j], &b) && same(&a, &b))
			return true;
	return false;
}

/* Made, or open as it was: what is there now need not have been there when it was laid.
 * Told after it was made: killed in between, an empty file is left; the other way round
 * somebody else's file might go. */
static int claim(struct sink *s, unsigned int i, int fd[KM_DISKS_MAX], struct km_err *err)
{
	struct km_sink_disks *k = s->disks;
	const struct km_disk *d = &k->asked.d[i];
	char why[KM_DISK_WHY_MAX];
	const char *path = k->fate[i].path;

	fd[i] = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd[i] >= 0) {
		memcpy(k->made[i], path, PATH_MAX);
		return km_guard_say(&s->guard, "disk %s", path) ?
			       km_err_set(err, -EPIPE, "the guard process is gone") :
			       0;
	}
	if (errno == EEXIST) {
		if (km_image_look(d, path, s->o->overwrite_disks, why))
			return km_disk_refuse(s, d, path, why, err);
		fd[i] = open(path, O_RDWR | O_CLOEXEC);
	}
	if (fd[i] < 0)
		return km_disk_refuse(s, d, path, strerror(errno), err);
	return is_twice(fd, i) ?
		       km_disk_refuse(s, d, path, "two disks would have the same image here", err) :
		       0;
}

/* Before a new one is laid over it; a raw one is that. */
static int empty(const struct km_disk *d, const char *path, int fd, struct km_err *err)
{
	struct stat st;
	int rc = fstat(fd, &st);

	if (!rc && S_ISREG(st.st_mode))
		rc = ftruncate(fd, 0);
	if (!rc && S_ISREG(st.st_mode) && !strcmp(d->format, "raw"))
		rc = ftruncate(fd, (off_t)d->bytes);
	return rc ? km_err_set(err, -errno, "cannot give %.300s its size: %s", path,
			       strerror(errno)) :
		    0;
}

static int make_image(struct sink *s, unsigned int i, int fd, struct km_err *err)
{
	struct km_sink_disks *k = s->disks;
	const struct km_disk *d = &k->asked.d[i];
	const char *path = k->fate[i].path;
	int rc = empty(d, path, fd, err);

	if (!rc && strcmp(d->format, "raw"))
		rc = km_diskserver_format(&k->server, path, d->format, d->bytes, err);
	if (!rc)
		rc = km_diskserver_export(&k->server, i, path, d->format, d->bytes, err);
	return rc;
}

static int start_server(struct sink *s, struct km_err *err)
{
	struct km_diskserver *d = &s->disks->server;
	int rc = km_diskserver_start(d, s->q.attached ? s->q.attached->vm.exe : s->q.args[0], err);

	if (!rc && km_guard_say(&s->guard, "disks %s", d->dir))
		rc = km_err_set(err, -EPIPE, "the guard process is gone");
	return rc;
}

int km_sink_disks_make(struct sink *s, struct km_err *err)
{
	struct km_sink_disks *k = s->disks;
	int fd[KM_DISKS_MAX], rc = 0;

	if (!km_sink_disks_mirrored(s))
		return 0;
	memset(fd, -1, sizeof(fd));
	for (unsigned int i = 0; !rc && i < k->asked.n; i++)
		if (k->fate[i].how == KM_DISK_MIRRORED)
			rc = claim(s, i, fd, err);
	if (!rc)
		rc = start_server(s, err);
	for (unsigned int i = 0; !rc && i < k->asked.n; i++)
		if (k->fate[i].how == KM_DISK_MIRRORED)
			rc = make_image(s, i, fd[i], err);
	for (unsigned int i = 0; i < k->asked.n; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return rc;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && same(&x, &y);
}

/* Its arguments may say more than the image's name. */
static int check_own(struct sink *s, const struct km_disks *own, unsigned int i, struct km_err *err)
{
	const struct km_disk *asked = &s->disks->asked.d[i], *d = km_disk_find(own, asked->id);
	const char *path = s->disks->fate[i].path;
	char why[KM_DISK_WHY_MAX];

	if (!d || !same_file(d->path, path))
		return km_err_set(err, -ENOTSUP, "disk %s: QEMU has %.150s here instead of %.150s",
				  asked->id, d ? d->path : "none", path);
	return km_disk_alike(asked, d, why) ?
		       km_err_set(err, -ENOTSUP, "disk %s (%.200s): %s", asked->id, path, why) :
		       0;
}

int km_sink_disks_check(struct sink *s, struct km_err *err)
{
	struct km_sink_disks *k = s->disks;
	struct km_disks *own;
	int rc;

	if (!km_sink_disks_mirrored(s))
		return 0;
	own = calloc(1, sizeof(*own));
	rc = own ? km_sink_disks_own(s, own, err) : km_err_set(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; !rc && i < k->asked.n; i++)
		if (k->fate[i].how == KM_DISK_MIRRORED)
			rc = check_own(s, own, i, err);
	free(own);
	return rc;
}

/* ---- written ---- */

int km_sink_disks_take(struct sink *s, struct km_conn *c, const json_t *disk)
{
	const char *given = json_string_value(json_object_get(disk, "session"));
	json_int_t i = json_integer_value(json_object_get(disk, "disk"));
	struct km_sink_disks *k = s->disks;
	struct km_err err;
	int fd;

	if (!k || !given || strcmp(given, s->journal.session) || i < 0 || i >= k->asked.n ||
	    k->fate[i].how != KM_DISK_MIRRORED || k->tunnel[i].open)
		return -EACCES;
	fd = km_diskserver_dial(&k->server, &err);
	if (fd >= 0 && km_send(c, KM_OP_WELCOME, 0, NULL, 0, &err)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		km_conn_close(c);
	else if (!km_tunnel_open(&k->tunnel[i], c, fd, -1, 0, &err))
		return 0;
	return km_sink_fail(s, &err);
}

/* The source ends each connection when the mirror is finished, and lets its QEMU go on after
 * that; the ends come by connections of their own, and so perhaps later. */
static int await_ends(struct sink *s, struct km_err *err)
{
	struct km_sink_disks *k = s->disks;
	double end = km_now_ms() + s->o->peer_ms;

	for (unsigned int i = 0; i < k->asked.n; i++) {
		if (k->fate[i].how != KM_DISK_MIRRORED)
			continue;
		while (!k->tunnel[i].over) {
			if (km_now_ms() > end || s->failed)
				return km_err_set(err, -EPROTO,
						  "the source has not finished disk %s",
						  k->asked.d[i].id);
			usleep(500);
		}
	}
	return 0;
}

int km_sink_disks_finish(struct sink *s, struct km_err *err)
{
	struct km_sink_disks *k = s->disks;
	struct stat st;
	int rc;

	if (!km_sink_disks_mirrored(s))
		return 0;
	rc = await_ends(s, err);
	if (!rc)
		rc = km_diskserver_finish(&k->server, err);
	for (unsigned int i = 0; !rc && i < k->asked.n; i++)
		if (!stat(k->fate[i].path, &st))
			k->fate[i].allocated_bytes = (uint64_t)st.st_blocks * 512;
	return rc;
}

static void remove_made(struct km_sink_disks *k)
{
	for (unsigned int i = 0; i < KM_DISKS_MAX; i++) {
		if (k->made[i][0])
			unlink(k->made[i]);
		k->made[i][0] = '\0';
	}
}

void km_sink_disks_kill(const struct sink *s)
{
	if (s->disks)
		km_diskserver_kill(&s->disks->server);
}

void km_sink_disks_end(struct sink *s, bool keep)
{
	struct km_sink_disks *k = s->disks;

	if (!k)
		return;
	for (unsigned int i = 0; i < k->asked.n; i++)
		km_tunnel_close(&k->tunnel[i]);
	km_diskserver_end(&k->server);
	if (!keep)
		remove_made(k);
}

void km_sink_disks_free(struct sink *s)
{
	for (unsigned int i = 0; s->disks && i < KM_DISKS_MAX; i++)
		free(s->disks->own_replace[i]);
	free(s->disks);
	s->disks = NULL;
}

/* ---- in the guard ---- */

bool km_sink_disks_line(struct sink *s, const char *line)
{
	bool disk = !strncmp(line, "disk ", 5);
	unsigned int i = 0;

	if (!disk && strncmp(line, "disks ", 6))
		return false;
	while (i < KM_DISKS_MAX - 1 && s->disks->made[i][0])
		i++;
	if (disk)
		snprintf(s->disks->made[i], PATH_MAX, "%s", line + 5);
	else
		snprintf(s->disks->dir, sizeof(s->disks->dir), "%s", line + 6);
	return true;
}

/* The disk server has died with its owner. */
void km_sink_disks_orphaned(struct sink *s, bool remove)
{
	if (!s->disks)
		return;
	km_rundir_remove(s->disks->dir);
	if (remove)
		remove_made(s->disks);
}
