// SPDX-License-Identifier: GPL-2.0
/* The pause of a move as it is shown. */
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/pause.h"

static struct km_pause pause = {
	.nparts = 3,
	.part = { { "stop", false, 0, 4 }, { "load", true, 4, 30 }, { "go", true, 34, 6 } },
	.total_ms = 40,
	.joined = true,
	.clock_offset_ns = -12345678901234567,
	.clock_error_ms = 0.125,
};

static char *drawn(void)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	km_text_pause(f, &pause);
	fclose(f);
	return text;
}

static void table(bool *ok)
{
	char *text = drawn(), head[KM_PAUSE_TEXT];

	CHECK(!strcmp(
		text,
		"    stop          4.00 ms  source      |@@@                             |\n"
		"    load          30.0 ms  destination |   @@@@@@@@@@@@@@@@@@@@@@@@     |\n"
		"    go            6.00 ms  destination |                           @@@@@|\n"));
	free(text);
	CHECK(!strcmp(km_fmt_pause(head, &pause),
		      "40.0 ms, both ends by one clock, to within 125 us"));
	pause.joined = false;
	strcpy(pause.why_not, "it is too old");
	CHECK(!strcmp(km_fmt_pause(head, &pause),
		      "40.0 ms; the destination's parts of it are unknown: it is too old"));
	pause.joined = true;
	pause.why_not[0] = '\0';
}

/* No part, or nothing but parts of no length: no bar leaves its frame. */
static void nothing(bool *ok)
{
	struct km_pause kept = pause;
	char *text;

	pause.total_ms = 0;
	text = drawn();
	CHECK(strstr(text,
		     "go            6.00 ms  destination |                                |\n"));
	free(text);
	pause.total_ms = 1; /* less than its parts */
	text = drawn();
	CHECK(strstr(text,
		     "stop          4.00 ms  source      |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"));
	CHECK(strstr(text,
		     "go            6.00 ms  destination |                                |\n"));
	free(text);
	pause.nparts = 0;
	text = drawn();
	CHECK(!*text);
	free(text);
	pause = kept;
}

static void json(bool *ok)
{
	json_t *j = km_json_pause(&pause), *part;

	part = json_array_get(json_object_get(j, "parts"), 1);
	CHECK(json_array_size(json_object_get(j, "parts")) == 3);
	CHECK(!strcmp(json_string_value(json_object_get(part, "name")), "load"));
	CHECK(!strcmp(json_string_value(json_object_get(part, "side")), "destination"));
	CHECK(json_real_value(json_object_get(part, "at_ms")) > 3.9);
	CHECK(json_real_value(json_object_get(part, "took_ms")) > 29.9);
	CHECK(json_integer_value(json_object_get(j, "clock_offset_ns")) == -12345678901234567);
	CHECK(json_real_value(json_object_get(j, "clock_error_ms")) > 0.12);
	CHECK(json_is_null(json_object_get(j, "destination_unknown_because")));
	json_decref(j);
	pause.joined = false;
	strcpy(pause.why_not, "it is too old");
	j = km_json_pause(&pause);
	CHECK(json_is_null(json_object_get(j, "clock_offset_ns")));
	CHECK(json_is_null(json_object_get(j, "clock_error_ms")));
	CHECK(json_is_string(json_object_get(j, "destination_unknown_because")));
	json_decref(j);
	pause.nparts = 0;
	j = km_json_pause(&pause);
	CHECK(json_is_null(j));
	json_decref(j);
}

static const struct ktap_case cases[] = {
	{ "the parts as a table with bars", table },
	{ "bars stay in their frame", nothing },
	{ "JSON of the pause", json },
};

KTAP_MAIN(cases)
