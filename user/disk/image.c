// SPDX-License-Identifier: GPL-2.0
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* In /dev a file would be made of memory, and go with the next boot. */
static int nothing_there(const char *path, char why[KM_DISK_WHY_MAX])
{
	return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/shm/", 9) ?
		       no(why, "there is no such device here: make it first") :
		       0;
}

static int has_size(const char *device, uint64_t bytes, char why[KM_DISK_WHY_MAX])
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t has = 0;
	bool known = fd >= 0 && !ioctl(fd, BLKGETSIZE64, &has);
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (!known)
		return no(why, strerror(error));
	if (has == bytes)
		return 0;
	snprintf(why, KM_DISK_WHY_MAX,
		 "the device has %llu bytes, and the disk %llu: make it that size",
		 (unsigned long long)has, (unsigned long long)bytes);
	return -ENOTSUP;
}

/* An image that is there may be anybody's; with --overwrite-disks it goes, unless it is, or might
 * be, the source's own (--storage-dir may lead there), or somebody's who uses it. */
int km_image_look(const struct km_disk *d, const char *path, bool overwrite,
		  char why[KM_DISK_WHY_MAX])
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT ? nothing_there(path, why) : no(why, strerror(errno));
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
	if (!d->proof.name[0])
		return no(why, "it can't be told whether it is the source's own, so it is not "
			       "overwritten");
	return S_ISBLK(st.st_mode) && !strcmp(d->format, "raw") ? has_size(path, d->bytes, why) : 0;
}
