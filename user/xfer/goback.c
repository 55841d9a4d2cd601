// SPDX-License-Identifier: GPL-2.0
#include "goback.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool is_live(const char *status)
{
	static const char *const live[] = { "setup",	  "active",	    "device",
					    "cancelling", "pre-switchover", "wait-unplug" };

	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
		if (!strcmp(status, live[i]))
			return true;
	return false;
}

/* How the migration and the guest are. */
static int look(struct km_qmp *q, bool *busy, char state[32])
{
	struct km_qmig_status st;
	int rc = km_qmig_query(q, &st, NULL);

	if (rc)
		return rc;
	*busy = is_live(st.status);
	return km_qmp_run_state(q, state, NULL);
}

/* For a migration QEMU itself stops a guest as finish-migrate (migration_completion()): who is
 * paused was told so by somebody else, and stays so. */
static bool is_well(const char *state, bool was_running)
{
	return !was_running || !strcmp(state, "running") || !strcmp(state, "paused");
}

#define TRIES  200
#define TRY_US 50000

/* QEMU resumes by itself once its migration has failed or is cancelled
 * (migration_iteration_finish()); one that had completed must be told. */
enum km_outcome km_go_back(struct km_qmp *q, bool was_running, bool (*ask_on)(void *ctx), void *ctx)
{
	char state[32] = "";
	bool well = false;

	for (int i = 0; i < TRIES; i++) {
		bool busy = false;
		int rc;

		while ((rc = look(q, &busy, state)) == -ETIMEDOUT)
			if (ask_on && !ask_on(ctx))
				return KM_OUT_DOUBT;
		if (rc)
			return KM_OUT_LOST;
		well = is_well(state, was_running);
		if (!busy && well)
			return KM_OUT_STAYED;
		if (busy)
			km_qmp_exec(q, "migrate_cancel", NULL, NULL, KM_QMP_MS, NULL);
		else if (!busy && !strcmp(state, "postmigrate"))
			km_qmp_exec(q, "cont", NULL, NULL, KM_QMP_MS, NULL);
		usleep(TRY_US);
	}
	return well ? KM_OUT_STAYED : KM_OUT_LOST;
}
