// SPDX-License-Identifier: GPL-2.0
/* Records to JSON and back, by the table of their fields. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../report/jsonval.h"
#include "../textfile.h"
#include "schema.h"

static bool is_end(const struct km_field *f)
{
	return !f->name && !f->size;
}

static json_t *write_list(const struct km_field *f, const char *record);

static json_t *write_field(const struct km_field *f, const char *at)
{
	char text[KM_SET_TEXT];
	enum km_tri tri;
	int32_t node;
	uint32_t u32;
	uint64_t u64;

	switch (f->kind) {
	case KM_FIELD_TEXT:
		return km_j_text_or_null(at);
	case KM_FIELD_U32:
		memcpy(&u32, at, sizeof(u32));
		return km_j_number(u32);
	case KM_FIELD_U64:
		memcpy(&u64, at, sizeof(u64));
		return km_j_number(u64);
	case KM_FIELD_NODE:
		memcpy(&node, at, sizeof(node));
		return node < 0 ? json_null() : json_integer(node);
	case KM_FIELD_TRI:
		memcpy(&tri, at, sizeof(tri));
		return tri == KM_UNKNOWN ? json_null() : json_boolean(tri == KM_YES);
	case KM_FIELD_SET:
		km_set_text((const struct km_set *)(const void *)at, text);
		return json_string(text);
	case KM_FIELD_OBJECT:
		return km_record_json(f->sub, at);
	case KM_FIELD_LIST:
		break;
	}
	return NULL; /* a list is written where its count is known */
}

static json_t *write_list(const struct km_field *f, const char *record)
{
	json_t *list = json_array();
	uint32_t n;

	memcpy(&n, record + f->count, sizeof(n));
	for (uint32_t i = 0; i < n && i < f->cap; i++) {
		const char *at = record + f->offset + i * f->size;

		json_array_append_new(list,
				      f->sub[0].name ? km_record_json(f->sub, at) : km_j_text(at));
	}
	return list;
}

json_t *km_record_json(const struct km_field *fields, const void *record)
{
	json_t *o = json_object();

	for (const struct km_field *f = fields; !is_end(f); f++)
		km_j_put(o, f->name,
			 f->kind == KM_FIELD_LIST ?
				 write_list(f, record) :
				 write_field(f, (const char *)record + f->offset));
	return o;
}

/* Where we are, for an error: built on the way down. */
#define PATH_TEXT 160 /* no path of ours is longer: names have 20 letters, depth is 4 */

static int wrong(const char *path, const char *want, struct km_err *err)
{
	return km_err_set(err, -EPROTO, "%s is not %s", path, want);
}

static int read_text(const struct km_field *f, const json_t *j, char *at, const char *path,
		     struct km_err *err)
{
	char want[64];

	/* A text with a NUL in it would be cut short: jansson refuses \u0000 by itself. */
	if (!json_is_string(j) || json_string_length(j) >= f->size) {
		snprintf(want, sizeof(want), "a text of at most %zu bytes", f->size - 1);
		return wrong(path, want, err);
	}
	memcpy(at, json_string_value(j), json_string_length(j) + 1);
	return 0;
}

static int read_number(const struct km_field *f, const json_t *j, char *at, const char *path,
		       struct km_err *err)
{
	uint64_t max = f->kind == KM_FIELD_U32	? UINT32_MAX :
		       f->kind == KM_FIELD_NODE ? INT16_MAX :
						  INT64_MAX;
	json_int_t v = json_integer_value(j);
	uint32_t u32;
	char want[64];

	if (!json_is_integer(j) || v < 0 || (uint64_t)v > max) {
		snprintf(want, sizeof(want), "a whole number from 0 to %" PRIu64, max);
		return wrong(path, want, err);
	}
	u32 = (uint32_t)v;
	if (f->kind == KM_FIELD_U64)
		memcpy(at, &v, sizeof(v));
	else
		memcpy(at, &u32, sizeof(u32));
	return 0;
}

static int read_object(const struct km_field *fields, const json_t *j, char *record,
		       const char *path, struct km_err *err);

static int read_field(const struct km_field *f, const json_t *j, char *at, const char *path,
		      struct km_err *err)
{
	enum km_tri tri = json_is_true(j) ? KM_YES : KM_NO;
	const char *text = json_string_value(j);

	switch (f->kind) {
	case KM_FIELD_TEXT:
		return read_text(f, j, at, path, err);
	case KM_FIELD_U32:
	case KM_FIELD_U64:
	case KM_FIELD_NODE:
		return read_number(f, j, at, path, err);
	case KM_FIELD_TRI:
		if (!json_is_boolean(j))
			return wrong(path, "true, false or null", err);
		memcpy(at, &tri, sizeof(tri));
		return 0;
	case KM_FIELD_SET:
		if (!text || !km_set_parse((struct km_set *)(void *)at, text))
			return wrong(path, "a set of features (hexadecimal)", err);
		return 0;
	case KM_FIELD_OBJECT:
		return read_object(f->sub, j, at, path, err);
	case KM_FIELD_LIST:
		break;
	}
	return 0;
}

static int read_list(const struct km_field *f, const json_t *j, char *record, const char *path,
		     struct km_err *err)
{
	size_t n = json_array_size(j);
	uint32_t count = (uint32_t)n;
	char where[PATH_TEXT], want[64];
	int rc = 0;

	if (!json_is_array(j) || n > f->cap) {
		snprintf(want, sizeof(want), "a list of at most %u", f->cap);
		return wrong(path, want, err);
	}
	for (size_t i = 0; !rc && i < n; i++) {
		char *at = record + f->offset + i * f->size;
		const json_t *e = json_array_get(j, i);

		snprintf(where, sizeof(where), "%.130s[%zu]", path, i);
		rc = f->sub[0].name ? read_object(f->sub, e, at, where, err) :
				      read_field(&f->sub[0], e, at, where, err);
	}
	if (!rc)
		memcpy(record + f->count, &count, sizeof(count));
	return rc;
}

/* What is not said is not known. */
static void forget(const struct km_field *f, char *record)
{
	const int32_t none = -1;

	if (f->kind == KM_FIELD_NODE)
		memcpy(record + f->offset, &none, sizeof(none));
}

static int read_object(const struct km_field *fields, const json_t *j, char *record,
		       const char *path, struct km_err *err)
{
	char where[PATH_TEXT];
	int rc = 0;

	if (!json_is_object(j))
		return wrong(path[0] ? path : "all of it", "an object", err);
	for (const struct km_field *f = fields; !rc && !is_end(f); f++) {
		const json_t *v = json_object_get(j, f->name);

		forget(f, record);
		if (!v || json_is_null(v))
			continue;
		snprintf(where, sizeof(where), "%.130s%s%.24s", path, path[0] ? "." : "", f->name);
		rc = f->kind == KM_FIELD_LIST ? read_list(f, v, record, where, err) :
						read_field(f, v, record + f->offset, where, err);
	}
	return rc;
}

int km_record_of(const struct km_field *fields, const json_t *j, void *record, struct km_err *err)
{
	return read_object(fields, j, record, "", err);
}

/* QEMU's names go into command lines and XML. */
static int check_name(const char *name, const char *what, struct km_err *err)
{
	size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-_.");

	return name[0] && !name[good] ?
		       0 :
		       km_err_set(err, -EPROTO, "'%.40s' is no name of a CPU %s", name, what);
}

static int check_names(const struct km_rec_qemu *q, struct km_err *err)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < q->nfeatures; i++)
		rc = check_name(q->feature[i], "feature", err);
	for (uint32_t i = 0; !rc && i < q->nmodels; i++)
		rc = check_name(q->model[i].name, "model", err);
	return rc;
}

/* Sets are of the names that came with them. */
static int check_sets(const struct km_rec_qemu *q, struct km_err *err)
{
	struct km_set all = q->host;

	for (size_t w = 0; w < KM_SET_WORDS; w++) {
		all.w[w] |= q->movable.w[w];
		for (uint32_t m = 0; m < q->nmodels; m++)
			all.w[w] |= q->model[m].features.w[w] | q->model[m].lacking.w[w];
	}
	for (unsigned int b = q->nfeatures; b < KM_SET_MAX; b++)
		if (km_set_has(&all, b))
			return km_err_set(err, -EPROTO, "a set of %.100s has feature %u, of %u",
					  q->path, b, q->nfeatures);
	return 0;
}

static int check_qemus(const struct km_host_record *h, struct km_err *err)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < h->nqemus; i++) {
		rc = check_names(&h->qemu[i], err);
		if (!rc)
			rc = check_sets(&h->qemu[i], err);
	}
	return rc;
}

static int parse(const char *text, size_t len, struct km_host_record *h, struct km_err *err)
{
	json_error_t je;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	int rc;

	if (!j)
		return km_err_set(err, -EPROTO, "not JSON, or not all of it: line %d: %s", je.line,
				  je.text);
	if (!json_is_integer(json_object_get(j, "kmigrate_host")))
		rc = km_err_set(err, -EPROTO,
				"not a host record: `kmigrate host --json` makes them");
	else
		rc = km_record_of(km_host_fields, j, h, err);
	json_decref(j);
	if (!rc && (!h->version || h->version > KM_RECORD_VERSION))
		rc = km_err_set(err, -EPROTO,
				"a record of version %u, and this kmigrate knows 1 to %u: take a "
				"newer kmigrate",
				h->version, KM_RECORD_VERSION);
	return rc ? rc : check_qemus(h, err);
}

struct km_host_record *km_host_record_parse(const char *text, size_t len, const char *where,
					    struct km_err *err)
{
	struct km_host_record *h = calloc(1, sizeof(*h));
	struct km_err why = { 0 };

	if (!h) {
		km_err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	if (len > KM_RECORD_TEXT_MAX)
		km_err_set(&why, -EFBIG, "larger than %u MiB", KM_RECORD_TEXT_MAX >> 20);
	else
		parse(text, len, h, &why);
	if (!why.code)
		return h;
	km_err_set(err, why.code, "%.120s: %.350s", where, why.text);
	free(h);
	return NULL;
}

json_t *km_host_record_json(const struct km_host_record *h)
{
	return km_record_json(km_host_fields, h);
}

struct km_host_record *km_host_record_load(const char *path, struct km_err *err)
{
	struct km_host_record *h = NULL;
	struct km_err why = { 0 };
	char *text;
	size_t n;

	if (km_textfile_read(path, KM_RECORD_TEXT_MAX, &text, &n, &why))
		km_err_set(err, why.code, "%.200s: %.250s", path, why.text);
	else
		h = km_host_record_parse(text, n, path, err);
	free(text);
	return h;
}
