// SPDX-License-Identifier: GPL-2.0
#include "dirtyrate.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "../xfer/clock.h"
#include "qmp.h"

#define QMP_MS	5000
#define POLL_MS 200
/* Beyond the time asked for: it hashes pages before and after. */
#define LATE_MS 30000

/* 1: it is there. 0: not yet. */
static int read_rate(struct km_qmp *q, struct km_dirty *d, struct km_err *err)
{
	json_t *ret = NULL;
	const char *status = "";
	json_int_t mb_per_s = -1, seconds = 0;
	int rc = km_qmp_exec(q, "query-dirty-rate", NULL, &ret, QMP_MS, err);

	if (rc)
		return rc;
	json_unpack(ret, "{s?s,s?I,s?I}", "status", &status, "dirty-rate", &mb_per_s, "calc-time",
		    &seconds);
	/* "unstarted" until QEMU's thread runs, then "measuring". */
	if (!strcmp(status, "measured") && mb_per_s >= 0) {
		d->seconds = (double)seconds;
		d->pages_per_s = (double)mb_per_s * (1 << (20 - KM_PAGE_SHIFT));
		d->pages = (uint64_t)(d->pages_per_s * d->seconds);
		rc = 1;
	}
	json_decref(ret);
	return rc;
}

static int wait_for_rate(struct km_qmp *q, unsigned int seconds, int stop_fd, struct km_dirty *d,
			 struct km_err *err)
{
	double until = km_now_ms() + seconds * 1000.0 + LATE_MS;
	struct pollfd fd = { .fd = stop_fd, .events = POLLIN };
	int rc;

	while (!(rc = read_rate(q, d, err))) {
		if (km_now_ms() > until)
			return km_err_set(err, -ETIMEDOUT,
					  "QEMU has not measured its dirty rate in time");
		if (poll(&fd, 1, POLL_MS) > 0)
			return km_err_set(err, -ECANCELED,
					  "cancelled: QEMU gives no rate before its time is over");
	}
	return rc < 0 ? rc : 0;
}

int km_dirtyrate(const struct km_vm *vm, unsigned int seconds, int stop_fd, struct km_dirty *d,
		 struct km_err *err)
{
	struct km_qmp *q;
	int rc;

	if (!vm->qmp[0])
		return km_err_set(err, -ENOENT, "guest %s has no QMP socket to ask QEMU by",
				  vm->name);
	rc = km_qmp_open(&q, vm->qmp, QMP_MS, err);
	if (rc)
		return rc;
	rc = km_qmp_exec(q, "calc-dirty-rate", json_pack("{s:i}", "calc-time", (int)seconds), NULL,
			 QMP_MS, err);
	if (!rc)
		rc = wait_for_rate(q, seconds, stop_fd, d, err);
	km_qmp_close(q);
	if (!rc)
		snprintf(d->source, sizeof(d->source), "qemu");
	return rc;
}
