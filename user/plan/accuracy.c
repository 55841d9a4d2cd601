// SPDX-License-Identifier: GPL-2.0
#include "accuracy.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool compared(const struct km_accuracy_move *m)
{
	return m->end == KM_ENDED_MOVED && m->can_be_moved;
}

static bool known(const struct km_accuracy_move *m, enum km_figure f)
{
	return compared(m) && m->outcome[f] > 0 && m->range[f].high > 0;
}

static double error_of(const struct km_accuracy_move *m, enum km_figure f)
{
	return fabs(m->range[f].likely - m->outcome[f]) / m->outcome[f];
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_size);
	return n ? (v[(n - 1) / 2] + v[n / 2]) / 2 : 0;
}

static void sum_figure(const struct km_accuracy_moves *m, enum km_figure f, double *errors,
		       struct km_accuracy_figure *sum)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct km_accuracy_move *move = &m->move[i];

		if (!known(move, f))
			continue;
		errors[sum->moves++] = error_of(move, f);
		sum->inside += move->outcome[f] >= move->range[f].low &&
			       move->outcome[f] <= move->range[f].high;
	}
	sum->median_error = median(errors, sum->moves);
}

static struct km_accuracy_worst worst_of(const struct km_accuracy_move *m)
{
	struct km_accuracy_worst w = { .move = m, .error = -1 };

	for (enum km_figure f = 0; f < KM_FIGURES; f++) {
		if (known(m, f) && error_of(m, f) > w.error) {
			w.figure = f;
			w.error = error_of(m, f);
		}
	}
	return w;
}

/* Of equal ones the first comes first. */
static void rank(struct km_accuracy *a, struct km_accuracy_worst w)
{
	unsigned int at = a->nworst;

	while (at && a->worst[at - 1].error < w.error)
		at--;
	if (at == KM_ACCURACY_WORST)
		return;
	if (a->nworst < KM_ACCURACY_WORST)
		a->nworst++;
	memmove(&a->worst[at + 1], &a->worst[at], (a->nworst - 1 - at) * sizeof(w));
	a->worst[at] = w;
}

int km_accuracy_sum(const struct km_accuracy_moves *m, struct km_accuracy *a)
{
	double *errors = malloc((m->n + 1) * sizeof(*errors));

	*a = (struct km_accuracy){ .moves = m->n };
	if (!errors)
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++) {
		const struct km_accuracy_move *move = &m->move[i];
		struct km_accuracy_worst w = worst_of(move);
		bool moved = move->end == KM_ENDED_MOVED;

		a->compared += compared(move);
		a->otherwise += move->end == KM_ENDED_OTHERWISE;
		a->judged += move->end != KM_ENDED_OTHERWISE;
		a->right += move->end != KM_ENDED_OTHERWISE && moved == move->can_be_moved;
		if (w.error >= 0)
			rank(a, w);
	}
	for (enum km_figure f = 0; f < KM_FIGURES; f++)
		sum_figure(m, f, errors, &a->figure[f]);
	free(errors);
	return 0;
}

void km_accuracy_free(struct km_accuracy_moves *m)
{
	free(m->move);
	*m = (struct km_accuracy_moves){ 0 };
}
