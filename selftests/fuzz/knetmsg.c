// SPDX-License-Identifier: GPL-2.0
/* Messages of the kernel module, as far as libmnl hands them on (mnl_nlmsg_ok). */
#include <linux/genetlink.h>
#include "ctl/knet_priv.h"
#include "fuzz.h"

static void slot(struct nlmsghdr *nlh)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_SLOT);

	mnl_attr_put_u32(nlh, KMIGRATE_A_SLOT_AS_ID, 0);
	mnl_attr_put_u64(nlh, KMIGRATE_A_SLOT_GFN, 0x100000);
	mnl_attr_put_u64(nlh, KMIGRATE_A_SLOT_NPAGES, 0x1000);
	mnl_attr_put_u64(nlh, KMIGRATE_A_SLOT_USERSPACE_ADDR, 0x7f0000000000);
	mnl_attr_nest_end(nlh, nest);
}

static void vcpu(struct nlmsghdr *nlh)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_VCPU);

	mnl_attr_put_u32(nlh, KMIGRATE_A_VCPU_INDEX, 3);
	mnl_attr_put_u64(nlh, KMIGRATE_A_VCPU_PAGES, 1000);
	mnl_attr_nest_end(nlh, nest);
}

static void tracked(struct nlmsghdr *nlh)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_WINDOW);

	mnl_attr_put_u32(nlh, KMIGRATE_A_WINDOW_MS, 1000);
	mnl_attr_put_u64(nlh, KMIGRATE_A_WINDOW_UNIQUE, 77);
	mnl_attr_put_u64(nlh, KMIGRATE_A_WINDOW_NS, 1000000000);
	mnl_attr_put_u64(nlh, KMIGRATE_A_WINDOW_PAGES, 100);
	mnl_attr_nest_end(nlh, nest);
	nest = mnl_attr_nest_start(nlh, KMIGRATE_A_REGION);
	mnl_attr_put_u64(nlh, KMIGRATE_A_REGION_GFN, 512);
	mnl_attr_put_u32(nlh, KMIGRATE_A_REGION_PAGES_10S, 9);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_u32(nlh, KMIGRATE_A_TRACK, KMIGRATE_TRACK_ON);
}

static void reply(struct nlmsghdr *nlh)
{
	static const uint8_t bitmap[40] = { 1, 2, 3 };

	mnl_attr_put_u32(nlh, KMIGRATE_A_ABI_VERSION, 1);
	mnl_attr_put_u32(nlh, KMIGRATE_A_MECHANISM, KMIGRATE_MECHANISM_PML);
	mnl_attr_put_u64(nlh, KMIGRATE_A_PAGES, 1ull << 40);
	mnl_attr_put(nlh, KMIGRATE_A_BITMAP, sizeof(bitmap), bitmap);
}

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	struct nlmsghdr *nlh;

	if (i >= 5)
		return 0;
	memset(buf, 0, 512);
	nlh = mnl_nlmsg_put_header(buf);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	if (i == 0 || i == 3)
		slot(nlh);
	if (i == 1 || i == 3)
		vcpu(nlh);
	if (i == 4)
		tracked(nlh);
	else if (i >= 2)
		reply(nlh);
	return nlh->nlmsg_len;
}

static bool slots(const struct nlmsghdr *nlh)
{
	struct km_slots s = { 0 };
	uint64_t gfn;
	bool any;

	for (int i = 0; i < 2; i++)
		km_knetmsg_slot(nlh, &s);
	any = s.n > 0;
	must(s.n <= 2 && s.n <= s.room);
	for (unsigned int i = 0; i < s.n; i++) {
		uint64_t last = s.s[i].hva + ((s.s[i].npages - 1) << KM_PAGE_SHIFT);

		must(s.s[i].hva && s.s[i].npages && last >= s.s[i].hva);
		must(km_knetmsg_gfn(&s, last, &gfn) && gfn >= s.s[i].gfn);
		must(gfn == s.s[i].gfn + s.s[i].npages - 1);
	}
	free(s.s);
	return any;
}

/* As often as there is room for regions, and once more. */
static bool tracking(const struct nlmsghdr *nlh)
{
	struct km_dirty d = { 0 };
	struct km_knet_state state;
	bool any = !km_knetmsg_track(nlh, &d, &state) && state.state;

	for (unsigned int i = 0; i <= KM_DIRTY_REGIONS; i++)
		any |= !km_knetmsg_region(nlh, &d);
	any |= !km_knetmsg_windows(nlh, &d) && d.windows;
	must(d.windows <= KM_DIRTY_WINDOWS && d.regions <= KM_DIRTY_REGIONS);
	return any;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_module_facts *facts;
	struct nlmsghdr *nlh;
	struct km_reply r;
	bool any;

	if (len < sizeof(*nlh) || len > FUZZ_MAX)
		return 0;
	nlh = malloc(len);
	memcpy(nlh, data, len);
	if (!mnl_nlmsg_ok(nlh, (int)len)) {
		free(nlh);
		return 0;
	}
	facts = calloc(1, sizeof(*facts));
	any = slots(nlh) | tracking(nlh) | !km_knetmsg_vcpu(nlh, facts);
	must(facts->vcpus <= 256);
	if (!km_knetmsg_reply(nlh, &r)) {
		const uint8_t *end = (const uint8_t *)nlh + nlh->nlmsg_len;

		any |= r.bitmap != NULL;
		must(strlen(km_knetmsg_mechanism(r.mechanism)));
		must(!r.bitmap ||
		     (r.bitmap > (const uint8_t *)nlh && r.bitmap_bytes <= end - r.bitmap));
	}
	fuzz_accepted += any;
	free(facts);
	free(nlh);
	return 0;
}
