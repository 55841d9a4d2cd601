// SPDX-License-Identifier: GPL-2.0
/* The journal's entries as a table and as JSON. */
#include <stdio.h>
#include <time.h>
#include "report.h"

static const char *says(const struct km_journal *j)
{
	if (km_journal_busy(j))
		return "under way";
	switch (j->step) {
	case KM_STEP_STARTED:
		return "left behind";
	case KM_STEP_GO:
		return "in doubt";
	case KM_STEP_MOVED:
		return "moved";
	case KM_STEP_STAYED:
		return "stayed";
	case KM_STEP_LOST:
		break;
	}
	return "lost";
}

static bool wants_help(const struct km_journal *j)
{
	return km_journal_open(j) && !km_journal_busy(j);
}

json_t *km_json_moves(const struct km_journal *list, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct km_journal *j = &list[i];

		json_array_append_new(
			a, json_pack("{s:s,s:s,s:s,s:s,s:b,s:i,s:s,s:s,s:I}", "id", j->id, "side",
				     j->destination ? "destination" : "source", "state", says(j),
				     "vm", j->vm_name, "needs_resolve", wants_help(j), "pid",
				     (int)j->vm_pid, "destination", j->host, "note", j->note,
				     "updated_s", (json_int_t)j->updated_s));
	}
	return json_pack("{s:o}", "moves", a);
}

void km_text_moves(FILE *f, const struct km_journal *list, size_t n)
{
	unsigned int open = 0;

	if (n)
		fprintf(f, "%-12s  %-16s  %-11s  %-11s  %-20s  %s\n", "ID", "WHEN", "SIDE", "STATE",
			"GUEST", "NOTE");
	for (size_t i = 0; i < n; i++) {
		const struct km_journal *j = &list[i];
		char when[32] = "?";
		time_t t = (time_t)j->updated_s;
		struct tm tm;

		if (localtime_r(&t, &tm))
			strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
		fprintf(f, "%-12s  %-16s  %-11s  %-11s  ", j->id, when,
			j->destination ? "destination" : "source", says(j));
		km_put_safe(f, j->vm_name);
		fputs("  ", f);
		km_put_safe(f, j->note);
		fputc('\n', f);
		open += wants_help(j);
	}
	if (open)
		fprintf(f, "\n%u to be settled: kmigrate resolve ID\n", open);
}
