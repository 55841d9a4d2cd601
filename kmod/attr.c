// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes files of sysfs from inside: calls the show() and store() of a kobject's
 * sysfs_ops just as fs/sysfs/file.c does (sysfs_kf_seq_show(), sysfs_kf_write()).
 *
 * Why not filp_open() and kernel_write(): they need sysfs to be mounted, at /sys, in the
 * root that kernel threads have, and none of that is the module's to say. What they add,
 * kernfs's active reference, keeps the kobject from going; here the caller must.
 */
#include <linux/kernfs.h>
#include <linux/string.h>

#include "attr.h"

/* What is called @name in @kobj's folder: the attribute of a file, the kobject of a folder. */
static void *find(struct kobject *kobj, const char *name, unsigned short type)
{
	struct kernfs_node *kn;
	void *found = NULL;

	if (!kobj->sd)
		return NULL;
	kn = sysfs_get_dirent(kobj->sd, name);
	if (kn && kernfs_type(kn) == type)
		found = kn->priv;
	kernfs_put(kn);
	return found;
}

struct attribute *km_attr_find(struct kobject *kobj, const char *name)
{
	return find(kobj, name, KERNFS_FILE);
}

struct kobject *km_attr_dir(struct kobject *parent, const char *name)
{
	return find(parent, name, KERNFS_DIR);
}

/* The files that every kobject of this type has. */
int km_attr_walk(struct kobject *kobj, km_attr_fn fn, void *ctx)
{
	const struct attribute_group **group = kobj->ktype ? kobj->ktype->default_groups : NULL;
	struct attribute **attr;
	int err;

	for (; group && *group; group++) {
		for (attr = (*group)->attrs; attr && *attr; attr++) {
			if (!((*attr)->mode & 0200) || !((*attr)->mode & 0400))
				continue;
			err = fn(kobj, *attr, ctx);
			if (err < 0)
				return err;
		}
	}
	return 0;
}

/* Into a whole page, as sysfs_emit() wants it, without the newline at the end. */
int km_attr_show(struct kobject *kobj, struct attribute *attr, char *page)
{
	ssize_t got = kobj->ktype->sysfs_ops->show(kobj, attr, page);

	if (got < 0)
		return got;
	page[min_t(ssize_t, got, PAGE_SIZE - 1)] = '\0';
	strim(page);
	return 0;
}

int km_attr_store(struct kobject *kobj, struct attribute *attr, const char *text)
{
	ssize_t put = kobj->ktype->sysfs_ops->store(kobj, attr, text, strlen(text));

	return put < 0 ? put : 0;
}

int km_attr_read(struct kobject *kobj, const char *name, char *page)
{
	struct attribute *attr = km_attr_find(kobj, name);

	return attr ? km_attr_show(kobj, attr, page) : -ENOENT;
}

int km_attr_write(struct kobject *kobj, const char *name, const char *text)
{
	struct attribute *attr = km_attr_find(kobj, name);

	return attr ? km_attr_store(kobj, attr, text) : -ENOENT;
}
