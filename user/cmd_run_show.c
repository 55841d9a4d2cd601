// SPDX-License-Identifier: GPL-2.0
#include "cmd_run_show.h"

#include <errno.h>
#include <string.h>
#include "report/html.h"

int km_run_show_begin(struct km_run_show *show, const char *html, bool quiet, struct km_err *err)
{
	show->quiet = quiet;
	show->html = html;
	show->page = html ? fopen(html, "we") : NULL;
	if (html && !show->page)
		return km_err_set(err, -errno, "--html %.300s: %s", html, strerror(errno));
	km_progress_init(&show->progress, stderr);
	return 0;
}

void km_run_show_tick(struct km_run_show *show, const struct km_run *r, double elapsed_ms)
{
	if (!show->quiet)
		km_progress_show(&show->progress, r, elapsed_ms);
	if (show->page)
		km_series_add(&show->series, r, elapsed_ms);
}

static bool write_page(struct km_run_show *show, const struct km_run *r)
{
	km_series_add(&show->series, r, r->total_ms);
	km_html_run(show->page, r, &show->series);
	return !fflush(show->page) && !ferror(show->page);
}

void km_run_show_end(struct km_run_show *show, const struct km_run *r)
{
	if (!show->quiet)
		km_progress_end(&show->progress);
	if (!show->page)
		return;
	if (r && !write_page(show, r))
		fprintf(stderr, "kmigrate run: %s is not whole: %s\n", show->html, strerror(errno));
	fclose(show->page);
	show->page = NULL;
}
