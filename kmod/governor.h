/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_GOVERNOR_H
#define KM_GOVERNOR_H

#include <linux/cpufreq.h>
#include <linux/list.h>

#define KM_GOVERNOR_WANTED	"performance"

/* All that goes when a policy's governor does. */
struct km_governor {
	char name[CPUFREQ_NAME_LEN];	/* "": nothing is saved */
	bool setpolicy;			/* the driver's own governors */
	struct module *owner;		/* held, so that the governor can come back */
	char *setspeed;			/* of the governor "userspace", or NULL */
	char *epp;			/* energy_performance_preference, or NULL */
	struct list_head tunables;
};

int km_governor_init(void);
void km_governor_fini(void);

void km_governor_name(const struct cpufreq_policy *policy, char *name);
bool km_governor_is_wanted(const char *name);
bool km_governor_epp_falls_short(struct cpufreq_policy *policy);

int km_governor_save(struct km_governor *saved, struct cpufreq_policy *policy);
int km_governor_set(struct cpufreq_policy *policy);
int km_governor_restore(const struct km_governor *saved, struct cpufreq_policy *policy);
void km_governor_forget(struct km_governor *saved);

#endif /* KM_GOVERNOR_H */
