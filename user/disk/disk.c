// SPDX-License-Identifier: GPL-2.0
#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "";
}

static uint64_t number(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 ? (uint64_t)v : 0;
}

static bool copy(char *to, size_t size, const char *from)
{
	return (size_t)snprintf(to, size, "%s", from) < size;
}

static void why_not(struct km_disk *d, const char *why)
{
	if (!d->why_not[0])
		snprintf(d->why_not, sizeof(d->why_not), "%s", why);
}

/* A name that QEMU has made up begins with # and is another one there (block.c,
 * bdrv_assign_node_name()). */
static void name(struct km_disk *d, const json_t *block, const json_t *inserted)
{
	const char *node = text(inserted, "node-name"), *drive = text(block, "device");
	const char *id = node[0] && node[0] != '#' ? node : drive;

	if (!id[0] || !copy(d->id, sizeof(d->id), id)) {
		snprintf(d->id, sizeof(d->id), "%.100s",
			 *text(block, "qdev") ? text(block, "qdev") : "without a name");
		why_not(d, "its drive has no name: give it an id= or a node-name=");
	}
}

/* What names the same image from every host: QEMU's drivers and the schemes of its URIs.  Others
 * may be this host's own, as nvme: and nbd+unix: are. */
static bool is_network(const char *name, size_t len)
{
	static const char *const known[] = { "rbd",	     "nbd",	"iscsi",   "iser",
					     "nfs",	     "ssh",	"http",	   "https",
					     "ftp",	     "ftps",	"gluster", "gluster+tcp",
					     "gluster+rdma", "sheepdog" };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i]) == len && !memcmp(known[i], name, len))
			return true;
	return false;
}

static void not_in_file(struct km_disk *d, bool network)
{
	d->network = network;
	why_not(d, "it is not in a file of the host");
}

/* "json:{...}" is how QEMU names what a path alone does not: with options, or through further
 * nodes (block.c, bdrv_refresh_filename()).  The file is the innermost "file". */
static void path_of_json(struct km_disk *d, const char *spec)
{
	json_t *all = json_loads(spec, 0, NULL);
	const json_t *o = all, *next;

	while ((next = json_object_get(o, "file")) && json_is_object(next))
		o = next;
	why_not(d, "its QEMU was given options of it that a mirror does not repeat");
	if (strcmp(text(o, "driver"), "file") && strcmp(text(o, "driver"), "host_device"))
		d->network = is_network(text(o, "driver"), strlen(text(o, "driver"))) &&
			     strcmp(text(json_object_get(o, "server"), "type"), "unix") &&
			     strcmp(text(o, "server.type"), "unix"); /* QEMU has both forms */
	else if (!copy(d->path, sizeof(d->path), text(o, "filename")))
		d->path[0] = '\0';
	json_decref(all);
}

/* Before a colon that comes before any slash is a protocol (block.c, path_has_protocol()). */
static void find_path(struct km_disk *d, const char *filename)
{
	size_t n = strcspn(filename, ":/");

	if (!strncmp(filename, "json:", 5))
		path_of_json(d, filename + 5);
	else if (filename[n] == ':')
		not_in_file(d, is_network(filename, n));
	else if (!copy(d->path, sizeof(d->path), filename))
		d->path[0] = '\0';
	if (strchr(d->path, '\n')) /* lines are what the guard is told in */
		d->path[0] = '\0';
	if (d->path[0] != '/' || !strncmp(d->path, "/dev/fdset/", 11))
		why_not(d, "its QEMU has no absolute path of it");
}

static bool has_kept_bitmap(const json_t *inserted)
{
	const json_t *bitmap;
	size_t i;

	json_array_foreach(json_object_get(inserted, "dirty-bitmaps"), i, bitmap)
		if (json_is_true(json_object_get(bitmap, "persistent")))
			return true;
	return false;
}

/* A mirror takes what the guest sees, and nothing else that is in the image. */
static void find_obstacle(struct km_disk *d, const json_t *inserted)
{
	const json_t *image = json_object_get(inserted, "image");
	const json_t *special = json_object_get(json_object_get(image, "format-specific"), "data");

	if (strcmp(d->format, "raw") && strcmp(d->format, "qcow2"))
		why_not(d, "its format is neither raw nor qcow2");
	else if (json_is_true(json_object_get(inserted, "encrypted")) ||
		 json_object_get(special, "encrypt"))
		why_not(d, "its image is encrypted");
	else if (json_integer_value(json_object_get(inserted, "backing_file_depth")) ||
		 json_object_get(image, "backing-filename"))
		why_not(d, "its image has a backing file");
	else if (json_array_size(json_object_get(image, "snapshots")))
		why_not(d, "its image has snapshots inside, which would be lost");
	else if (json_object_get(special, "data-file"))
		why_not(d, "its image keeps its data in another file");
	else if (has_kept_bitmap(inserted))
		why_not(d, "its image keeps dirty bitmaps, which would be lost");
	else if (!d->bytes || d->bytes % 512)
		why_not(d, "its size is not in whole sectors");
}

static void parse(struct km_disk *d, const json_t *block, const json_t *inserted)
{
	const json_t *image = json_object_get(inserted, "image");

	name(d, block, inserted);
	find_path(d, text(image, "filename"));
	copy(d->format, sizeof(d->format), text(inserted, "drv"));
	d->bytes = number(image, "virtual-size");
	d->allocated_bytes = number(image, "actual-size");
	d->rewritten = strstr(text(block, "qdev"), "/system.flash") ||
		       !strncmp(text(block, "device"), "pflash", 6);
	find_obstacle(d, inserted);
}

int km_disks_parse(const json_t *query_block, struct km_disks *out, struct km_err *err)
{
	const json_t *block;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (!json_is_array(query_block))
		return km_err_set(err, -EPROTO, "QEMU does not list its disks");
	json_array_foreach(query_block, i, block) {
		const json_t *inserted = json_object_get(block, "inserted");

		if (!inserted || json_is_true(json_object_get(inserted, "ro")))
			continue;
		if (out->n == KM_DISKS_MAX)
			return km_err_set(err, -E2BIG, "it has more than %d disks", KM_DISKS_MAX);
		parse(&out->d[out->n++], block, inserted);
	}
	return 0;
}

int km_disk_alike(const struct km_disk *there, const struct km_disk *here,
		  char why[KM_DISK_WHY_MAX])
{
	if (here->why_not[0])
		snprintf(why, KM_DISK_WHY_MAX, "for the QEMU here %.100s", here->why_not);
	else if (strcmp(here->format, there->format))
		snprintf(why, KM_DISK_WHY_MAX, "the QEMU here has it as %s, the source's as %s",
			 here->format, there->format);
	else if (here->bytes != there->bytes)
		snprintf(why, KM_DISK_WHY_MAX,
			 "the QEMU here has it with %llu bytes, the source's with %llu",
			 (unsigned long long)here->bytes, (unsigned long long)there->bytes);
	else
		return 0;
	return -ENOTSUP;
}
