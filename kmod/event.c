// SPDX-License-Identifier: GPL-2.0
/*
 * Tells listeners what happened to a VM, or to a hold. By works only, which may sleep; a
 * message that can't be had, or that nobody listens to, is not sent.
 */
#include <linux/mutex.h>

#include "event.h"
#include "netlink.h"
#include "vm.h"

/* Works go on until km_vm_fini(), and the group's number may be another's by then. */
static DEFINE_MUTEX(events_lock);
static bool closed;

struct event {
	enum kmigrate_event event;
	const struct km_vm *vm;
	u32 overruns;
	const struct km_event_fight *fight;
};

static int put_vm(struct sk_buff *msg, const struct event *event)
{
	if (nla_put_u64_64bit(msg, KMIGRATE_A_VM_ID, event->vm->id, KMIGRATE_A_PAD) ||
	    (event->event == KMIGRATE_EVENT_OVERRUN &&
	     nla_put_u32(msg, KMIGRATE_A_OVERRUNS, event->overruns)))
		return -EMSGSIZE;
	return 0;
}

/* What was found, before it is put right. */
static int put_fight(struct sk_buff *msg, const struct km_event_fight *fight)
{
	struct nlattr *nest = nla_nest_start(msg, KMIGRATE_A_FIGHT);

	if (!nest ||
	    nla_put_string(msg, KMIGRATE_A_FIGHT_POLICY, fight->policy) ||
	    nla_put_string(msg, KMIGRATE_A_FIGHT_FILE, fight->file) ||
	    nla_put_string(msg, KMIGRATE_A_FIGHT_GOVERNOR, fight->governor) ||
	    nla_put_u32(msg, KMIGRATE_A_FIGHT_MAX_KHZ, fight->max_khz) ||
	    nla_put_u32(msg, KMIGRATE_A_FIGHT_COUNT, fight->count))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int put_event(struct sk_buff *msg, const struct event *event)
{
	if (nla_put_u32(msg, KMIGRATE_A_EVENT, event->event))
		return -EMSGSIZE;
	return event->fight ? put_fight(msg, event->fight) : put_vm(msg, event);
}

static void send(const struct event *event)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &km_netlink_family, 0, KMIGRATE_CMD_EVENT);
	if (!hdr || put_event(msg, event)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	/* Who is too slow to read finds ENOBUFS on the socket. */
	genlmsg_multicast(&km_netlink_family, msg, 0, 0, GFP_KERNEL);
}

static void send_if_heard(const struct event *event)
{
	mutex_lock(&events_lock);
	if (!closed && genl_has_listeners(&km_netlink_family, &init_net, 0))
		send(event);
	mutex_unlock(&events_lock);
}

void km_event_send(const struct km_vm *vm, enum kmigrate_event event)
{
	send_if_heard(&(struct event){ .event = event, .vm = vm });
}

/* @overruns: how many there have been. */
void km_event_send_overrun(const struct km_vm *vm, u32 overruns)
{
	send_if_heard(&(struct event){
		.event = KMIGRATE_EVENT_OVERRUN, .vm = vm, .overruns = overruns,
	});
}

void km_event_send_fought(const struct km_event_fight *fight)
{
	send_if_heard(&(struct event){ .event = KMIGRATE_EVENT_FOUGHT, .fight = fight });
}

/* Before the family goes. */
void km_event_fini(void)
{
	mutex_lock(&events_lock);
	closed = true;
	mutex_unlock(&events_lock);
}
