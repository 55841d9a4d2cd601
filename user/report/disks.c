// SPDX-License-Identifier: GPL-2.0
#include "disks.h"

#include "jsonval.h"
#include "report.h"
#include "units.h"

static double rate(const struct km_disk_facts *k)
{
	return k->ms > 0 ? (double)k->done_bytes * 1e3 / k->ms : 0;
}

static json_t *disk(const struct km_disk_facts *k)
{
	bool mirrored = k->how == KM_DISK_MIRRORED;
	json_t *o = json_object();

	km_j_put(o, "id", km_j_text(k->id));
	km_j_put(o, "how", km_j_text(km_disk_how_name(k->how)));
	km_j_put(o, "path", km_j_text_or_null(k->path));
	km_j_put(o, "path_there", km_j_text_or_null(k->path_there));
	km_j_put(o, "format", km_j_text_or_null(k->format));
	km_j_put(o, "bytes", km_j_number(k->bytes));
	km_j_put(o, "allocated_bytes", km_j_number(k->allocated_bytes));
	if (!mirrored)
		return o;
	km_j_put(o, "allocated_there_bytes", km_j_number(k->allocated_there_bytes));
	km_j_put(o, "copied_bytes", km_j_number(k->done_bytes));
	km_j_put(o, "to_copy_bytes", km_j_number(k->total_bytes));
	km_j_put(o, "wire_bytes", km_j_number(k->wire_bytes));
	km_j_put(o, "in_sync_ms", km_j_real(k->ms));
	km_j_put(o, "copied_bytes_per_s", km_j_real(rate(k)));
	return o;
}

json_t *km_json_disks(const struct km_disks_facts *d)
{
	json_t *o, *list;

	if (!d->n && !d->asserted)
		return json_null();
	o = json_object();
	list = json_array();
	for (unsigned int i = 0; i < d->n; i++)
		json_array_append_new(list, disk(&d->d[i]));
	km_j_put(o, "asserted_shared", json_boolean(d->asserted));
	km_j_put(o, "copying_ms", km_j_real(d->ms));
	km_j_put(o, "list", list);
	return o;
}

static void put(FILE *f, const char *label, const char *text)
{
	fprintf(f, "  %-11s ", label);
	km_put_safe(f, text);
	fputc('\n', f);
}

static void put_disk(FILE *f, const char *label, const struct km_disk_facts *k)
{
	char a[KM_UNIT_MAX], b[KM_UNIT_MAX], c[KM_UNIT_MAX], d[KM_UNIT_MAX], e[KM_UNIT_MAX];
	char text[2 * PATH_MAX + 256];

	if (k->how == KM_DISK_MIRRORED)
		snprintf(text, sizeof(text),
			 "%s: mirrored to %s (%s), %s in %s, %s on the wire; %s allocated there, "
			 "%s here",
			 k->id, k->path_there, k->format, km_fmt_bytes(a, (double)k->done_bytes),
			 km_fmt_ms(b, k->ms), km_fmt_bytes(c, (double)k->wire_bytes),
			 km_fmt_bytes(d, (double)k->allocated_there_bytes),
			 km_fmt_bytes(e, (double)k->allocated_bytes));
	else if (k->how == KM_DISK_REWRITTEN)
		snprintf(text, sizeof(text), "%s: firmware's variables, which QEMU writes anew",
			 k->id);
	else
		snprintf(text, sizeof(text), "%s: shared, %s", k->id,
			 k->path_there[0] ? k->path_there : k->path);
	put(f, label, text);
}

void km_text_disks(FILE *f, const struct km_disks_facts *d)
{
	if (d->asserted)
		put(f, "disks", "on shared storage, as --storage shared says");
	for (unsigned int i = 0; i < d->n; i++)
		put_disk(f, i ? "" : "disks", &d->d[i]);
}

char *km_fmt_copying(char buf[KM_COPYING_TEXT], const struct km_disks_facts *d)
{
	char a[KM_UNIT_MAX], b[KM_UNIT_MAX];
	double done = 0, all = 0;

	for (unsigned int i = 0; i < d->n; i++) {
		done += (double)d->d[i].done_bytes;
		all += (double)d->d[i].total_bytes;
	}
	snprintf(buf, KM_COPYING_TEXT, "disks %.0f %%, %s of %s", all > 0 ? 100 * done / all : 0,
		 km_fmt_bytes(a, done), km_fmt_bytes(b, all));
	return buf;
}
