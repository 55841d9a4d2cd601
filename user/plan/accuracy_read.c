// SPDX-License-Identifier: GPL-2.0
/* Reports of moves, as foreign bytes. */
#include "accuracy.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FIGURE_MAX 1e18 /* more than any time or size; nothing overflows by it */

static int wrong(const char *what, struct km_err *err)
{
	return km_err_set(err, -EPROTO, "%s", what);
}

static bool figure_ok(double v)
{
	return v >= 0 && v <= FIGURE_MAX;
}

static bool is_cpu(enum km_figure f)
{
	return f == KM_FIGURE_SOURCE_CPU_MS || f == KM_FIGURE_DESTINATION_CPU_MS;
}

static int read_range(json_t *j, const char *key, struct km_interval *r, struct km_err *err)
{
	json_error_t why;

	if (json_unpack_ex(j, &why, 0, "{s:F, s:F, s:F}", "low", &r->low, "likely", &r->likely,
			   "high", &r->high))
		return km_err_set(err, -EPROTO, "prediction.%s: %.100s", key, why.text);
	if (!figure_ok(r->low) || !figure_ok(r->high) || r->low > r->likely || r->likely > r->high)
		return km_err_set(err, -EPROTO,
				  "prediction.%s: is no interval around the likely one", key);
	return 0;
}

static int read_prediction(json_t *j, struct km_accuracy_move *m, double *deadline_ms,
			   struct km_err *err)
{
	json_error_t why;
	json_t *deadline;
	int can, rc = 0;

	if (json_unpack_ex(j, &why, 0, "{s:b, s:{s:o}}", "can_be_moved", &can, "goal",
			   "deadline_ms", &deadline))
		return km_err_set(err, -EPROTO, "prediction: %.100s", why.text);
	m->can_be_moved = can;
	*deadline_ms = json_is_number(deadline) ? json_number_value(deadline) : 0;
	for (enum km_figure f = 0; can && !rc && f < KM_FIGURES; f++) {
		json_t *range = json_object_get(j, km_figure_name(f));

		if (range || !is_cpu(f)) /* which an older kmigrate does not foretell */
			rc = read_range(range, km_figure_name(f), &m->range[f], err);
	}
	return rc;
}

/* Unknown times are null. */
static double number_or_none(json_t *j)
{
	return json_is_number(j) ? json_number_value(j) : 0;
}

static int read_outcome(json_t *j, struct km_accuracy_move *m, const char **outcome,
			struct km_err *err)
{
	json_t *total, *pause, *wire, *cpu = json_object_get(j, "cpu");
	json_error_t why;
	const char *vm;

	if (json_unpack_ex(j, &why, 0, "{s:s, s:s, s:{s:o, s:o}, s:{s:o}}", "outcome", outcome,
			   "vm", &vm, "times", "total_ms", &total, "pause_ms", &pause, "counters",
			   "wire_bytes", &wire))
		return wrong(why.text, err);
	snprintf(m->vm, sizeof(m->vm), "%s", vm);
	m->outcome[KM_FIGURE_TOTAL_MS] = number_or_none(total);
	m->outcome[KM_FIGURE_PAUSE_MS] = number_or_none(pause);
	m->outcome[KM_FIGURE_WIRE_BYTES] = number_or_none(wire);
	for (enum km_figure f = 0; f < KM_FIGURES; f++)
		if (is_cpu(f))
			m->outcome[f] = number_or_none(json_object_get(cpu, km_figure_name(f)));
	for (enum km_figure f = 0; f < KM_FIGURES; f++)
		if (!figure_ok(m->outcome[f]))
			return km_err_set(err, -EPROTO, "%s: is out of its range",
					  km_figure_name(f));
	return 0;
}

static int read_move(json_t *j, struct km_accuracy_move *m, struct km_err *err)
{
	const char *outcome;
	double deadline_ms = 0;
	bool gave_up = json_is_true(json_object_get(json_object_get(j, "stall"), "gave_up"));
	int rc = read_outcome(j, m, &outcome, err);

	if (!rc)
		rc = read_prediction(json_object_get(j, "prediction"), m, &deadline_ms, err);
	if (rc)
		return rc;
	if (deadline_ms > 0 && m->outcome[KM_FIGURE_TOTAL_MS] >= deadline_ms)
		gave_up = true;
	m->end = !strcmp(outcome, km_outcome_name(KM_OUT_MOVED))	     ? KM_ENDED_MOVED :
		 !strcmp(outcome, km_outcome_name(KM_OUT_STAYED)) && gave_up ? KM_ENDED_GIVEN_UP :
									       KM_ENDED_OTHERWISE;
	return 0;
}

static int add(struct km_accuracy_moves *m, const struct km_accuracy_move *move, struct km_err *err)
{
	size_t room = m->room ? 2 * m->room : 64;
	struct km_accuracy_move *more;

	if (m->n == m->room) {
		more = realloc(m->move, room * sizeof(*more));
		if (!more)
			return km_err_set(err, -ENOMEM, "out of memory");
		m->move = more;
		m->room = room;
	}
	m->move[m->n++] = *move;
	return 0;
}

/* One value of the text. */
static int take(struct km_accuracy_moves *m, const char *file, unsigned int nr, json_t *j,
		struct km_err *err)
{
	struct km_accuracy_move move = { .nr = nr };
	int rc;

	if (!json_is_object(json_object_get(j, "prediction")) || !json_object_get(j, "outcome")) {
		m->others++;
		return 0;
	}
	snprintf(move.file, sizeof(move.file), "%s", file);
	rc = read_move(j, &move, err);
	return rc ? rc : add(m, &move, err);
}

static size_t skip_blanks(const char *text, size_t at, size_t len)
{
	while (at < len && isspace((unsigned char)text[at]))
		at++;
	return at;
}

static unsigned int lines(const char *text, size_t len)
{
	unsigned int n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

int km_accuracy_take(struct km_accuracy_moves *m, const char *file, const char *text, size_t len,
		     struct km_err *err)
{
	size_t at = skip_blanks(text, 0, len), counted = 0;
	unsigned int line = 1;
	struct km_err why = { 0 };
	json_error_t where;
	int rc;

	if (at == len)
		return wrong("is empty", err);
	for (unsigned int nr = 1; at < len; nr++) {
		json_t *j = json_loadb(text + at, len - at,
				       JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &where);

		line += lines(text + counted, at - counted);
		counted = at;
		if (!j)
			return km_err_set(err, -EPROTO, "line %u: not JSON, or not all of it: %s",
					  line + (unsigned int)where.line - 1, where.text);
		rc = take(m, file, nr, j, &why);
		json_decref(j);
		if (rc)
			return km_err_set(err, rc, "line %u: %s", line, why.text);
		at = skip_blanks(text, at + (size_t)where.position, len);
	}
	return 0;
}
