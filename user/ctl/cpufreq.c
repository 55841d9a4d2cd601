// SPDX-License-Identifier: GPL-2.0
#include "cpufreq.h"

#include <inttypes.h>
#include <stdio.h>

static bool read_number(int cpu, const char *file, uint64_t *n)
{
	char path[128];
	bool ok;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/%s", cpu, file);
	f = fopen(path, "re");
	ok = f && fscanf(f, "%" SCNu64, n) == 1;
	if (f)
		fclose(f);
	return ok;
}

static bool read_khz(int cpu, uint64_t *khz)
{
	return read_number(cpu, "cpufreq/cpuinfo_avg_freq", khz) ||
	       read_number(cpu, "cpufreq/cpuinfo_cur_freq", khz) ||
	       read_number(cpu, "cpufreq/scaling_cur_freq", khz);
}

uint32_t km_cpufreq_slowest_khz(const struct km_cpus *s)
{
	uint64_t khz, slowest = 0;

	for (int cpu = km_cpus_next(s, 0); cpu >= 0; cpu = km_cpus_next(s, cpu + 1))
		if (read_khz(cpu, &khz) && (!slowest || khz < slowest))
			slowest = khz;
	return slowest > UINT32_MAX ? 0 : (uint32_t)slowest;
}

uint64_t km_cpufreq_throttled(const struct km_cpus *s)
{
	uint64_t n, sum = 0;

	for (int cpu = km_cpus_next(s, 0); cpu >= 0; cpu = km_cpus_next(s, cpu + 1))
		if (read_number(cpu, "thermal_throttle/core_throttle_count", &n))
			sum += n;
	return sum;
}
