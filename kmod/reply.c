// SPDX-License-Identifier: GPL-2.0
/* Answers to commands about a VM. The caller's rights have been checked. */
#include <linux/err.h>
#include <linux/kvm_host.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "compat/compat.h"
#include "mech.h"
#include "netlink.h"
#include "reply.h"
#include "session.h"
#include "slot.h"
#include "track.h"
#include "vcpu.h"
#include "vm.h"

const struct nla_policy km_reply_extent_policy[KMIGRATE_A_EXTENT_MAX + 1] = {
	[KMIGRATE_A_EXTENT_AS_ID]	= { .type = NLA_U32 },
	[KMIGRATE_A_EXTENT_GFN]		= { .type = NLA_U64 },
	[KMIGRATE_A_EXTENT_NPAGES]	= NLA_POLICY_MIN(NLA_U32, 1),
};

int km_reply_start(struct km_reply *reply, struct genl_info *info, size_t size)
{
	reply->msg = genlmsg_new(size, GFP_KERNEL);
	if (!reply->msg)
		return -ENOMEM;
	reply->hdr = genlmsg_put_reply(reply->msg, info, &km_netlink_family, 0,
				       info->genlhdr->cmd);
	if (!reply->hdr) {
		nlmsg_free(reply->msg);
		return -EMSGSIZE;
	}
	return 0;
}

/* Sends it if @err is 0, else drops it. Returns what the handler returns. */
int km_reply_send(struct km_reply *reply, struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(reply->msg);
		return err;
	}
	genlmsg_end(reply->msg, reply->hdr);
	return genlmsg_reply(reply->msg, info);
}

/*
 * A session of @sk, and its VM. km_reply_leave() must follow soon, in the same
 * context, unless the answer is an error.
 */
struct km_session *km_reply_enter(struct sock *sk, u32 id, struct kvm **kvm,
				  struct netlink_ext_ack *extack)
{
	struct km_session *session;

	session = km_session_get(sk, id);
	if (IS_ERR(session)) {
		NL_SET_ERR_MSG(extack, "no such session of this socket");
		return session;
	}
	*kvm = km_vm_enter(session->vm);
	if (!*kvm) {
		km_session_put(session);
		NL_SET_ERR_MSG(extack, "the VM is gone");
		return ERR_PTR(-ESRCH);
	}
	return session;
}

void km_reply_leave(struct km_session *session)
{
	km_vm_exit(session->vm);
	km_session_put(session);
}

static struct km_session *enter(struct sk_buff *skb, struct genl_info *info,
				struct kvm **kvm)
{
	return km_reply_enter(NETLINK_CB(skb).sk,
			      nla_get_u32(info->attrs[KMIGRATE_A_SESSION]), kvm,
			      info->extack);
}

enum kmigrate_logging km_reply_logging(bool logging, bool ours)
{
	if (!logging)
		return KMIGRATE_LOGGING_NONE;
	return ours ? KMIGRATE_LOGGING_KMIGRATE : KMIGRATE_LOGGING_VMM;
}

static int put_vm(struct sk_buff *msg, const struct km_session *session,
		  struct kvm *kvm)
{
	struct km_slot_totals totals;
	pid_t pid = km_vm_pid(kvm);
	u32 ours = km_track_nr_owned(session->vm);
	u32 ring = kvm->dirty_ring_size;
	struct km_mech mech;

	km_mech_get(&mech);
	km_slot_count(kvm, &totals);
	if (nla_put_u32(msg, KMIGRATE_A_SESSION, session->id) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_VM_ID, session->vm->id, KMIGRATE_A_PAD) ||
	    (pid && nla_put_u32(msg, KMIGRATE_A_VMM_PID, pid)) ||
	    nla_put_u32(msg, KMIGRATE_A_MECHANISM,
			ring ? KMIGRATE_MECHANISM_DIRTY_RING : mech.mechanism) ||
	    nla_put_u32(msg, KMIGRATE_A_LOGGING, km_reply_logging(totals.logging,
							   totals.logging == ours)) ||
	    nla_put_u32(msg, KMIGRATE_A_COUNTING, session->vm->dirty.counting) ||
	    nla_put_u32(msg, KMIGRATE_A_NR_SLOTS, totals.slots) ||
	    nla_put_u32(msg, KMIGRATE_A_NR_VCPUS, km_vcpu_count(kvm)) ||
	    nla_put_u32(msg, KMIGRATE_A_MANUAL_PROTECT,
			kvm->manual_dirty_log_protect) ||
	    nla_put_u32(msg, KMIGRATE_A_DIRTY_RING, ring))
		return -EMSGSIZE;
	return 0;
}

int km_reply_vm(struct sk_buff *skb, struct genl_info *info)
{
	struct km_session *session;
	struct km_reply reply;
	struct kvm *kvm;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_SESSION))
		return -EINVAL;
	err = km_reply_start(&reply, info, GENLMSG_DEFAULT_SIZE);
	if (err)
		return err;

	session = enter(skb, info, &kvm);
	err = PTR_ERR_OR_ZERO(session);
	if (!err) {
		err = put_vm(reply.msg, session, kvm);
		km_reply_leave(session);
	}
	return km_reply_send(&reply, info, err);
}

/* @first and the two after it: pages, drains, full. */
int km_reply_put_pml(struct sk_buff *msg, const struct km_pml_counts *counts, int first, int pad)
{
	return nla_put_u64_64bit(msg, first, counts->pages, pad) ?:
	       nla_put_u64_64bit(msg, first + 1, counts->drains, pad) ?:
	       nla_put_u64_64bit(msg, first + 2, counts->full, pad);
}

static int put_counts(struct sk_buff *msg, const struct km_session *session)
{
	struct km_counts all, other;
	u64 elapsed;

	if (!session->vm->dirty.counting)
		return -EOPNOTSUPP;
	km_session_read_all(session, &all, &other);
	elapsed = ktime_get_ns() - session->start_ns;
	if (nla_put_u32(msg, KMIGRATE_A_SESSION, session->id) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_ELAPSED_NS, elapsed,
			      KMIGRATE_A_PAD) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_PAGES, all.pages, KMIGRATE_A_PAD) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_REPEATS, all.repeats,
			      KMIGRATE_A_PAD) ||
	    nla_put_u64_64bit(msg, KMIGRATE_A_UNATTRIBUTED, other.pages,
			      KMIGRATE_A_PAD) ||
	    (session->vm->dirty.counts_pml &&
	     km_reply_put_pml(msg, &all.pml, KMIGRATE_A_PML_PAGES, KMIGRATE_A_PAD)))
		return -EMSGSIZE;
	return 0;
}

int km_reply_counts(struct sk_buff *skb, struct genl_info *info)
{
	struct km_session *session;
	struct km_reply reply;
	struct kvm *kvm;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_SESSION))
		return -EINVAL;
	err = km_reply_start(&reply, info, GENLMSG_DEFAULT_SIZE);
	if (err)
		return err;

	session = enter(skb, info, &kvm);
	err = PTR_ERR_OR_ZERO(session);
	if (!err) {
		err = put_counts(reply.msg, session);
		km_reply_leave(session);
	}
	if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG(info->extack, "the function tracer can't be used");
	return km_reply_send(&reply, info, err);
}

/* A request of KMIGRATE_CMD_TEST. */
struct test {
	struct km_slot_extent *extents;
	unsigned int nr;
	u32 pages;
	unsigned long *bitmap;
};

/* How many extents there are, or an error. Their attributes have been validated. */
static int count_extents(struct genl_info *info)
{
	unsigned int nr = 0;
	struct nlattr *attr;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		if (nla_type(attr) == KMIGRATE_A_EXTENT)
			nr++;
	if (!nr) {
		GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_EXTENT);
		return -EINVAL;
	}
	if (nr > KMIGRATE_MAX_TEST_EXTENTS) {
		NL_SET_ERR_MSG(info->extack, "too many extents");
		return -E2BIG;
	}
	return nr;
}

static int parse_extent(struct km_slot_extent *extent, struct nlattr *attr,
			struct netlink_ext_ack *extack)
{
	struct nlattr *tb[KMIGRATE_A_EXTENT_MAX + 1];
	int err;

	err = nla_parse_nested(tb, KMIGRATE_A_EXTENT_MAX, attr,
			       km_reply_extent_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, attr, tb, KMIGRATE_A_EXTENT_GFN))
		return -EINVAL;

	extent->gfn = nla_get_u64(tb[KMIGRATE_A_EXTENT_GFN]);
	extent->npages = tb[KMIGRATE_A_EXTENT_NPAGES] ?
			 nla_get_u32(tb[KMIGRATE_A_EXTENT_NPAGES]) : 1;
	extent->as_id = tb[KMIGRATE_A_EXTENT_AS_ID] ?
			nla_get_u32(tb[KMIGRATE_A_EXTENT_AS_ID]) : 0;

	if (extent->gfn + extent->npages < extent->gfn) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "gfns wrap");
		return -EINVAL;
	}
	return 0;
}

static void free_test(struct test *test)
{
	kvfree(test->bitmap);
	kvfree(test->extents);
}

/* Fills @test from the request. free_test() must follow, if it is not an error. */
static int parse_test(struct test *test, struct genl_info *info)
{
	struct nlattr *attr;
	int nr, rem, err;

	*test = (struct test){};
	nr = count_extents(info);
	if (nr < 0)
		return nr;
	test->extents = kvcalloc(nr, sizeof(*test->extents), GFP_KERNEL);
	if (!test->extents)
		return -ENOMEM;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		struct km_slot_extent *extent = &test->extents[test->nr];

		if (nla_type(attr) != KMIGRATE_A_EXTENT)
			continue;
		err = parse_extent(extent, attr, info->extack);
		if (err)
			goto err;
		if (extent->npages > KMIGRATE_MAX_TEST_PAGES - test->pages) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr, "too many pages");
			err = -E2BIG;
			goto err;
		}
		test->pages += extent->npages;
		test->nr++;
	}

	err = -ENOMEM;
	test->bitmap = kvcalloc(BITS_TO_LONGS(test->pages), sizeof(long),
				GFP_KERNEL);
	if (!test->bitmap)
		goto err;
	return 0;
err:
	free_test(test);
	return err;
}

/* Whole words, as the order of their bits is little-endian everywhere. */
static u32 count_bits(const struct test *test)
{
	return bitmap_weight(test->bitmap, BITS_TO_LONGS(test->pages) * BITS_PER_LONG);
}

static int put_test(struct sk_buff *msg, const struct km_session *session,
		    struct kvm *kvm, struct test *test)
{
	unsigned int i;
	u32 tracked;

	if (kvm->dirty_ring_size)
		return -EOPNOTSUPP;
	for (i = 0; i < test->nr; i++)
		if (test->extents[i].as_id >= km_compat_nr_as_ids(kvm))
			return -ERANGE;

	tracked = km_slot_test(kvm, test->extents, test->nr, test->bitmap);
	if (nla_put_u32(msg, KMIGRATE_A_SESSION, session->id) ||
	    nla_put(msg, KMIGRATE_A_BITMAP, DIV_ROUND_UP(test->pages, 8),
		    test->bitmap) ||
	    nla_put_u32(msg, KMIGRATE_A_NR_DIRTY,
			count_bits(test)) ||
	    nla_put_u32(msg, KMIGRATE_A_NR_UNTRACKED, test->pages - tracked))
		return -EMSGSIZE;
	return 0;
}

static int answer_test(struct sk_buff *skb, struct genl_info *info,
		       struct test *test)
{
	struct km_session *session;
	struct km_reply reply;
	struct kvm *kvm;
	int err;

	err = km_reply_start(&reply, info, GENLMSG_DEFAULT_SIZE +
			     nla_total_size(DIV_ROUND_UP(test->pages, 8)));
	if (err)
		return err;

	session = enter(skb, info, &kvm);
	err = PTR_ERR_OR_ZERO(session);
	if (!err) {
		err = put_test(reply.msg, session, kvm, test);
		km_reply_leave(session);
	}
	if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG(info->extack, "the VM has a dirty ring, no bitmap");
	else if (err == -ERANGE)
		NL_SET_ERR_MSG(info->extack, "no such address space");
	return km_reply_send(&reply, info, err);
}

int km_reply_test(struct sk_buff *skb, struct genl_info *info)
{
	struct test test;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KMIGRATE_A_SESSION))
		return -EINVAL;
	err = parse_test(&test, info);
	if (err)
		return err;
	err = answer_test(skb, info, &test);
	free_test(&test);
	return err;
}
