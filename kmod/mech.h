/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_MECH_H
#define KM_MECH_H

#include <linux/types.h>
#include <linux/kmigrate.h>

#define KM_MECH_MAX_PARAMS	3

struct km_mech_param {
	const char *name;
	bool value;
};

struct km_mech {
	const char *vendor;		/* NULL: no vendor module */
	enum kmigrate_mechanism mechanism;
	unsigned int nr_params;
	struct km_mech_param params[KM_MECH_MAX_PARAMS];
};

void km_mech_get(struct km_mech *mech);

#endif /* KM_MECH_H */
