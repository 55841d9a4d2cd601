/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_EVENT_H
#define KM_EVENT_H

#include <linux/types.h>
#include <linux/kmigrate.h>

struct km_vm;

/* Somebody changed what is held. */
struct km_event_fight {
	const char *policy, *file, *governor;
	u32 max_khz, count;
};

void km_event_send(const struct km_vm *vm, enum kmigrate_event event);
void km_event_send_overrun(const struct km_vm *vm, u32 overruns);
void km_event_send_fought(const struct km_event_fight *fight);
void km_event_fini(void);

#endif /* KM_EVENT_H */
