// SPDX-License-Identifier: GPL-2.0
/* kmigrate plan --drain: how hosts of a fleet are emptied. */
#include "cmd_plan_drain.h"

#include <stdio.h>
#include "fleet/inventory.h"
#include "fleet/plan.h"
#include "report/drainplan.h"
#include "report/report.h"

int km_cmd_plan_drain(const char *inventory, unsigned int tries, bool json)
{
	struct km_err err = { 0 };
	struct km_fleet_plan p;
	struct km_fleet *f;
	int rc = km_inventory_read(inventory, &f, &err);

	if (rc) {
		fprintf(stderr, "kmigrate plan: ");
		km_put_safe(stderr, inventory);
		fprintf(stderr, ": %s\n", err.text);
		return KM_EXIT_USAGE;
	}
	rc = km_fleet_plan(f, &km_move_model_simple, tries, &p, &err);
	if (rc) {
		fprintf(stderr, "kmigrate plan: %s\n", err.text);
		km_fleet_free(f);
		return KM_EXIT_FAILED;
	}
	if (json)
		km_json_print(stdout, km_json_drainplan(&p));
	else
		km_text_drainplan(stdout, &p);
	rc = p.nleft ? KM_EXIT_REFUSED : KM_EXIT_OK;
	km_fleet_plan_free(&p);
	km_fleet_free(f);
	return ferror(stdout) ? KM_EXIT_FAILED : rc;
}
