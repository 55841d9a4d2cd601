// SPDX-License-Identifier: GPL-2.0
/*
 * Answers in many messages: memory slots, vCPUs, what tracking found. Between two calls
 * a dump holds nothing, so that a reader who stops reading keeps neither session nor VM;
 * what it does pin until its socket is closed is the module (netlink_dump_start()).
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/kvm_host.h>
#include <linux/kmigrate.h>

#include "compat/compat.h"
#include "dump.h"
#include "netlink.h"
#include "reply.h"
#include "session.h"
#include "slot.h"
#include "track.h"
#include "vcpu.h"
#include "vm.h"

/* In netlink_callback::ctx. */
struct dump {
	u32 session;
	u32 vcpu;			/* the next index */
	union {
		struct km_slot_pos slot;	/* the next slot */
		struct km_harvest_pos page;	/* or page */
		struct km_heat_pos region;	/* or region */
	};
};

/* One call's work. */
struct part {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	struct km_session *session;
};

static struct dump *dump_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct dump) > sizeof(cb->ctx));
	return (struct dump *)cb->ctx;
}

static struct km_session *enter(struct netlink_callback *cb, struct kvm **kvm)
{
	return km_reply_enter(NETLINK_CB(cb->skb).sk, dump_of(cb)->session, kvm,
			      cb->extack);
}

/* Finds errors early: many readers overlook one that ends a dump. */
int km_dump_start(struct netlink_callback *cb)
{
	struct nlattr **attrs = km_compat_dump_attrs(cb);
	struct km_session *session;
	struct kvm *kvm;

	if (NL_REQ_ATTR_CHECK(cb->extack, NULL, attrs, KMIGRATE_A_SESSION))
		return -EINVAL;
	*dump_of(cb) = (struct dump){
		.session = nla_get_u32(attrs[KMIGRATE_A_SESSION]),
	};
	session = enter(cb, &kvm);
	if (IS_ERR(session))
		return PTR_ERR(session);
	km_reply_leave(session);
	return 0;
}

static void *start_message(struct part *part, u8 cmd)
{
	void *hdr = genlmsg_put(part->skb, NETLINK_CB(part->cb->skb).portid,
				part->cb->nlh->nlmsg_seq, &km_netlink_family,
				NLM_F_MULTI, cmd);

	if (!hdr)
		return NULL;
	if (nla_put_u32(part->skb, KMIGRATE_A_SESSION, part->session->id)) {
		genlmsg_cancel(part->skb, hdr);
		return NULL;
	}
	return hdr;
}

static int put_slot(struct sk_buff *skb, const struct km_session *session,
		    const struct kvm_memory_slot *slot)
{
	bool ours = km_track_owns(session->vm, slot->as_id, slot->id);
	bool logging = kvm_slot_dirty_track_enabled(slot);
	struct nlattr *nest = nla_nest_start(skb, KMIGRATE_A_SLOT);

	if (!nest ||
	    nla_put_u32(skb, KMIGRATE_A_SLOT_ID, (u16)slot->id) ||
	    nla_put_u32(skb, KMIGRATE_A_SLOT_AS_ID, slot->as_id) ||
	    nla_put_u64_64bit(skb, KMIGRATE_A_SLOT_GFN, slot->base_gfn,
			      KMIGRATE_A_SLOT_PAD) ||
	    nla_put_u64_64bit(skb, KMIGRATE_A_SLOT_NPAGES, slot->npages,
			      KMIGRATE_A_SLOT_PAD) ||
	    nla_put_u64_64bit(skb, KMIGRATE_A_SLOT_USERSPACE_ADDR,
			      slot->userspace_addr, KMIGRATE_A_SLOT_PAD) ||
	    nla_put_u32(skb, KMIGRATE_A_SLOT_FLAGS, slot->flags) ||
	    nla_put_u32(skb, KMIGRATE_A_SLOT_LOGGING, km_reply_logging(logging, ours)) ||
	    (km_slot_is_internal(slot) &&
	     nla_put_flag(skb, KMIGRATE_A_SLOT_INTERNAL)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int slot_message(const struct kvm_memory_slot *slot, void *ctx)
{
	struct part *part = ctx;
	void *hdr = start_message(part, KMIGRATE_CMD_SLOT_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (put_slot(part->skb, part->session, slot)) {
		genlmsg_cancel(part->skb, hdr);
		return -EMSGSIZE;
	}
	genl_dump_check_consistent(part->cb, hdr);
	genlmsg_end(part->skb, hdr);
	return 0;
}

int km_dump_slots(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct part part = { .skb = skb, .cb = cb };
	struct kvm *kvm;
	int err;

	part.session = enter(cb, &kvm);
	if (IS_ERR(part.session))
		return PTR_ERR(part.session);
	err = km_slot_walk(kvm, &dump_of(cb)->slot, &cb->seq, slot_message, &part);
	km_reply_leave(part.session);

	/* Full: what is left comes with the next call. Not one fitted: an error. */
	return skb->len ? skb->len : err;
}

static int put_vcpu(struct sk_buff *skb, const struct km_session *session,
		    unsigned int idx, const struct km_vcpu_info *info)
{
	const struct km_dirty *dirty = &session->vm->dirty;
	struct nlattr *nest = nla_nest_start(skb, KMIGRATE_A_VCPU);
	struct km_counts counts;

	if (!nest ||
	    nla_put_u32(skb, KMIGRATE_A_VCPU_ID, info->id) ||
	    nla_put_u32(skb, KMIGRATE_A_VCPU_INDEX, idx) ||
	    (info->tid && nla_put_u32(skb, KMIGRATE_A_VCPU_TID, info->tid)))
		return -EMSGSIZE;

	if (dirty->counting && KM_COMPAT_KNOWS_VCPU && idx < dirty->nr_vcpus) {
		km_session_read_vcpu(session, idx, &counts);
		if (nla_put_u64_64bit(skb, KMIGRATE_A_VCPU_PAGES, counts.pages,
				      KMIGRATE_A_VCPU_PAD) ||
		    nla_put_u64_64bit(skb, KMIGRATE_A_VCPU_REPEATS,
				      counts.repeats, KMIGRATE_A_VCPU_PAD) ||
		    (dirty->counts_pml &&
		     km_reply_put_pml(skb, &counts.pml, KMIGRATE_A_VCPU_PML_PAGES,
				      KMIGRATE_A_VCPU_PAD)))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int vcpu_message(struct part *part, unsigned int idx,
			const struct km_vcpu_info *info)
{
	void *hdr = start_message(part, KMIGRATE_CMD_VCPU_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (put_vcpu(part->skb, part->session, idx, info)) {
		genlmsg_cancel(part->skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(part->skb, hdr);
	return 0;
}

int km_dump_vcpus(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct part part = { .skb = skb, .cb = cb };
	struct dump *dump = dump_of(cb);
	struct km_vcpu_info info;
	struct kvm *kvm;
	int err = 0;

	part.session = enter(cb, &kvm);
	if (IS_ERR(part.session))
		return PTR_ERR(part.session);
	while (!err && km_vcpu_get(kvm, dump->vcpu, &info)) {
		err = vcpu_message(&part, dump->vcpu, &info);
		if (!err)
			dump->vcpu++;
	}
	km_reply_leave(part.session);
	return skb->len ? skb->len : err;
}

static int put_extent(const struct km_harvest_extent *extent, void *ctx)
{
	struct sk_buff *skb = ((struct part *)ctx)->skb;
	struct nlattr *nest = nla_nest_start(skb, KMIGRATE_A_EXTENT);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(skb, KMIGRATE_A_EXTENT_AS_ID, extent->as_id) ||
	    nla_put_u64_64bit(skb, KMIGRATE_A_EXTENT_GFN, extent->gfn,
			      KMIGRATE_A_EXTENT_PAD) ||
	    nla_put_u32(skb, KMIGRATE_A_EXTENT_NPAGES, extent->npages)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/* One message that holds as many as fit; the next call goes on. */
int km_dump_extents(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct part part = { .skb = skb, .cb = cb };
	struct kvm *kvm;
	u32 harvest;
	int empty;
	void *hdr;

	part.session = enter(cb, &kvm);
	if (IS_ERR(part.session))
		return PTR_ERR(part.session);
	hdr = start_message(&part, KMIGRATE_CMD_EXTENT_GET);
	if (!hdr) {
		km_reply_leave(part.session);
		return -EMSGSIZE;
	}
	empty = skb->len;
	km_track_walk_harvest(part.session->vm, &dump_of(cb)->page, &harvest, put_extent, &part);
	cb->seq = harvest ?: 1;
	if (skb->len == empty) {
		genlmsg_cancel(skb, hdr);
	} else {
		genl_dump_check_consistent(cb, hdr);
		genlmsg_end(skb, hdr);
	}
	km_reply_leave(part.session);
	return skb->len;
}

static int put_region(struct sk_buff *skb, const struct km_heat_region *region)
{
	struct nlattr *nest = nla_nest_start(skb, KMIGRATE_A_REGION);

	if (!nest ||
	    nla_put_u32(skb, KMIGRATE_A_REGION_AS_ID, region->as_id) ||
	    nla_put_u64_64bit(skb, KMIGRATE_A_REGION_GFN, region->gfn, KMIGRATE_A_REGION_PAD) ||
	    nla_put_u32(skb, KMIGRATE_A_REGION_NPAGES, region->npages) ||
	    nla_put_u32(skb, KMIGRATE_A_REGION_PAGES_1S, region->seen[2]) ||
	    nla_put_u32(skb, KMIGRATE_A_REGION_PAGES_10S, region->seen[3]) ||
	    nla_put_u32(skb, KMIGRATE_A_REGION_PAGES_60S, region->seen[4]))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int region_message(const struct km_heat_region *region, void *ctx)
{
	struct part *part = ctx;
	void *hdr = start_message(part, KMIGRATE_CMD_REGION_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (put_region(part->skb, region)) {
		genlmsg_cancel(part->skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(part->skb, hdr);
	return 0;
}

int km_dump_regions(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct part part = { .skb = skb, .cb = cb };
	struct kvm *kvm;
	int err;

	part.session = enter(cb, &kvm);
	if (IS_ERR(part.session))
		return PTR_ERR(part.session);
	err = km_track_walk_regions(part.session->vm, &dump_of(cb)->region, region_message,
				    &part);
	km_reply_leave(part.session);
	return skb->len ? skb->len : err;
}
