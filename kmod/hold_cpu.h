/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_HOLD_CPU_H
#define KM_HOLD_CPU_H

#include <linux/types.h>

#define KM_HOLD_NO_LATENCY	U32_MAX

struct km_hold_cpu_view {
	u32 cpu;
	u32 latency_us;			/* that we ask for */
	u32 in_force_us;		/* the lowest that anybody does */
};

int km_hold_cpu_init(void);
void km_hold_cpu_fini(void);

int km_hold_cpu_apply(unsigned int cpu, u32 latency_us, bool *lowered);
bool km_hold_cpu_view(unsigned int cpu, struct km_hold_cpu_view *view);

#endif /* KM_HOLD_CPU_H */
