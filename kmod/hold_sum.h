/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_HOLD_SUM_H
#define KM_HOLD_SUM_H

#include <linux/cpumask.h>

struct km_hold_ask;

int km_hold_sum_init(void (*changed)(void));
void km_hold_sum_stop(void);
void km_hold_sum_fini(void);

void km_hold_sum_begin(void);
void km_hold_sum_add(const struct km_hold_ask *ask);
void km_hold_sum_apply(void);
int km_hold_sum_error(const struct cpumask *cpus);

#endif /* KM_HOLD_SUM_H */
