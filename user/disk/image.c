// SPDX-License-Identifier: GPL-2.0
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "token.h"

/* By a QEMU that writes it, or wants nobody to: it has byte 101 or 201 locked, in the way of
 * BLK_PERM_WRITE (block/file-posix.c, raw_apply_lock_bytes()).  One that waits for a migration has
 * neither.  O_EXCL: a device that is mounted is busy (open(2)). */
static bool is_in_use(const char *path, bool device)
{
	static const off_t at[] = { 101, 201 };
	int fd = open(path, O_RDWR | O_CLOEXEC | (device ? O_EXCL : 0));
	bool used = fd < 0 && errno == EBUSY;

	for (size_t i = 0; fd >= 0 && i < 2; i++) {
		struct flock lock = { .l_type = F_WRLCK, .l_start = at[i], .l_len = 1 };

		used = used || (!fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK);
	}
	if (fd >= 0)
		close(fd);
	return used;
}

static int no(char why[KM_DISK_WHY_MAX], const char *text)
{
	snprintf(why, KM_DISK_WHY_MAX, "%s", text);
	return -ENOTSUP;
}

/* An image that is there may be anybody's; with --overwrite-disks it goes, unless it is, or might
 * be, the source's own (--storage-dir may lead there), or somebody's who uses it. */
int km_image_look(const struct km_disk *d, const char *path, bool overwrite,
		  char why[KM_DISK_WHY_MAX])
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT ? 0 : no(why, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return no(why, "it is no file here");
	if (km_token_seen(&d->proof, path))
		return no(why, "that is the source's own image");
	if (is_in_use(path, S_ISBLK(st.st_mode)))
		return no(why, "it is in use here");
	if (S_ISREG(st.st_mode) && !st.st_blocks)
		return 0;
	if (!overwrite)
		return no(why, "something is there already: remove it, or allow it with "
			       "--overwrite-disks");
	return d->proof.name[0] ? 0 :
				  no(why, "it can't be told whether it is the source's own, so it "
					  "is not overwritten");
}
