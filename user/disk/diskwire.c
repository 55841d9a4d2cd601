// SPDX-License-Identifier: GPL-2.0
#include "diskwire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* No image is larger: QEMU's BDRV_MAX_LENGTH is below it. */
#define BYTES_MAX INT64_MAX

static json_t *offer_disk(const struct km_disk *k)
{
	char inode[24]; /* has 64 bits, jansson's numbers 63 */

	snprintf(inode, sizeof(inode), "%llu", (unsigned long long)k->proof.inode);
	return json_pack("{s:s,s:s,s:s,s:I,s:I,s:b,s:b,s:s,s:s,s:b,s:s,s:s}", "id", k->id, "path",
			 k->path, "format", k->format, "bytes", (json_int_t)k->bytes,
			 "allocated_bytes", (json_int_t)k->allocated_bytes, "network", k->network,
			 "rewritten", k->rewritten, "why_not", k->why_not, "inode", inode,
			 "network_fs", k->proof.network, "token", k->proof.name, "secret",
			 k->proof.secret);
}

json_t *km_disks_offer(const struct km_disks *d, bool mirror)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < d->n; i++)
		if (json_array_append_new(list, offer_disk(&d->d[i]))) { /* no UTF-8, or no room */
			json_decref(list);
			return NULL;
		}
	return json_pack("{s:b,s:o}", "mirror", mirror, "list", list);
}

static bool get_text(const json_t *o, const char *key, char *to, size_t size)
{
	const char *t = json_string_value(json_object_get(o, key));

	/* Lines are what the guard is told in. */
	return t && strlen(t) == json_string_length(json_object_get(o, key)) &&
	       !strpbrk(t, "\r\n") && (size_t)snprintf(to, size, "%s", t) < size;
}

static bool get_bytes(const json_t *o, const char *key, uint64_t *to)
{
	const json_t *j = json_object_get(o, key);
	json_int_t v = json_integer_value(j);

	*to = (uint64_t)v;
	return json_is_integer(j) && v >= 0 && v < BYTES_MAX;
}

static bool get_bool(const json_t *o, const char *key, bool *to)
{
	const json_t *j = json_object_get(o, key);

	*to = json_is_true(j);
	return json_is_boolean(j);
}

static bool is_hex(const char *t, size_t len)
{
	return strlen(t) == len && strspn(t, "0123456789abcdef") == len;
}

/* A token's name is looked up in a folder here, so it must be one, and nothing else. */
static bool parse_proof(const json_t *j, struct km_disk_proof *p)
{
	const size_t prefix = strlen(KM_TOKEN_PREFIX);
	char inode[24];
	unsigned long long v;
	int end = 0;

	if (!get_text(j, "inode", inode, sizeof(inode)) ||
	    sscanf(inode, "%20llu%n", &v, &end) != 1 || inode[end] ||
	    !get_bool(j, "network_fs", &p->network) ||
	    !get_text(j, "token", p->name, sizeof(p->name)) ||
	    !get_text(j, "secret", p->secret, sizeof(p->secret)))
		return false;
	p->inode = v;
	if (!p->name[0])
		return !p->secret[0];
	return !strncmp(p->name, KM_TOKEN_PREFIX, prefix) && is_hex(p->name + prefix, 32) &&
	       is_hex(p->secret, 2 * KM_TOKEN_BYTES);
}

static bool parse_disk(const json_t *j, struct km_disk *d)
{
	return get_text(j, "id", d->id, sizeof(d->id)) && d->id[0] &&
	       get_text(j, "path", d->path, sizeof(d->path)) &&
	       get_text(j, "format", d->format, sizeof(d->format)) &&
	       get_bytes(j, "bytes", &d->bytes) &&
	       get_bytes(j, "allocated_bytes", &d->allocated_bytes) &&
	       get_bool(j, "network", &d->network) && get_bool(j, "rewritten", &d->rewritten) &&
	       get_text(j, "why_not", d->why_not, sizeof(d->why_not)) &&
	       parse_proof(j, &d->proof) &&
	       /* What can be mirrored is made here. */
	       (d->why_not[0] || (d->path[0] == '/' && d->bytes && d->bytes % 512 == 0 &&
				  (!strcmp(d->format, "raw") || !strcmp(d->format, "qcow2"))));
}

int km_disks_offer_parse(const json_t *j, struct km_disks *d, bool *mirror, struct km_err *err)
{
	const json_t *list = json_object_get(j, "list"), *k;
	size_t i;

	memset(d, 0, sizeof(*d));
	if (!get_bool(j, "mirror", mirror) || !json_is_array(list) ||
	    json_array_size(list) > KM_DISKS_MAX)
		return km_err_set(err, -EPROTO, "bad list of disks from the peer");
	json_array_foreach(list, i, k)
		if (!parse_disk(k, &d->d[d->n++]))
			return km_err_set(err, -EPROTO, "bad disk %zu from the peer", i);
	return 0;
}

json_t *km_disks_answer(const struct km_disk_fate *fate, unsigned int n)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s,s:s,s:I}", "how",
						      km_disk_how_name(fate[i].how), "path",
						      fate[i].path, "allocated_bytes",
						      (json_int_t)fate[i].allocated_bytes));
	return list;
}

static bool parse_fate(const json_t *j, struct km_disk_fate *f)
{
	char how[16];

	if (!get_text(j, "how", how, sizeof(how)) ||
	    !get_text(j, "path", f->path, sizeof(f->path)) ||
	    !get_bytes(j, "allocated_bytes", &f->allocated_bytes))
		return false;
	for (f->how = KM_DISK_SHARED; f->how <= KM_DISK_REWRITTEN; f->how++)
		if (!strcmp(how, km_disk_how_name(f->how)))
			return true;
	return false;
}

int km_disks_answer_parse(const json_t *j, unsigned int n, struct km_disk_fate *fate,
			  struct km_err *err)
{
	if (!j)
		return km_err_set(err, -EOPNOTSUPP,
				  "the destination's kmigrate knows nothing of disks: --storage "
				  "shared if they are on shared storage");
	if (json_array_size(j) != n)
		return km_err_set(err, -EPROTO, "bad answer about disks from the peer");
	for (unsigned int i = 0; i < n; i++)
		if (!parse_fate(json_array_get(j, i), &fate[i]))
			return km_err_set(err, -EPROTO, "bad answer about disk %u from the peer",
					  i);
	return 0;
}
