// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include "facts.h"

/* File systems that several hosts can have mounted at once, by the magic numbers of statfs(2)
 * and of their own sources. */
static enum km_tri is_shared(const char *path)
{
	static const unsigned int magic[] = {
		0x6969,	    /* NFS */
		0xff534d42, /* CIFS */
		0xfe534d42, /* SMB2 */
		0x00c36400, /* Ceph */
		0x01161970, /* GFS2 */
		0x7461636f, /* OCFS2 */
		0x0bd00bd0, /* Lustre */
		0x47504653, /* GPFS */
		0x01021997, /* 9P */
	};
	struct statfs fs;

	if (statfs(path, &fs))
		return KM_UNKNOWN;
	for (size_t i = 0; i < sizeof(magic) / sizeof(magic[0]); i++)
		if ((unsigned int)fs.f_type == magic[i])
			return KM_YES;
	/* FUSE, as of GlusterFS, can be either. */
	return (unsigned int)fs.f_type == 0x65735546 ? KM_UNKNOWN : KM_NO;
}

void km_facts_file(const char *path, struct km_rec_file *f)
{
	struct stat st;

	snprintf(f->path, sizeof(f->path), "%s", path);
	f->there = stat(path, &st) ? KM_NO : KM_YES;
	/* A block device may be a LUN that both hosts see: its file system is devtmpfs. */
	if (f->there == KM_YES && !S_ISBLK(st.st_mode))
		f->shared = is_shared(path);
}
