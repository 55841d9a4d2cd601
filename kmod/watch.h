/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_WATCH_H
#define KM_WATCH_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct km_vm;

/* Whether a VM's VMM logs, as last seen. */
struct km_watch {
	struct delayed_work work;
	bool hooked;
	bool logs;			/* only km_watch_start() and @work look */
};

void km_watch_start(struct km_vm *vm);
void km_watch_stop(struct km_vm *vm);

int km_watch_hook(void);
void km_watch_unhook(void);
void km_watch_fini(void);

#endif /* KM_WATCH_H */
