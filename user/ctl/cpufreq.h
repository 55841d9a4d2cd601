/* SPDX-License-Identifier: GPL-2.0 */
/* What the CPUs themselves say of their clock, by sysfs. */
#ifndef KM_CPUFREQ_H
#define KM_CPUFREQ_H

#include "../place/cpus.h"

/* Of the slowest of them now: what the driver reads from the CPU (cpuinfo_avg_freq, on x86
 * by APERF and MPERF, or cpuinfo_cur_freq), else what was last asked of it
 * (scaling_cur_freq). 0 when nothing can be read. */
uint32_t km_cpufreq_slowest_khz(const struct km_cpus *s);
/* How often they were throttled since boot (thermal_throttle/core_throttle_count). */
uint64_t km_cpufreq_throttled(const struct km_cpus *s);

#endif
