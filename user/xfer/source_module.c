// SPDX-License-Identifier: GPL-2.0
/* What kmigrate.ko sees of this move.  It measures; nothing depends on it (DESIGN D2). */
#include <stdio.h>
#include <string.h>
#include "../ctl/knet.h"
#include "source_priv.h"

void km_source_module_open(struct source *s)
{
	struct km_module_facts *f = &s->run->module;
	struct km_err err = { 0 };
	int rc = km_knet_open(&s->knet, &err);

	if (!rc)
		rc = km_knet_attach(s->knet, s->vm->pid, &err);
	if (!rc)
		rc = km_knet_info(s->knet, f, &err);
	if (!rc) /* from here on it counts */
		rc = km_knet_counts(s->knet, f, &err);
	if (!rc)
		return;
	f->present = false;
	snprintf(f->why_absent, sizeof(f->why_absent), "%s", err.text);
	km_knet_close(s->knet);
	s->knet = NULL;
}

/* Who has dirtied how much so far. */
void km_source_module_look(struct source *s)
{
	if (s->knet)
		km_knet_counts(s->knet, &s->run->module, NULL);
}

/* The guest dirties pages until it is stopped, and KVM marks them from the start of
 * QEMU's migration: that is the time which the rate is of. */
void km_source_module_close(struct source *s)
{
	struct km_module_facts *f = &s->run->module;
	struct km_err err = { 0 };
	double end = s->t_stop > 0 ? s->t_stop : km_now_ms();

	if (!s->knet)
		return;
	if (km_knet_counts(s->knet, f, &err))
		snprintf(f->why_absent, sizeof(f->why_absent), "%s", err.text);
	else if (s->t_migrate > 0 && end > s->t_migrate)
		f->dirtied_pages_per_s = (double)f->dirtied_pages * 1e3 / (end - s->t_migrate);
	km_knet_close(s->knet);
	s->knet = NULL;
}
