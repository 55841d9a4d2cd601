/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_CMD_PLAN_ACCURACY_H
#define KM_CMD_PLAN_ACCURACY_H

#include <stdbool.h>

/* `kmigrate plan --accuracy`; returns enum km_exit. */
int km_cmd_plan_accuracy(const char *dir, bool json);

#endif
