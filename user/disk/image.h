/* SPDX-License-Identifier: GPL-2.0 */
/* An image at the destination, before a disk is mirrored into it: may it be taken?  Looks, and
 * touches nothing. */
#ifndef KM_IMAGE_H
#define KM_IMAGE_H

#include "disk.h"

/* path: where disk d of the source is to go here; nothing need be there.  0, or -ENOTSUP and why. */
int km_image_look(const struct km_disk *d, const char *path, bool overwrite,
		  char why[KM_DISK_WHY_MAX]);

#endif
