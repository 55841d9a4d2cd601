// SPDX-License-Identifier: GPL-2.0
#include "source_disks_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../disk/token.h"
#include "mirror.h"

/* ---- told of ---- */

static int refuse(struct source *s, const struct km_disk *d, const char *why, struct km_err *err)
{
	s->run->refused = true;
	return km_err_set(err, -ENOTSUP, "disk %s can't be moved: %s", d->id, why);
}

static int make_tokens(struct source *s, struct km_source_disks *k, struct km_err *err)
{
	char link[32], cwd[PATH_MAX];
	ssize_t n;
	int rc = 0;

	snprintf(link, sizeof(link), "/proc/%d/cwd", s->vm->pid);
	n = readlink(link, cwd, sizeof(cwd) - 1);
	cwd[n > 0 ? n : 0] = '\0';
	for (unsigned int i = 0; !rc && i < k->disks.n; i++) {
		struct km_err why = { 0 };

		rc = km_token_make(&k->disks.d[i], cwd, k->token[i], &why);
		if (rc)
			return refuse(s, &k->disks.d[i], why.text, err);
		if (k->token[i][0] && km_guard_say(&s->guard, "token %s", k->token[i]))
			rc = km_err_set(err, -EPIPE, "the guard process is gone");
	}
	return rc;
}

static void remove_tokens(struct km_source_disks *k)
{
	for (unsigned int i = 0; i < KM_DISKS_MAX; i++)
		km_token_remove(k->token[i]);
}

static void fill_facts(struct source *s, const struct km_source_disks *k)
{
	struct km_disks_facts *f = &s->run->disks;

	f->n = k->disks.n;
	for (unsigned int i = 0; i < f->n; i++) {
		const struct km_disk *d = &k->disks.d[i];

		snprintf(f->d[i].id, sizeof(f->d[i].id), "%s", d->id);
		snprintf(f->d[i].path, sizeof(f->d[i].path), "%s", d->path);
		snprintf(f->d[i].format, sizeof(f->d[i].format), "%s", d->format);
		f->d[i].bytes = d->bytes;
		f->d[i].allocated_bytes = d->allocated_bytes;
	}
}

int km_source_disks_offer(struct source *s, json_t **offer, struct km_err *err)
{
	struct km_source_disks *k;
	json_t *blocks = NULL;
	int rc;

	*offer = NULL;
	s->run->disks.asserted = !strcmp(s->o->storage, "shared");
	if (s->run->disks.asserted)
		return 0;
	k = s->disks = calloc(1, sizeof(*k));
	if (!k)
		return km_err_set(err, -ENOMEM, "out of memory");
	rc = km_qmp_exec(s->qmp, "query-block", NULL, &blocks, KM_QMP_MS, err);
	if (!rc)
		rc = km_disks_parse(blocks, &k->disks, err);
	json_decref(blocks);
	if (!rc)
		rc = make_tokens(s, k, err);
	if (rc || !k->disks.n)
		return rc;
	fill_facts(s, k);
	*offer = km_disks_offer(&k->disks, !strcmp(s->o->storage, "mirror"));
	return *offer ? 0 : km_err_set(err, -EINVAL, "a disk's name can't be written as JSON");
}

int km_source_disks_answered(struct source *s, const json_t *welcome, struct km_err *err)
{
	struct km_source_disks *k = s->disks;
	int rc;

	if (!k)
		return 0;
	remove_tokens(k);
	if (!k->disks.n)
		return 0;
	rc = km_disks_answer_parse(json_object_get(welcome, "disks"), k->disks.n, k->fate, err);
	for (unsigned int i = 0; !rc && i < k->disks.n; i++) {
		struct km_disk_facts *f = &s->run->disks.d[i];

		f->how = k->fate[i].how;
		snprintf(f->path_there, sizeof(f->path_there), "%s", k->fate[i].path);
	}
	return rc;
}

unsigned int km_source_disks_count(const struct km_source_disks *k)
{
	unsigned int n = 0;

	for (unsigned int i = 0; k && i < k->disks.n; i++)
		n += k->fate[i].how == KM_DISK_MIRRORED;
	return n;
}

bool km_source_disks_mirrored(const struct source *s)
{
	return km_source_disks_count(s->disks);
}

/* ---- the end ---- */

void km_source_disks_heard(struct source *s, const uint8_t *buf, size_t len)
{
	struct km_source_disks *k = s->disks;
	json_t *j;

	if (!km_source_disks_count(k))
		return;
	j = json_loadb((const char *)buf, len, 0, NULL);
	if (!km_disks_answer_parse(j, k->disks.n, k->fate, NULL))
		for (unsigned int i = 0; i < k->disks.n; i++)
			s->run->disks.d[i].allocated_there_bytes = k->fate[i].allocated_bytes;
	json_decref(j);
}

void km_source_disks_cut(struct source *s)
{
	for (unsigned int i = 0; s->disks && i < s->disks->disks.n; i++)
		km_tunnel_cut(&s->disks->tunnel[i]);
}

void km_source_disks_end(struct source *s)
{
	struct km_source_disks *k = s->disks;

	if (!k)
		return;
	remove_tokens(k);
	km_source_disks_cut(s);
	if (k->begun && !k->finished && s->qmp && !km_mirror_clean(s->qmp))
		snprintf(s->run->held, sizeof(s->run->held),
			 "QEMU's mirrors could not be ended: block-job-cancel and blockdev-del "
			 "what is called kmigrate-disk*");
}

void km_source_disks_free(struct source *s)
{
	for (unsigned int i = 0; s->disks && i < KM_DISKS_MAX; i++)
		km_tunnel_close(&s->disks->tunnel[i]);
	free(s->disks);
	s->disks = NULL;
}

/* ---- in the guard ---- */

bool km_source_disks_line(struct source *s, const char *line)
{
	bool token = !strncmp(line, "token ", 6);
	unsigned int i = 0;

	if (!token && strcmp(line, "mirror"))
		return false;
	if (!s->disks)
		s->disks = calloc(1, sizeof(*s->disks));
	if (!s->disks)
		return true;
	if (!token) {
		s->disks->begun = true;
		return true;
	}
	while (i < KM_DISKS_MAX - 1 && s->disks->token[i][0])
		i++;
	snprintf(s->disks->token[i], PATH_MAX, "%s", line + 6);
	return true;
}

void km_source_disks_orphaned(struct source *s, struct km_qmp *q)
{
	if (!s->disks)
		return;
	remove_tokens(s->disks);
	if (s->disks->begun && q)
		km_mirror_clean(q);
}
