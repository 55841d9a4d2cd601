// SPDX-License-Identifier: GPL-2.0
/* The way back, for as long as there is a QEMU that may run the guest. */
#include <poll.h>
#include "goback.h"
#include "source_priv.h"

#define AGAIN_MS 1000

/* Whether it is gone within so many ms. Where no pidfd tells, its monitor does. */
static bool is_gone(const struct source *s, int ms)
{
	struct pollfd p = { .fd = s->qemu_fd, .events = POLLIN };

	return s->qemu_fd < 0 || poll(&p, 1, ms) == 1;
}

static bool answers(struct km_qmp *q)
{
	char state[32];

	return q && !km_qmp_run_state(q, state, NULL);
}

static bool ask_on(void *ctx)
{
	struct source *s = ctx;

	if (!s->run->qemu_silent) {
		s->run->qemu_silent = true;
		s->on_silent(s);
	}
	return true;
}

/* A monitor may end, or be another's for a while, though QEMU lives: it is opened anew. */
enum km_outcome km_source_back(struct source *s, struct km_qmp **q)
{
	for (;;) {
		enum km_outcome o = KM_OUT_LOST;

		if (*q)
			o = km_go_back(*q, s->was_running, ask_on, s);
		if (o != KM_OUT_LOST || answers(*q) || is_gone(s, *q ? AGAIN_MS : 0))
			return o;
		ask_on(s);
		km_qmp_close(*q);
		*q = NULL;
		km_qmp_open(q, s->vm->qmp, KM_QMP_MS, NULL);
		if (is_gone(s, *q ? 0 : AGAIN_MS)) /* the path may be another's by now */
			return KM_OUT_LOST;
	}
}
