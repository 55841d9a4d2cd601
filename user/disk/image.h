/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An image at the destination, before a disk is mirrored into it: may it be taken, and can it be
 * given the disk's size?  Looks, and touches nothing.
 *
 * It must have just that size: a mirror ends when source and target differ (block/mirror.c,
 * mirror_run()), when all is under way; and the guest would find another disk there than it had. A
 * file is made anew in the source's format and size (sink_images.c), so what it was doesn't matter.
 * A device can't be: where a disk is raw it must have the size.  With qcow2 the size is in the
 * image, and a device that is too small for it is a disk that is full.
 */
#ifndef KM_IMAGE_H
#define KM_IMAGE_H

#include "disk.h"

/* path: where disk d of the source is to go here; nothing need be there.  0, or -ENOTSUP and why. */
int km_image_look(const struct km_disk *d, const char *path, bool overwrite,
		  char why[KM_DISK_WHY_MAX]);

#endif
