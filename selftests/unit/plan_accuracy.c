// SPDX-License-Identifier: GPL-2.0
/* How true predictions were: sums against sums by hand, and reports that are none. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/accuracy.h"
#include "report/report.h"

static struct km_accuracy_moves m;

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

static int take(const char *file, const char *text, struct km_err *err)
{
	memset(err, 0, sizeof(*err));
	return km_accuracy_take(&m, file, text, strlen(text), err);
}

/* A report: foretold were 1000 (900 to 1100) ms, 100 (80 to 120) ms, 5000 (4000 to 6000) bytes. */
static char *report(const char *outcome, double total, double pause, unsigned int bytes,
		    const char *deadline, bool gave_up)
{
	static char text[1024];

	snprintf(text, sizeof(text),
		 "{\"outcome\": \"%s\", \"vm\": \"v\", \"times\": {\"total_ms\": %f, "
		 "\"pause_ms\": %f}, \"counters\": {\"wire_bytes\": %u}, \"stall\": "
		 "{\"gave_up\": %s}, \"prediction\": {\"can_be_moved\": true, \"total_ms\": "
		 "{\"low\": 900, \"likely\": 1000.0, \"high\": 1100}, \"pause_ms\": {\"low\": "
		 "80, \"likely\": 100, \"high\": 120}, \"wire_bytes\": {\"low\": 4e3, "
		 "\"likely\": 5000, \"high\": 6000}, \"goal\": {\"deadline_ms\": %s}}}\n",
		 outcome, total, pause, bytes, gave_up ? "true" : "false", deadline);
	return strdup(text);
}

static void add(bool *ok, const char *file, const char *outcome, double total, double pause,
		unsigned int bytes)
{
	char *text = report(outcome, total, pause, bytes, "null", false);
	struct km_err err;

	CHECK(!take(file, text, &err));
	free(text);
}

static void add_hopeless(bool *ok, const char *outcome, double total, const char *deadline)
{
	struct km_err err;
	char *text;

	if (asprintf(&text,
		     "{\"outcome\": \"%s\", \"vm\": \"h\", \"times\": {\"total_ms\": %f, "
		     "\"pause_ms\": null}, \"counters\": {\"wire_bytes\": 7}, \"stall\": null, "
		     "\"prediction\": {\"can_be_moved\": false, \"total_ms\": null, \"pause_ms\": "
		     "null, \"wire_bytes\": null, \"goal\": {\"deadline_ms\": %s}}}",
		     outcome, total, deadline) < 0)
		abort();
	CHECK(!take("h.json", text, &err));
	free(text);
}

static void sums(bool *ok)
{
	struct km_accuracy a;
	const struct km_accuracy_figure *total = &a.figure[KM_FIGURE_TOTAL_MS],
					*pause = &a.figure[KM_FIGURE_PAUSE_MS],
					*wire = &a.figure[KM_FIGURE_WIRE_BYTES];

	/* Errors of the time: 0, 0.25, 1 (twice foretold), 0.5; inside: the first alone. */
	add(ok, "a.json", "moved", 1000, 100, 5000);
	add(ok, "b.json", "moved", 800, 125, 4000); /* pause 0.2, bytes 0.25 and just inside */
	add(ok, "c.json", "moved", 500, 0, 10000);  /* no pause; bytes 0.5 */
	add(ok, "d.json", "moved", 2000, 50, 5000); /* pause 1, bytes 0 */
	CHECK(m.n == 4 && !m.others);
	CHECK(!km_accuracy_sum(&m, &a));
	CHECK(a.moves == 4 && a.compared == 4 && a.judged == 4 && a.right == 4 && !a.otherwise);
	CHECK(total->moves == 4 && total->inside == 1 && near(total->median_error, 0.375));
	CHECK(pause->moves == 3 && pause->inside == 1 && near(pause->median_error, 0.2));
	CHECK(wire->moves == 4 && wire->inside == 3 && near(wire->median_error, 0.125));
	CHECK(a.nworst == 4 && !strcmp(a.worst[0].move->file, "c.json"));
	CHECK(a.worst[0].figure == KM_FIGURE_TOTAL_MS && near(a.worst[0].error, 1));
	CHECK(!strcmp(a.worst[1].move->file, "d.json") && a.worst[1].figure == KM_FIGURE_PAUSE_MS);
	CHECK(!strcmp(a.worst[2].move->file, "b.json") && near(a.worst[2].error, 0.25));
	CHECK(!strcmp(a.worst[3].move->file, "a.json") && near(a.worst[3].error, 0));
	km_accuracy_free(&m);
}

/* Of more than there is room for the worst, in order, whatever the order they came in. */
static void worst(bool *ok)
{
	static const unsigned int parts[] = { 3, 9, 1, 7, 5, 8, 2, 6, 4 };
	struct km_accuracy a;
	char file[16];

	for (unsigned int i = 0; i < 9; i++) {
		snprintf(file, sizeof(file), "%u.json", parts[i]);
		add(ok, file, "moved", 1000 / (1 + parts[i] / 10.0), 100, 5000);
	}
	CHECK(!km_accuracy_sum(&m, &a) && a.nworst == KM_ACCURACY_WORST);
	for (unsigned int i = 0; i < KM_ACCURACY_WORST; i++) {
		snprintf(file, sizeof(file), "%u.json", 9 - i);
		CHECK(!strcmp(a.worst[i].move->file, file));
		/* The report has the time to a millionth of a ms. */
		CHECK(fabs(a.worst[i].error - (9 - i) / 10.0) < 1e-6);
	}
	km_accuracy_free(&m);
}

/* CPU time: in the report of a kmigrate that foretells it, of the ends that have told theirs. */
static void cpu_time(bool *ok)
{
	const struct km_accuracy_figure *here, *there;
	struct km_accuracy a;
	struct km_err err;
	char *one = report("moved", 1000, 100, 5000, "null", false), *text, *at;

	CHECK(!take("older.json", one, &err));
	/* It was told, and not foretold. */
	if (asprintf(&text, "{\"cpu\": {\"source_cpu_ms\": 9}, %s", one + 1) < 0)
		abort();
	CHECK(!take("told.json", text, &err));
	free(text);
	at = strstr(one, "\"wire_bytes\": {");
	if (asprintf(&text,
		     "{\"cpu\": {\"source_cpu_ms\": 50, \"destination_cpu_ms\": null}, %.*s"
		     "\"source_cpu_ms\": {\"low\": 50, \"likely\": 60, \"high\": 61}, "
		     "\"destination_cpu_ms\": {\"low\": 1, \"likely\": 2, \"high\": 3}, %s",
		     (int)(at - one - 1), one + 1, at) < 0)
		abort();
	CHECK(!take("newer.json", text, &err));
	free(text);
	CHECK(!km_accuracy_sum(&m, &a) && a.compared == 3);
	here = &a.figure[KM_FIGURE_SOURCE_CPU_MS];
	there = &a.figure[KM_FIGURE_DESTINATION_CPU_MS];
	CHECK(here->moves == 1 && here->inside == 1 && near(here->median_error, 0.2));
	CHECK(!there->moves && a.worst[0].figure == KM_FIGURE_SOURCE_CPU_MS);
	km_accuracy_free(&m);
	if (asprintf(&text,
		     "{\"cpu\": {\"source_cpu_ms\": -50}, %.*s"
		     "\"source_cpu_ms\": {\"low\": 50, \"likely\": 60, \"high\": 61}, %s",
		     (int)(at - one - 1), one + 1, at) < 0)
		abort();
	CHECK(take("x", text, &err) == -EPROTO && strstr(err.text, "source_cpu_ms: is out"));
	free(text);
	if (asprintf(&text,
		     "%.*s\"source_cpu_ms\": {\"low\": 50, \"likely\": 40, \"high\": 61}, %s",
		     (int)(at - one), one, at) < 0)
		abort();
	CHECK(take("x", text, &err) == -EPROTO && strstr(err.text, "is no interval"));
	free(text);
	free(one);
	CHECK(!m.n);
	km_accuracy_free(&m);
}

/* Whether it can be moved, and what says nothing about that. */
static void ends(bool *ok)
{
	struct km_accuracy a;
	struct km_err err;
	char *text;

	add(ok, "a", "moved", 1000, 100, 5000); /* right */
	add(ok, "b", "stayed", 1000, 0, 5000);	/* the link broke, say */
	add(ok, "c", "in doubt", 1000, 0, 5000);
	text = report("stayed", 60000, 0, 9, "60000", false); /* the deadline: wrong */
	CHECK(!take("d", text, &err));
	free(text);
	text = report("stayed", 59999, 0, 9, "60000", false); /* before it */
	CHECK(!take("e", text, &err));
	free(text);
	text = report("stayed", 5, 0, 9, "null", true); /* --on-stall abort: wrong */
	CHECK(!take("f", text, &err));
	free(text);
	add_hopeless(ok, "stayed", 30000, "30000"); /* right */
	add_hopeless(ok, "moved", 30000, "null");   /* wrong */
	add_hopeless(ok, "stayed", 100, "30000");
	CHECK(!km_accuracy_sum(&m, &a));
	CHECK(a.moves == 9 && a.compared == 1 && a.otherwise == 4);
	CHECK(a.judged == 5 && a.right == 2 && a.nworst == 1);
	CHECK(a.figure[KM_FIGURE_TOTAL_MS].moves == 1);
	km_accuracy_free(&m);
}

/* Lines, one after the other on a line, and printed over many lines. */
static void several(bool *ok)
{
	char *one = report("moved", 1000, 100, 5000, "null", false), *all;
	struct km_err err;

	if (asprintf(&all, "\n%s%s{\"prediction\": {}}[1]\n\n {\"a\":\n1} %s \n", one, one, one) <
	    0)
		abort();
	CHECK(!take("x.json", all, &err));
	CHECK(m.n == 3 && m.others == 3);
	CHECK(m.n == 3 && m.move[0].nr == 1 && m.move[1].nr == 2 && m.move[2].nr == 6);
	CHECK(m.n && !strcmp(m.move[0].file, "x.json") && !strcmp(m.move[0].vm, "v"));
	free(all);
	km_accuracy_free(&m);
	/* What is before a broken one counts. */
	if (asprintf(&all, "%s%s%.60s", one, one, one) < 0)
		abort();
	CHECK(take("x.json", all, &err) == -EPROTO && m.n == 2 && strstr(err.text, "line 3: "));
	free(all);
	free(one);
	km_accuracy_free(&m);
}

static void broken(bool *ok)
{
	char *one = report("moved", 1000, 100, 5000, "null", false);
	size_t len = strlen(one) - 1; /* without the newline */
	struct km_err err;

	for (size_t i = 0; i < len; i++) {
		memset(&err, 0, sizeof(err));
		CHECK(km_accuracy_take(&m, "x", one, i, &err) == -EPROTO && err.code == -EPROTO);
		CHECK(err.text[0] && !strchr(err.text, '\n'));
	}
	CHECK(!m.n && !m.others);
	CHECK(take("x", "", &err) == -EPROTO && strstr(err.text, "empty"));
	CHECK(take("x", " \n\t", &err) == -EPROTO && strstr(err.text, "empty"));
	CHECK(take("x", "\n\n\x1b[2J", &err) == -EPROTO && strstr(err.text, "line 3: "));
	free(one);
	km_accuracy_free(&m);
}

/* A report with one thing changed is refused, and the error has the words. */
static void altered(bool *ok)
{
	static const struct {
		const char *was, *becomes, *says;
	} t[] = {
		{ "\"outcome\": \"moved\"", "\"outcome\": 7", "line 1: " },
		{ "\"vm\": \"v\"", "\"vm\": null", "string" },
		{ "\"total_ms\": 1000.0", "\"total\": 1000.0", "total_ms" },
		{ "\"total_ms\": 1000.0", "\"total_ms\": -1000.0", "total_ms: is out" },
		{ "\"pause_ms\": 100.0", "\"pause_ms\": 1e30, \"x\": 1", "pause_ms: is out" },
		{ "\"wire_bytes\": 5000", "\"wire_bytes\": -1", "wire_bytes: is out" },
		{ "\"counters\"", "\"count\"", "counters" },
		{ "\"can_be_moved\": true", "\"can_be_moved\": 1", "prediction: " },
		{ "\"goal\"", "\"aim\"", "goal" },
		{ "\"low\": 900", "\"low\": 1001", "prediction.total_ms: is no interval" },
		{ "\"low\": 900", "\"low\": -900", "prediction.total_ms: is no interval" },
		{ "\"high\": 120}", "\"high\": 99}", "prediction.pause_ms: is no interval" },
		{ "\"high\": 6000", "\"high\": 1e19", "prediction.wire_bytes: is no interval" },
		{ "\"likely\": 5000", "\"likely\": \"5000\"", "prediction.wire_bytes: " },
		{ "{\"low\": 80,", "[{\"low\": 80,", "line 1: " },
	};
	char *text = report("moved", 1000, 100, 5000, "null", false), *bad, *at;
	struct km_err err;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bool refused;

		at = strstr(text, t[i].was);
		CHECK(at);
		if (!at || asprintf(&bad, "%.*s%s%s", (int)(at - text), text, t[i].becomes,
				    at + strlen(t[i].was)) < 0)
			continue;
		refused = take("x", bad, &err) == -EPROTO && strstr(err.text, t[i].says);
		if (!refused)
			printf("# %s: %s\n", t[i].becomes, err.code ? err.text : "taken");
		CHECK(refused && !m.n);
		free(bad);
	}
	free(text);
	km_accuracy_free(&m);
}

/* What `run --json` prints is taken, and what it prints without a prediction is passed over. */
static void own_reports(bool *ok)
{
	static struct km_run run; /* large */
	struct km_err err;
	json_t *j;
	char *text;

	strcpy(run.vm_name, "w\xff");
	run.outcome = KM_OUT_MOVED;
	run.total_ms = 7000;
	run.c.wire_bytes = 1u << 30;
	run.source_cpu_ms = 1234.5;
	j = km_json_run(&run);
	text = json_dumps(j, JSON_INDENT(2));
	CHECK(!take("x", text, &err) && !m.n && m.others == 1);
	free(text);
	json_decref(j);
	run.foretold =
		(struct km_foretold){ .wanted = true, .can_be_moved = true, .deadline_ms = 9 };
	for (unsigned int i = 0; i < KM_FIGURES; i++)
		run.foretold.range[i] = (struct km_interval){ 1, 2, 3 };
	run.foretold.range[KM_FIGURE_TOTAL_MS] = (struct km_interval){ 6000, 7700, 8000 };
	j = km_json_run(&run);
	text = json_dumps(j, JSON_INDENT(2));
	CHECK(!take("x", text, &err) && m.n == 1);
	CHECK(m.n == 1 && m.move[0].end == KM_ENDED_MOVED && m.move[0].can_be_moved);
	CHECK(m.n == 1 && near(m.move[0].range[KM_FIGURE_TOTAL_MS].likely, 7700));
	CHECK(m.n == 1 && near(m.move[0].outcome[KM_FIGURE_TOTAL_MS], 7000));
	CHECK(m.n == 1 && near(m.move[0].outcome[KM_FIGURE_WIRE_BYTES], 1u << 30));
	CHECK(m.n == 1 && near(m.move[0].outcome[KM_FIGURE_SOURCE_CPU_MS], 1234.5));
	CHECK(m.n == 1 && near(m.move[0].outcome[KM_FIGURE_DESTINATION_CPU_MS], 0));
	CHECK(m.n == 1 && near(m.move[0].range[KM_FIGURE_DESTINATION_CPU_MS].likely, 2));
	free(text);
	json_decref(j);
	km_accuracy_free(&m);
}

static char *text_of(const struct km_accuracy *a, unsigned int others, unsigned int bad)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	km_text_accuracy(f, a, others, bad);
	fclose(f);
	return text;
}

static void printed(bool *ok)
{
	struct km_accuracy a;
	json_t *j, *w;
	char *text;

	add(ok, "a\x1b.json", "moved", 800, 110, 5000);
	add(ok, "b.json", "stayed", 800, 110, 5000);
	CHECK(!km_accuracy_sum(&m, &a));
	text = text_of(&a, 3, 1);
	CHECK(strstr(text, "2 moves with a prediction, 1 to compare with it\n"));
	CHECK(strstr(text, "25.0 %           0 (  0 %)"));
	CHECK(strstr(text, "right 1 of 1\n1 failed otherwise"));
	CHECK(strstr(text, "passed over: 3 without a prediction, 1 files that can't be read\n"));
	CHECK(strstr(text, "worst  a?.json:1 (v)  total time 800 ms, foretold 1.00 s: 25 %\n"));
	free(text);
	j = km_json_accuracy(&a, 3, 1);
	w = json_array_get(json_object_get(j, "worst"), 0);
	CHECK(json_integer_value(json_object_get(j, "others")) == 3);
	CHECK(near(json_real_value(
			   json_object_get(json_object_get(j, "total_ms"), "median_error_percent")),
		   25));
	CHECK(!strcmp(json_string_value(json_object_get(w, "figure")), "total_ms"));
	CHECK(near(json_real_value(json_object_get(w, "error_percent")), 25));
	json_decref(j);
	km_accuracy_free(&m);
	/* None to compare. */
	add_hopeless(ok, "stayed", 30000, "30000");
	CHECK(!km_accuracy_sum(&m, &a));
	text = text_of(&a, 0, 0);
	CHECK(!strcmp(text, "1 moves with a prediction, 0 to compare with it\n"
			    "whether it can be moved: right 1 of 1\n"));
	free(text);
	j = km_json_accuracy(&a, 0, 0);
	CHECK(json_is_null(
		json_object_get(json_object_get(j, "pause_ms"), "median_error_percent")));
	CHECK(!json_array_size(json_object_get(j, "worst")));
	json_decref(j);
	km_accuracy_free(&m);
}

static const struct ktap_case cases[] = {
	{ "medians, and what is inside", sums },
	{ "the worst", worst },
	{ "CPU time", cpu_time },
	{ "whether it can be moved", ends },
	{ "several reports in a file", several },
	{ "truncated anywhere, empty, no JSON", broken },
	{ "one thing is wrong", altered },
	{ "what run prints", own_reports },
	{ "as text and as JSON", printed },
};

KTAP_MAIN(cases)
