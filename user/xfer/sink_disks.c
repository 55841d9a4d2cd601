// SPDX-License-Identifier: GPL-2.0
/* What becomes of each of the guest's disks here. */
#include "sink_disks_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../disk/image.h"
#include "../disk/token.h"
#include "allow.h"

/* ---- where it is, or is to be ---- */

int km_disk_refuse(struct sink *s, const struct km_disk *d, const char *path, const char *why,
		   struct km_err *err)
{
	s->refused = KM_REFUSED_DISKS;
	return km_err_set(err, -ENOTSUP, "disk %s (%.200s): %.200s", d->id,
			  path[0] ? path : "in no file", why);
}

int km_sink_disks_own(struct sink *s, struct km_disks *own, struct km_err *err)
{
	json_t *blocks = NULL;
	int rc = km_qmp_exec(s->q.qmp, "query-block", NULL, &blocks, KM_QMP_MS, err);

	if (!rc)
		rc = km_disks_parse(blocks, own, err);
	json_decref(blocks);
	return rc;
}

const struct km_disk *km_disk_find(const struct km_disks *own, const char *id)
{
	for (unsigned int i = 0; i < own->n; i++)
		if (!strcmp(own->d[i].id, id))
			return &own->d[i];
	return NULL;
}

static bool seen_by_any(const struct km_disks *own, const struct km_disk *d)
{
	for (unsigned int i = 0; i < own->n; i++)
		if (km_token_seen(&d->proof, own->d[i].path))
			return true;
	return false;
}

/* As QEMU here would name it, from what it is called at the source. */
static bool its_path(struct sink *s, const struct km_disks *own, const struct km_disk *d,
		     char path[PATH_MAX])
{
	const struct km_disk *k = own ? km_disk_find(own, d->id) : NULL;
	char *text = own ? NULL : km_destqemu_replaced(d->path, &s->o->replace);

	snprintf(path, PATH_MAX, "%s", k ? k->path : text ? text : "");
	free(text);
	return path[0];
}

/* Its QEMU, one of ours, must be told. */
static bool into_storage_dir(struct sink *s, unsigned int i)
{
	struct km_sink_disks *k = s->disks;
	struct km_opt_list *list = &k->replace;
	char *path = k->fate[i].path, *base = strrchr(path, '/') + 1, *text;

	if (s->q.attached || strpbrk(path, ",=") || strchr(s->o->storage_dir, ',') ||
	    list->n == KM_OPT_LIST_MAX ||
	    asprintf(&text, "%s=%s/%s", path, s->o->storage_dir, base) < 0)
		return false;
	k->own_replace[i] = text;
	list->v[list->n++] = text;
	text = strchr(text, '=') + 1;
	return snprintf(path, PATH_MAX, "%s", text) < PATH_MAX;
}

const struct km_opt_list *km_sink_disks_replace(const struct sink *s)
{
	return s->disks ? &s->disks->replace : &s->o->replace;
}

/* own: those of a QEMU that is attached to, and has opened them; NULL without. */
static int lay_mirror(struct sink *s, const struct km_disks *own, unsigned int i,
		      struct km_err *err)
{
	struct km_sink_disks *k = s->disks;
	const struct km_disk *d = &k->asked.d[i], *its = own ? km_disk_find(own, d->id) : NULL;
	char *path = k->fate[i].path, why[KM_DISK_WHY_MAX];

	if (d->why_not[0])
		return km_disk_refuse(s, d, d->path, d->why_not, err);
	if (!path[0])
		return km_disk_refuse(s, d, d->path, "the QEMU here has no disk of that name", err);
	if (path[0] != '/')
		return km_disk_refuse(s, d, path, "that is no absolute path here", err);
	if (its && km_disk_alike(d, its, why))
		return km_disk_refuse(s, d, path, why, err);
	if (s->o->storage_dir && !into_storage_dir(s, i))
		return km_disk_refuse(s, d, path, "--storage-dir does not take it", err);
	if (s->o->allow && km_allow_file(s->o->allow, path, err)) {
		s->refused = KM_REFUSED_DISKS;
		return err->code;
	}
	k->fate[i].how = KM_DISK_MIRRORED;
	return km_image_look(d, path, s->o->overwrite_disks, why) ?
		       km_disk_refuse(s, d, path, why, err) :
		       0;
}

static int lay_disk(struct sink *s, const struct km_disks *own, unsigned int i, struct km_err *err)
{
	struct km_sink_disks *k = s->disks;
	const struct km_disk *d = &k->asked.d[i];
	struct km_disk_fate *f = &k->fate[i];
	bool known = its_path(s, own, d, f->path);

	f->how = KM_DISK_SHARED;
	if (d->network || (known && km_token_seen(&d->proof, f->path)) ||
	    (own && !k->mirror && seen_by_any(own, d)))
		return 0;
	if (k->mirror)
		return lay_mirror(s, own, i, err);
	f->how = KM_DISK_REWRITTEN;
	if (d->rewritten)
		return 0;
	return km_disk_refuse(
		s, d, d->path,
		"the destination does not see it: --storage mirror copies it, --storage "
		"shared says that it is shared all the same",
		err);
}

int km_sink_disks_lay(struct sink *s, const json_t *hello, struct km_err *err)
{
	const json_t *offer = json_object_get(hello, "disks");
	struct km_disks *own = NULL;
	int rc;

	if (!offer)
		return 0;
	s->disks = calloc(1, sizeof(*s->disks));
	if (!s->disks)
		return km_err_set(err, -ENOMEM, "out of memory");
	s->disks->replace = s->o->replace;
	rc = km_disks_offer_parse(offer, &s->disks->asked, &s->disks->mirror, err);
	if (!rc && s->q.attached) {
		own = calloc(1, sizeof(*own));
		rc = own ? km_sink_disks_own(s, own, err) :
			   km_err_set(err, -ENOMEM, "out of memory");
	}
	for (unsigned int i = 0; !rc && i < s->disks->asked.n; i++)
		rc = lay_disk(s, own, i, err);
	free(own);
	return rc;
}

json_t *km_sink_disks_answer(const struct sink *s)
{
	return s->disks ? km_disks_answer(s->disks->fate, s->disks->asked.n) : NULL;
}

unsigned int km_sink_disks_mirrored(const struct sink *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; s->disks && i < s->disks->asked.n; i++)
		n += s->disks->fate[i].how == KM_DISK_MIRRORED;
	return n;
}

unsigned int km_sink_disks_open(const struct sink *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; s->disks && i < s->disks->asked.n; i++)
		n += s->disks->tunnel[i].open;
	return n;
}
