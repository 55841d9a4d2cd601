/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_ATTR_H
#define KM_ATTR_H

#include <linux/kobject.h>
#include <linux/sysfs.h>

/* May @attr be read and written? Then @fn gets it. A negative answer ends the walk. */
typedef int (*km_attr_fn)(struct kobject *kobj, struct attribute *attr, void *ctx);

struct attribute *km_attr_find(struct kobject *kobj, const char *name);
struct kobject *km_attr_dir(struct kobject *parent, const char *name);
int km_attr_walk(struct kobject *kobj, km_attr_fn fn, void *ctx);

int km_attr_show(struct kobject *kobj, struct attribute *attr, char *page);
int km_attr_store(struct kobject *kobj, struct attribute *attr, const char *text);
int km_attr_read(struct kobject *kobj, const char *name, char *page);
int km_attr_write(struct kobject *kobj, const char *name, const char *text);

#endif /* KM_ATTR_H */
