// SPDX-License-Identifier: GPL-2.0
#include "goback.h"

#include <string.h>
#include <unistd.h>

static bool migrating(struct km_qmp *q)
{
	static const char *const live[] = { "setup",	  "active",	    "device",
					    "cancelling", "pre-switchover", "wait-unplug" };
	struct km_qmig_status st;

	if (km_qmig_query(q, &st, NULL))
		return false;
	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
		if (!strcmp(st.status, live[i]))
			return true;
	return false;
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
enum km_outcome km_go_back(struct km_qmp *q, bool was_running)
{
	char state[32] = "";
	bool well = false;

	for (int i = 0; i < TRIES; i++) {
		bool busy = migrating(q);

		if (km_qmp_run_state(q, state, NULL))
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
