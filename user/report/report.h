/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Renderers of struct km_run and struct km_vm: text, JSON, and the progress
 * line.  They read plain data and write to a FILE; nothing else.
 */
#ifndef KM_REPORT_H
#define KM_REPORT_H

#include <jansson.h>
#include <stdio.h>
#include "../model.h"
#include "../xfer/journal.h"

json_t *km_json_run(const struct km_run *r);
json_t *km_json_vm(const struct km_vm *vm);
void km_json_print(FILE *f, json_t *j); /* consumes j, ends with a newline */

void km_text_run(FILE *f, const struct km_run *r);
void km_text_vms(FILE *f, const struct km_vm *vms, size_t n);

/* report/moves.c: the journal's entries. */
json_t *km_json_moves(const struct km_journal *list, size_t n);
void km_text_moves(FILE *f, const struct km_journal *list, size_t n);

/* Names are foreign bytes: control characters come out as '?'. */
void km_put_safe(FILE *f, const char *text);

/* A line that is rewritten on a terminal (never when NO_COLOR's friends say
 * otherwise: colour only without NO_COLOR), a plain line every few seconds
 * elsewhere. elapsed_ms since the start; call as often as you like. */
struct km_progress {
	FILE *f;
	bool tty;
	double last_ms;	     /* when the last line was shown, < 0 = never */
	enum km_phase phase; /* of that line: a new phase shows at once */
	bool away;	     /* and of the link: the same */
	unsigned int width;
};
void km_progress_init(struct km_progress *p, FILE *f);
void km_progress_show(struct km_progress *p, const struct km_run *r, double elapsed_ms);
void km_progress_end(struct km_progress *p);

#endif
