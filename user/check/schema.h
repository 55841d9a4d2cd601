/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records as JSON, and back, by one table of their fields: what is written is what can be
 * read.  A record may come from anywhere, so each value's type, length and range is checked
 * before it is used; the error names the field ("topology.nodes[3].cpus").  Keys that the
 * table does not know are passed over: a newer kmigrate may know more.  Pure.
 */
#ifndef KM_CHECK_SCHEMA_H
#define KM_CHECK_SCHEMA_H

#include <jansson.h>
#include "../model.h"
#include "record.h"

enum km_field_kind {
	KM_FIELD_TEXT, /* char[size]; null = "" */
	KM_FIELD_U32,
	KM_FIELD_U64,	 /* up to INT64_MAX, which is what JSON's integers hold here */
	KM_FIELD_NODE,	 /* int32_t; null = -1 */
	KM_FIELD_TRI,	 /* enum km_tri; null = unknown */
	KM_FIELD_SET,	 /* struct km_set, as hexadecimal text */
	KM_FIELD_OBJECT, /* sub */
	KM_FIELD_LIST,	 /* at most cap elements of size bytes each; the count, a uint32_t, is at
			* count.  sub describes an element: an object's fields, or, where its
			* first one has no name, the element itself */
};

struct km_field {
	const char *name;
	enum km_field_kind kind;
	size_t offset, size, count;
	uint32_t cap;
	const struct km_field *sub; /* ends with a kind of KM_FIELD_TEXT and size 0 */
};

extern const struct km_field km_host_fields[];
extern const struct km_field km_guest_fields[];

#define KM_RECORD_TEXT_MAX (4u << 20) /* bytes of a record's JSON: a full one has 300 KiB */

/* The record as an object, the caller's. NULL without memory. */
json_t *km_record_json(const struct km_field *fields, const void *record);
/* -EPROTO, and which field is wrong. *record is all zero but for what was read. */
int km_record_of(const struct km_field *fields, const json_t *j, void *record, struct km_err *err);

/* A host's, from a text of len bytes; where: whose it is, for the error. Malloc'ed; NULL after
 * an error. */
struct km_host_record *km_host_record_parse(const char *text, size_t len, const char *where,
					    struct km_err *err);
/* With the version in front. */
json_t *km_host_record_json(const struct km_host_record *h);
/* From a file. */
struct km_host_record *km_host_record_load(const char *path, struct km_err *err);

#endif
