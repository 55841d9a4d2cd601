/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says about its CPUs in sysfs, and the fake driver. For tests. */
#ifndef KMOD_CPUSYS_H
#define KMOD_CPUSYS_H

#include <stdbool.h>

/* All that can be compared under /sys/devices/system/cpu, and latencies in force. */
struct cpusys;
struct cpusys *cpusys_take(void);
/* Says what differs, and frees both. */
bool cpusys_same(struct cpusys *before, struct cpusys *after);

/* Files below cpufreq/policyN. Read: in a static buffer, without the newline. */
const char *cpufreq_get(int policy, const char *file);
long cpufreq_khz(int policy, const char *file);
int cpufreq_put(int policy, const char *file, const char *text);
bool cpufreq_is(int policy, const char *file, const char *text);
/* Waits for it, ten seconds. Milliseconds it took, or -1. */
long cpufreq_becomes(int policy, const char *file, const char *text);

/* Files below cpufreq itself, as "ondemand/up_threshold". */
int cpufreq_put_tunable(const char *file, const char *text);

int cpu_set_online(int cpu, bool online);
/* In microseconds, by the fake driver's own look; INT_MAX: none. */
long cpu_latency(int cpu);
long milliseconds(void);

/* The fake driver, from the file that the variable KM_FAKEFREQ names. 0 or -errno. */
int fakefreq_load(const char *parameters);
int fakefreq_unload(void);
int fakefreq_set(const char *parameter, const char *value);

#endif
