/* SPDX-License-Identifier: GPL-2.0 */
/* What `kmigrate run` shows of a move: the progress while it lasts, and the page of --html. */
#ifndef KM_CMD_RUN_SHOW_H
#define KM_CMD_RUN_SHOW_H

#include "report/report.h"
#include "report/series.h"

struct km_run_show {
	bool quiet; /* no progress */
	struct km_progress progress;
	const char *html; /* NULL = no page is wanted */
	FILE *page;
	struct km_series series;
};

/* Opens the page's file, so that one which can't be written is known before the move. */
int km_run_show_begin(struct km_run_show *show, const char *html, bool quiet, struct km_err *err);
void km_run_show_tick(struct km_run_show *show, const struct km_run *r, double elapsed_ms);
/* r is NULL if there was no move. The guest is where it is by then: that the page can't be
 * written is said on stderr, and no error. */
void km_run_show_end(struct km_run_show *show, const struct km_run *r);

#endif
