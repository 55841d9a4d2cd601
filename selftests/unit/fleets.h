/* SPDX-License-Identifier: GPL-2.0 */
/* Fleets for the tests of plans, by the way that users give them: an inventory. */
#ifndef FLEETS_H
#define FLEETS_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleet/inventory.h"
#include "fleet/plan.h"

/* ' instead of ", and what the test did not care for: 8 Gbit/s are 1 GB/s. */
static char fleet_text[65536];

static inline struct km_fleet *fleet_parse(struct km_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline struct km_fleet *fleet_parse(struct km_err *err, const char *fmt, ...)
{
	struct km_fleet *f;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fleet_text, sizeof(fleet_text), fmt, ap);
	va_end(ap);
	for (char *p = fleet_text; *p; p++)
		if (*p == '\'')
			*p = '"';
	memset(err, 0, sizeof(*err));
	if (km_inventory_parse(fleet_text, strlen(fleet_text), &f, err))
		return NULL;
	return f;
}

/* One that has to be good. */
#define fleet_of(...)                                                  \
	({                                                             \
		struct km_err err_;                                    \
		struct km_fleet *f_ = fleet_parse(&err_, __VA_ARGS__); \
                                                                       \
		if (!f_) {                                             \
			printf("# %s\n# %s\n", err_.text, fleet_text); \
			abort();                                       \
		}                                                      \
		f_;                                                    \
	})

static inline bool close_to(double a, double b)
{
	double d = a > b ? a - b : b - a;

	return d <= 1e-9 * (a > b ? a : b);
}

static inline const struct km_fleet_move *move_of(const struct km_fleet_plan *p, const char *vm)
{
	for (uint32_t i = 0; i < p->nmoves; i++)
		if (!strcmp(p->f->vm[p->move[i].vm].name, vm))
			return &p->move[i];
	return NULL;
}

static inline bool goes_to(const struct km_fleet_plan *p, const char *vm, const char *host)
{
	const struct km_fleet_move *m = move_of(p, vm);

	return m && !strcmp(p->f->host[m->to].name, host);
}

#endif
