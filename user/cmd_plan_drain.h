/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_CMD_PLAN_DRAIN_H
#define KM_CMD_PLAN_DRAIN_H

#include <stdbool.h>

/* `kmigrate plan --drain`; returns enum km_exit. */
int km_cmd_plan_drain(const char *inventory, unsigned int tries, bool json);

#endif
