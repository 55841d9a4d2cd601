// SPDX-License-Identifier: GPL-2.0
/*
 * How KVM on this host learns that a guest wrote to a page.
 *
 * It follows from what the vendor module settled on when it was loaded, which its
 * parameters show: hardware_setup() of kvm_intel clears pml where the CPU, ept or
 * eptad don't allow it. None of that is exported, and find_module() isn't either;
 * but every module has a kobject in the kset that ours is in, too.
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "mech.h"

static const struct vendor {
	const char *module;
	const char *params[KM_MECH_MAX_PARAMS];
} vendors[] = {
	{ "kvm_intel", { "ept", "eptad", "pml" } },
	{ "kvm_amd", { "npt" } },
};

static void read_params(struct km_mech *mech, struct module *mod,
			const struct vendor *vendor)
{
	unsigned int i, j;

	kernel_param_lock(mod);
	for (i = 0; i < ARRAY_SIZE(vendor->params) && vendor->params[i]; i++) {
		for (j = 0; j < mod->num_kp; j++) {
			const struct kernel_param *kp = &mod->kp[j];
			struct km_mech_param *param;

			if (strcmp(kp->name, vendor->params[i]) ||
			    kp->ops->get != param_get_bool)
				continue;
			param = &mech->params[mech->nr_params++];
			param->name = vendor->params[i];
			param->value = *(bool *)kp->arg;
			break;
		}
	}
	kernel_param_unlock(mod);
}

static bool has_param(const struct km_mech *mech, const char *name)
{
	unsigned int i;

	for (i = 0; i < mech->nr_params; i++)
		if (!strcmp(mech->params[i].name, name))
			return mech->params[i].value;
	return false;
}

/* False if the vendor module isn't there, or not ready. */
static bool read_vendor(struct km_mech *mech, const struct vendor *vendor)
{
	struct module_kobject *mk;
	struct kobject *kobj;
	bool found = true;

	/*
	 * While we hold the kobject, free_module() waits for it in
	 * mod_kobject_put(), so the module and its parameters stay.
	 */
	kobj = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, vendor->module);
	if (!kobj)
		return false;

	mk = container_of(kobj, struct module_kobject, kobj);
	if (!mk->mod) {
		/* Built in: nothing leads from the kobject to the values. */
		mech->vendor = vendor->module;
		mech->mechanism = KMIGRATE_MECHANISM_UNKNOWN;
	} else if (READ_ONCE(mk->mod->state) == MODULE_STATE_LIVE) {
		mech->vendor = vendor->module;
		read_params(mech, mk->mod, vendor);
		mech->mechanism = has_param(mech, "pml") ?
				  KMIGRATE_MECHANISM_PML :
				  KMIGRATE_MECHANISM_WRITE_PROTECT;
	} else {
		found = false;
	}

	kobject_put(kobj);
	return found;
}

void km_mech_get(struct km_mech *mech)
{
	unsigned int i;

	memset(mech, 0, sizeof(*mech));
	mech->mechanism = KMIGRATE_MECHANISM_NONE;
	for (i = 0; i < ARRAY_SIZE(vendors); i++)
		if (read_vendor(mech, &vendors[i]))
			break;
}
