// SPDX-License-Identifier: GPL-2.0
#include "keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".psk"

static int key_path(const struct km_journal *j, char path[PATH_MAX], struct km_err *err)
{
	return km_journal_path(path, j->id, j->destination, SUFFIX, err);
}

int km_keep(struct km_journal *j, const struct km_creds *c, struct km_err *err)
{
	char path[PATH_MAX], text[2 * KM_PSK_BYTES + 1];
	int rc;

	snprintf(j->secure, sizeof(j->secure), "%s", km_secure_name(km_creds_kind(c)));
	if (!c)
		return 0;
	snprintf(j->tls_dir, sizeof(j->tls_dir), "%s", c->path);
	snprintf(j->tls_name, sizeof(j->tls_name), "%s", c->name);
	if (c->kind != KM_SECURE_PSK)
		return 0;
	rc = key_path(j, path, err);
	if (rc)
		return rc;
	km_psk_text(&c->psk, text);
	km_journal_folder(); /* the key is there before the entry */
	rc = km_secret_write(path, text, strlen(text));
	km_wipe(text, sizeof(text));
	return rc ? km_err_set(err, rc, "cannot write the journal %s: %s", path, strerror(-rc)) : 0;
}

int km_keep_open(const struct km_journal *j, struct km_creds **c, struct km_err *err)
{
	struct km_creds_wish w = { .kind = km_secure_parse(j->secure), .path = j->tls_dir };
	char path[PATH_MAX];
	int rc = key_path(j, path, err);

	if (rc)
		return rc;
	if (w.kind == KM_SECURE_MAX)
		return km_err_set(err, -EBADMSG,
				  "move %s: its journal does not say how it was "
				  "encrypted",
				  j->id);
	if (w.kind == KM_SECURE_PSK)
		w.path = path;
	w.name = j->tls_name[0] ? j->tls_name : NULL;
	return km_creds_open(c, &w, NULL, err);
}

int km_keep_find(const char *id, struct km_psk *k)
{
	char path[PATH_MAX], its[KM_PSK_ID];
	struct km_journal *list;
	bool found = false;
	size_t n;

	if (km_journal_list(&list, &n, NULL))
		return -ENOENT;
	for (size_t i = 0; i < n && !found; i++) {
		if (!list[i].destination || key_path(&list[i], path, NULL) ||
		    km_psk_read(k, path, NULL))
			continue;
		km_psk_id(k, its);
		found = !strcmp(its, id);
	}
	if (!found)
		km_wipe(k, sizeof(*k));
	free(list);
	return found ? 0 : -ENOENT;
}

void km_keep_wipe(const struct km_journal *j)
{
	char path[PATH_MAX];

	if (!key_path(j, path, NULL))
		km_secret_remove(path);
}
