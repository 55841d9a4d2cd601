// SPDX-License-Identifier: GPL-2.0
/*
 * Tells listeners what happened to a VM. By works only, which may sleep; a message that
 * can't be had, or that nobody listens to, is not sent.
 */
#include <linux/mutex.h>

#include "event.h"
#include "netlink.h"
#include "vm.h"

/* Works go on until km_vm_fini(), and the group's number may be another's by then. */
static DEFINE_MUTEX(events_lock);
static bool closed;

static int put_event(struct sk_buff *msg, const struct km_vm *vm, enum kmigrate_event event,
		     u32 overruns)
{
	if (nla_put_u64_64bit(msg, KMIGRATE_A_VM_ID, vm->id, KMIGRATE_A_PAD) ||
	    nla_put_u32(msg, KMIGRATE_A_EVENT, event) ||
	    (event == KMIGRATE_EVENT_OVERRUN &&
	     nla_put_u32(msg, KMIGRATE_A_OVERRUNS, overruns)))
		return -EMSGSIZE;
	return 0;
}

static void send(const struct km_vm *vm, enum kmigrate_event event, u32 overruns)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &km_netlink_family, 0, KMIGRATE_CMD_EVENT);
	if (!hdr || put_event(msg, vm, event, overruns)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	/* Who is too slow to read finds ENOBUFS on the socket. */
	genlmsg_multicast(&km_netlink_family, msg, 0, 0, GFP_KERNEL);
}

static void send_if_heard(const struct km_vm *vm, enum kmigrate_event event, u32 overruns)
{
	mutex_lock(&events_lock);
	if (!closed && genl_has_listeners(&km_netlink_family, &init_net, 0))
		send(vm, event, overruns);
	mutex_unlock(&events_lock);
}

void km_event_send(const struct km_vm *vm, enum kmigrate_event event)
{
	send_if_heard(vm, event, 0);
}

/* @overruns: how many there have been. */
void km_event_send_overrun(const struct km_vm *vm, u32 overruns)
{
	send_if_heard(vm, KMIGRATE_EVENT_OVERRUN, overruns);
}

/* Before the family goes. */
void km_event_fini(void)
{
	mutex_lock(&events_lock);
	closed = true;
	mutex_unlock(&events_lock);
}
