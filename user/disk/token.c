// SPDX-License-Identifier: GPL-2.0
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Those that linux/magic.h lacks: fs/lustre, fs/gfs2, fs/nfs of the kernel or its modules. */
#define MAGIC_LUSTRE 0x0BD00BD0
#define MAGIC_GFS2   0x01161970

static bool is_networks(const char *path)
{
	static const unsigned long magic[] = { NFS_SUPER_MAGIC,	  CEPH_SUPER_MAGIC,
					       SMB2_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
					       OCFS2_SUPER_MAGIC, V9FS_MAGIC,
					       MAGIC_LUSTRE,	  MAGIC_GFS2 };
	struct statfs fs;

	if (statfs(path, &fs))
		return false;
	for (size_t i = 0; i < sizeof(magic) / sizeof(*magic); i++)
		if ((unsigned long)fs.f_type == magic[i])
			return true;
	return false;
}

/* Of a file with links resolved: the name of `beside` in its folder. */
static bool join(char out[PATH_MAX], const char *file, const char *beside)
{
	const char *slash = strrchr(file, '/');

	return slash &&
	       snprintf(out, PATH_MAX, "%.*s/%s", (int)(slash - file), file, beside) < PATH_MAX;
}

static bool random_hex(char *out, size_t bytes)
{
	uint8_t rnd[KM_TOKEN_BYTES];

	if (getentropy(rnd, bytes))
		return false;
	for (size_t i = 0; i < bytes; i++)
		snprintf(out + 2 * i, 3, "%02x", rnd[i]);
	return true;
}

static bool write_token(const char *token, const char *secret)
{
	int fd = open(token, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t len = (ssize_t)strlen(secret);
	bool ok;

	if (fd < 0)
		return false;
	/* The other end may ask at once: a network's file system sends it at close(). */
	ok = write(fd, secret, (size_t)len) == len && !fsync(fd);
	ok = !close(fd) && ok;
	if (!ok)
		unlink(token);
	return ok;
}

int km_token_make(struct km_disk *d, const char *cwd, char token[PATH_MAX], struct km_err *err)
{
	struct km_disk_proof *p = &d->proof;
	char path[2 * PATH_MAX], real[PATH_MAX];
	struct stat st;

	token[0] = '\0';
	if (!d->path[0] || !strncmp(d->path, "/dev/fdset/", 11))
		return 0;
	snprintf(path, sizeof(path), "%s%s%s", d->path[0] == '/' ? "" : cwd,
		 d->path[0] == '/' ? "" : "/", d->path);
	if (!realpath(path, real) || stat(real, &st))
		return km_err_set(err, -ENOENT, "its file %.300s is not there: %s", d->path,
				  strerror(errno));
	p->inode = st.st_ino;
	p->network = is_networks(real);
	snprintf(p->name, sizeof(p->name), KM_TOKEN_PREFIX);
	if (random_hex(p->name + strlen(p->name), 16) && random_hex(p->secret, KM_TOKEN_BYTES) &&
	    join(token, real, p->name) && write_token(token, p->secret))
		return 0;
	token[0] = p->name[0] = p->secret[0] = '\0';
	return 0;
}

void km_token_remove(char token[PATH_MAX])
{
	if (token[0])
		unlink(token);
	token[0] = '\0';
}

static bool same_content(const char *token, const char *secret)
{
	char text[2 * KM_TOKEN_BYTES + 1] = "";
	int fd = open(token, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return n == 2 * KM_TOKEN_BYTES && !memcmp(text, secret, (size_t)n);
}

bool km_token_seen(const struct km_disk_proof *p, const char *path)
{
	char real[PATH_MAX], token[PATH_MAX];
	struct stat st;

	if (!p->inode || !realpath(path, real) || stat(real, &st) || st.st_ino != p->inode)
		return false;
	if (!p->name[0])
		return p->network && is_networks(real);
	return join(token, real, p->name) && same_content(token, p->secret);
}
