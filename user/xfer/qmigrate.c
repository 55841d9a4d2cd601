// SPDX-License-Identifier: GPL-2.0
#include "qmigrate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLEAN_UP_MS 10000
#define NO_LIMIT    ((json_int_t)1 << 40) /* of max-bandwidth, in bytes a second */

/* Parameters that are changed and put back. */
static const char *const changed_params[] = { "multifd-channels", "max-bandwidth", "downtime-limit",
					      "multifd-compression" };

static bool wanted(const char *cap, bool multifd, bool dest)
{
	if (!strcmp(cap, "events") || !strcmp(cap, "return-path"))
		return true;
	if (!strcmp(cap, "multifd"))
		return multifd;
	/* The destination must not take the image locks before GO: a source
	 * that goes on would not get them back (qapi/migration.json). */
	return dest && !strcmp(cap, "late-block-activate");
}

/* All capabilities this QEMU knows, each as the move needs it. */
static json_t *wanted_caps(const json_t *now, bool multifd, bool dest)
{
	json_t *list = json_array(), *c;
	size_t i;

	json_array_foreach(now, i, c) {
		const char *name = json_string_value(json_object_get(c, "capability"));
		bool on = json_is_true(json_object_get(c, "state"));

		if (!name || on == wanted(name, multifd, dest))
			continue;
		json_array_append_new(list, json_pack("{s:s,s:b}", "capability", name, "state",
						      wanted(name, multifd, dest)));
	}
	return list;
}

static int set_caps(struct km_qmp *q, json_t *list, struct km_err *err)
{
	return km_qmp_exec(q, "migrate-set-capabilities", json_pack("{s:o}", "capabilities", list),
			   NULL, KM_QMP_MS, err);
}

static int set_params(struct km_qmp *q, json_t *params, struct km_err *err)
{
	return km_qmp_exec(q, "migrate-set-parameters", params, NULL, KM_QMP_MS, err);
}

int km_qmig_save(struct km_qmp *q, struct km_qmig_saved *saved, struct km_err *err)
{
	json_t *all = NULL;
	int rc = km_qmp_exec(q, "query-migrate-capabilities", NULL, &saved->caps, KM_QMP_MS, err);

	if (!rc)
		rc = km_qmp_exec(q, "query-migrate-parameters", NULL, &all, KM_QMP_MS, err);
	if (rc)
		return rc;
	saved->params = json_object();
	for (size_t i = 0; i < sizeof(changed_params) / sizeof(changed_params[0]); i++) {
		json_t *v = json_object_get(all, changed_params[i]);

		if (v)
			json_object_set(saved->params, changed_params[i], v);
	}
	json_decref(all);
	return 0;
}

char *km_qmig_saved_text(const struct km_qmig_saved *saved)
{
	json_t *o = json_pack("{s:O,s:O}", "caps", saved->caps, "params", saved->params);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	return text;
}

int km_qmig_saved_parse(struct km_qmig_saved *saved, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	int rc = json_unpack(o, "{s:O,s:O}", "caps", &saved->caps, "params", &saved->params);

	json_decref(o);
	return rc ? -EBADMSG : 0;
}

int km_qmig_prepare_source(struct km_qmp *q, bool multifd, unsigned int channels,
			   uint64_t bytes_per_s, struct km_qmig_saved *saved, struct km_err *err)
{
	json_t *p;
	int rc = set_caps(q, wanted_caps(saved->caps, multifd, false), err);

	if (rc)
		return rc;
	/* QEMU 7.2's max-bandwidth is 128 MiB/s unless told otherwise; the relay
	 * throttles by not reading, so QEMU must not. */
	p = json_pack("{s:I}", "max-bandwidth",
		      multifd || !bytes_per_s ? NO_LIMIT : (json_int_t)bytes_per_s);
	if (multifd) {
		json_object_set_new(p, "multifd-channels", json_integer(channels));
		json_object_set_new(p, "downtime-limit", json_integer(1));
		json_object_set_new(p, "multifd-compression", json_string("none"));
	}
	rc = set_params(q, p, err);
	if (rc)
		km_qmig_restore(q, saved, NULL);
	return rc;
}

int km_qmig_prepare_dest(struct km_qmp *q, bool multifd, struct km_err *err)
{
	json_t *caps = NULL;
	int rc = km_qmp_exec(q, "query-migrate-capabilities", NULL, &caps, KM_QMP_MS, err);

	if (rc)
		return rc;
	rc = set_caps(q, wanted_caps(caps, multifd, true), err);
	json_decref(caps);
	if (!rc && multifd)
		rc = set_params(q, json_pack("{s:i}", "multifd-channels", 1), err);
	return rc;
}

bool km_qmig_idle(struct km_qmp *q)
{
	json_t *list = NULL, *instance;
	bool clean = true;
	size_t i;

	if (km_qmp_exec(q, "query-yank", NULL, &list, KM_QMP_MS, NULL))
		return false;
	json_array_foreach(list, i, instance) {
		const char *type = json_string_value(json_object_get(instance, "type"));

		if (type && !strcmp(type, "migration"))
			clean = false;
	}
	json_decref(list);
	return clean;
}

/* "failed" and "completed" are said before QEMU has cleaned up, and then it
 * looks at its capabilities again: with multifd off by then, it leaves the
 * channels' yank functions behind, and yank_unregister_instance() aborts - and
 * the guest is lost.  That call is the last of migrate_fd_cleanup(), and
 * query-yank shows when it is past (QEMU 6.0 and later; migration/migration.c). */
static int wait_cleaned_up(struct km_qmp *q, struct km_err *err)
{
	for (int i = 0; i < CLEAN_UP_MS / 20; i++) {
		if (km_qmig_idle(q))
			return 0;
		usleep(20000);
	}
	return km_err_set(err, -EBUSY,
			  "QEMU does not end its migration; its settings stay changed");
}

int km_qmig_restore(struct km_qmp *q, struct km_qmig_saved *saved, struct km_err *err)
{
	int rc = wait_cleaned_up(q, err);

	if (rc)
		return rc;
	if (saved->caps)
		rc = set_caps(q, saved->caps, err);
	if (saved->params && !rc)
		rc = set_params(q, saved->params, err);
	else
		json_decref(saved->params);
	memset(saved, 0, sizeof(*saved));
	return rc;
}

int km_qmig_start(struct km_qmp *q, const char *uri, struct km_err *err)
{
	return km_qmp_exec(q, "migrate", json_pack("{s:s}", "uri", uri), NULL, KM_QMP_MS, err);
}

int km_qmig_incoming(struct km_qmp *q, const char *uri, struct km_err *err)
{
	return km_qmp_exec(q, "migrate-incoming", json_pack("{s:s}", "uri", uri), NULL, KM_QMP_MS,
			   err);
}

int km_qmig_set_pace(struct km_qmp *q, unsigned int downtime_ms, uint64_t bytes_per_s,
		     struct km_err *err)
{
	return set_params(q,
			  json_pack("{s:i,s:I}", "downtime-limit", (int)downtime_ms,
				    "max-bandwidth",
				    bytes_per_s ? (json_int_t)bytes_per_s : NO_LIMIT),
			  err);
}

int km_qmig_pause_before_switchover(struct km_qmp *q, struct km_err *err)
{
	return set_caps(
		q, json_pack("[{s:s,s:b}]", "capability", "pause-before-switchover", "state", true),
		err);
}

int km_qmig_continue(struct km_qmp *q, struct km_err *err)
{
	return km_qmp_exec(q, "migrate-continue", json_pack("{s:s}", "state", "pre-switchover"),
			   NULL, KM_QMP_MS, err);
}

static uint64_t num(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v < 0 ? 0 : (uint64_t)v;
}

int km_qmig_query(struct km_qmp *q, struct km_qmig_status *s, struct km_err *err)
{
	json_t *r = NULL, *ram, *addr;
	const char *text;
	int rc = km_qmp_exec(q, "query-migrate", NULL, &r, KM_QMP_MS, err);

	if (rc)
		return rc;
	memset(s, 0, sizeof(*s));
	text = json_string_value(json_object_get(r, "status"));
	snprintf(s->status, sizeof(s->status), "%s", text ? text : "");
	text = json_string_value(json_object_get(r, "error-desc"));
	snprintf(s->error, sizeof(s->error), "%s", text ? text : "");
	ram = json_object_get(r, "ram");
	s->remaining_bytes = num(ram, "remaining");
	s->dirty_pages_per_s = num(ram, "dirty-pages-rate");
	s->rounds = num(ram, "dirty-sync-count");
	s->mbps = json_number_value(json_object_get(ram, "mbps"));
	addr = json_array_get(json_object_get(r, "socket-address"), 0);
	text = json_string_value(json_object_get(addr, "port"));
	s->port = text ? (unsigned int)strtoul(text, NULL, 10) : 0;
	json_decref(r);
	return 0;
}
