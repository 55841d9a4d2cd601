/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_EVENT_H
#define KM_EVENT_H

#include <linux/types.h>
#include <linux/kmigrate.h>

struct km_vm;

void km_event_send(const struct km_vm *vm, enum kmigrate_event event);
void km_event_send_overrun(const struct km_vm *vm, u32 overruns);
void km_event_fini(void);

#endif /* KM_EVENT_H */
