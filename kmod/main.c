// SPDX-License-Identifier: GPL-2.0
/* Loads and unloads. Whatever starts here ends in the opposite order. */
#include <linux/init.h>
#include <linux/module.h>

#include "auto.h"
#include "dirty.h"
#include "drive.h"
#include "event.h"
#include "hold.h"
#include "netlink.h"
#include "session.h"
#include "version.h"
#include "vm.h"
#include "watch.h"

static int __init km_init(void)
{
	int err;

	err = km_vm_init();
	if (err)
		return err;

	/* Before the family: no session may miss the death of its socket. */
	err = km_session_init();
	if (err)
		goto err_vm;

	err = km_hold_init();
	if (err)
		goto err_session;

	km_auto_init();

	err = km_netlink_init();
	if (err)
		goto err_hold;

	return 0;

err_hold:
	km_auto_stop();
	km_hold_fini();
err_session:
	km_session_fini();
err_vm:
	km_vm_fini();
	km_drive_fini();
	km_watch_fini();
	km_auto_fini();
	km_dirty_fini();
	return err;
}

static void __exit km_exit(void)
{
	km_event_fini();
	km_netlink_fini();
	km_auto_stop();
	km_hold_fini();
	km_session_fini();
	km_vm_fini();
	km_drive_fini();
	km_watch_fini();
	km_auto_fini();
	km_dirty_fini();
}

module_init(km_init);
module_exit(km_exit);

MODULE_DESCRIPTION("Dirty page tracking of KVM guests and performance holds, for live migration");
MODULE_LICENSE("GPL");
MODULE_VERSION(KM_VERSION);
