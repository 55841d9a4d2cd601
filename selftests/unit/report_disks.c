// SPDX-License-Identifier: GPL-2.0
/* What is said of a guest's disks. */
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/disks.h"
#include "report/report.h"

static struct km_run run;

static struct km_disk_facts *add(const char *id, enum km_disk_how how)
{
	struct km_disk_facts *k = &run.disks.d[run.disks.n++];

	snprintf(k->id, sizeof(k->id), "%s", id);
	snprintf(k->path, sizeof(k->path), "/a/%s", id);
	snprintf(k->path_there, sizeof(k->path_there), "/b/%s", id);
	snprintf(k->format, sizeof(k->format), "raw");
	k->how = how;
	return k;
}

static void two(void)
{
	struct km_disk_facts *k;

	memset(&run, 0, sizeof(run));
	k = add("d0", KM_DISK_MIRRORED);
	k->bytes = 8 << 20;
	k->allocated_bytes = 3 << 20;
	k->allocated_there_bytes = 2 << 20;
	k->total_bytes = 8 << 20;
	k->done_bytes = 2 << 20;
	k->wire_bytes = 1 << 20;
	k->ms = 500;
	add("d1", KM_DISK_SHARED);
}

static bool text_has(const char *what)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool has;

	km_text_disks(f, &run.disks);
	fclose(f);
	has = strstr(text, what);
	free(text);
	return has;
}

static void text(bool *ok)
{
	two();
	CHECK(text_has("d0: mirrored to /b/d0 (raw)"));
	CHECK(text_has("2.00 MiB allocated there, 3.00 MiB here"));
	CHECK(text_has("1.00 MiB on the wire"));
	CHECK(text_has("d1: shared, /b/d1\n"));
	run.disks.d[1].how = KM_DISK_REWRITTEN;
	CHECK(text_has("d1: firmware's variables") && !text_has("shared"));
	strcpy(run.disks.d[0].path_there, "/b/\033[2J");
	CHECK(!text_has("\033"));
	memset(&run, 0, sizeof(run));
	run.disks.asserted = true;
	CHECK(text_has("--storage shared says"));
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void as_json(bool *ok)
{
	json_t *j, *d;

	two();
	j = km_json_disks(&run.disks);
	d = json_array_get(json_object_get(j, "list"), 0);
	CHECK(json_array_size(json_object_get(j, "list")) == 2);
	CHECK(number(d, "allocated_there_bytes") == 2 << 20 && number(d, "wire_bytes") == 1 << 20);
	CHECK(number(d, "copied_bytes") == 2 << 20 && number(d, "to_copy_bytes") == 8 << 20);
	CHECK(number(d, "copied_bytes_per_s") == 4 << 20 && number(d, "in_sync_ms") == 500);
	d = json_array_get(json_object_get(j, "list"), 1);
	CHECK(!strcmp(json_string_value(json_object_get(d, "how")), "shared"));
	CHECK(!json_object_get(d, "wire_bytes"));
	json_decref(j);
	memset(&run, 0, sizeof(run));
	j = km_json_disks(&run.disks);
	CHECK(json_is_null(j));
	json_decref(j);
}

static void progress(bool *ok)
{
	char buf[KM_COPYING_TEXT], *shown = NULL;
	struct km_progress p;
	size_t len;
	FILE *f = open_memstream(&shown, &len);

	two();
	CHECK(!strcmp(km_fmt_copying(buf, &run.disks), "disks 25 %, 2.00 MiB of 8.00 MiB"));
	p = (struct km_progress){ .f = f, .last_ms = -1 };
	run.disks.copying = true;
	km_progress_show(&p, &run, 0);
	fflush(f);
	CHECK(strstr(shown, "disks 25 %"));
	run.disks.copying = false;
	p.last_ms = -1;
	km_progress_show(&p, &run, 10000);
	fclose(f);
	CHECK(strstr(shown, "disks 25 %") && !strstr(strstr(shown, "disks") + 5, "disks"));
	free(shown);
	memset(&run.disks, 0, sizeof(run.disks));
	CHECK(!strcmp(km_fmt_copying(buf, &run.disks), "disks 0 %, 0 B of 0 B"));
}

static const struct ktap_case cases[] = {
	{ "disks: as text", text },
	{ "disks: as JSON", as_json },
	{ "disks: while they are copied", progress },
};

KTAP_MAIN(cases)
