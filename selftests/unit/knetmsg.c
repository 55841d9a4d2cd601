// SPDX-License-Identifier: GPL-2.0
/* What the module's messages say, and requests that are split; built here with
 * libmnl as the kernel would. And the module's absence, for real. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ktap.h"
#include "message.h"
#include "ctl/knet.h"
#include "ctl/knet_priv.h"

static void replies(bool *ok)
{
	struct nlmsghdr *nlh = begin();
	struct km_reply r;

	mnl_attr_put_u32(nlh, KMIGRATE_A_ABI_VERSION, 1);
	mnl_attr_put_u32(nlh, KMIGRATE_A_MECHANISM, KMIGRATE_MECHANISM_PML);
	mnl_attr_put_u64(nlh, KMIGRATE_A_PAGES, 1ull << 40);
	mnl_attr_put_u16(nlh, KMIGRATE_A_SESSION, 7);  /* wrong length: as if absent */
	mnl_attr_put_u32(nlh, KMIGRATE_A_MAX + 5, 99); /* of a later version */
	CHECK(!km_knetmsg_reply(nlh, &r));
	CHECK(r.abi_version == 1 && r.has_mechanism && r.mechanism == KMIGRATE_MECHANISM_PML);
	CHECK(r.pages == 1ull << 40 && !r.session && !r.bitmap);
	CHECK(!strcmp(km_knetmsg_mechanism(r.mechanism), "pml"));
	CHECK(!strcmp(km_knetmsg_mechanism(77), "unknown"));
	nlh = begin();
	nlh->nlmsg_len = NLMSG_HDRLEN; /* no generic netlink header */
	CHECK(km_knetmsg_reply(nlh, &r) == -EPROTO);
}

static void add_window(struct nlmsghdr *nlh, uint32_t ms, uint64_t unique, uint64_t ns,
		       uint64_t pages)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_WINDOW);

	mnl_attr_put_u32(nlh, KMIGRATE_A_WINDOW_MS, ms);
	mnl_attr_put_u64(nlh, KMIGRATE_A_WINDOW_UNIQUE, unique);
	if (ns) {
		mnl_attr_put_u64(nlh, KMIGRATE_A_WINDOW_NS, ns);
		mnl_attr_put_u64(nlh, KMIGRATE_A_WINDOW_PAGES, pages);
	}
	mnl_attr_nest_end(nlh, nest);
}

static void windows(bool *ok)
{
	struct nlmsghdr *nlh = begin();
	struct km_dirty d = { .windows = 3 };

	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, 1);
	add_window(nlh, 10, 5, 0, 0);
	add_window(nlh, 1000, 70, 2000000000, 300);
	CHECK(!km_knetmsg_windows(nlh, &d));
	CHECK(d.windows == 2 && d.window[0].ms == 10 && d.window[0].unique_pages == 5);
	CHECK(!d.window[0].has_rate && d.window[1].has_rate);
	CHECK(d.window[1].pages_per_s > 149.9 && d.window[1].pages_per_s < 150.1);
	for (unsigned int i = 0; i < 2 * KM_DIRTY_WINDOWS; i++)
		add_window(nlh, 60000, 1, 0, 0); /* a later version may have more */
	CHECK(!km_knetmsg_windows(nlh, &d));
	CHECK(d.windows == KM_DIRTY_WINDOWS && d.window[1].ms == 1000);
}

static int add_region(struct km_dirty *d, uint32_t as, uint64_t gfn, uint32_t in_10s)
{
	struct nlmsghdr *nlh = begin();
	struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_REGION);

	mnl_attr_put_u32(nlh, KMIGRATE_A_REGION_AS_ID, as);
	mnl_attr_put_u64(nlh, KMIGRATE_A_REGION_GFN, gfn);
	mnl_attr_put_u32(nlh, KMIGRATE_A_REGION_NPAGES, 512);
	mnl_attr_put_u32(nlh, KMIGRATE_A_REGION_PAGES_10S, in_10s);
	mnl_attr_nest_end(nlh, nest);
	return km_knetmsg_region(nlh, d);
}

/* The hottest of many, in order, whatever the order in which they come. */
static void regions(bool *ok)
{
	struct km_dirty d = { 0 };

	for (uint32_t i = 0; i < 37; i++)
		CHECK(!add_region(&d, 0, 512 * i, (i * 14) % 37)); /* 0 to 36, each once */
	CHECK(!add_region(&d, 1, 0, 500)); /* system management mode's view */
	CHECK(d.regions == KM_DIRTY_REGIONS);
	for (uint32_t i = 0; i < d.regions; i++)
		CHECK(d.region[i].pages_10s == 36 - i && d.region[i].npages == 512);
}

static int add_slot(struct km_slots *s, uint32_t as, uint64_t hva, uint64_t gfn, uint64_t npages)
{
	struct nlmsghdr *nlh = begin();
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, 1);
	nest = mnl_attr_nest_start(nlh, KMIGRATE_A_SLOT);
	mnl_attr_put_u32(nlh, KMIGRATE_A_SLOT_AS_ID, as);
	mnl_attr_put_u64(nlh, KMIGRATE_A_SLOT_GFN, gfn);
	mnl_attr_put_u64(nlh, KMIGRATE_A_SLOT_NPAGES, npages);
	mnl_attr_put_u64(nlh, KMIGRATE_A_SLOT_USERSPACE_ADDR, hva);
	mnl_attr_nest_end(nlh, nest);
	return km_knetmsg_slot(nlh, s);
}

static void slots(bool *ok)
{
	struct km_slots s = { 0 };
	uint64_t gfn;

	CHECK(!add_slot(&s, 0, 0x7f0000000000, 0, 0xa0));
	CHECK(!add_slot(&s, 0, 0x7f00c0000000, 0x100000, 0x1000)); /* the part above 4 GiB */
	CHECK(!add_slot(&s, 1, 0x7f0000000000, 0x5000, 0xa0));
	CHECK(s.n == 2);
	CHECK(km_knetmsg_gfn(&s, 0x7f000009f000, &gfn) && gfn == 0x9f);
	CHECK(!km_knetmsg_gfn(&s, 0x7f00000a0000, &gfn));
	CHECK(!km_knetmsg_gfn(&s, 0x7effffffffff, &gfn));
	CHECK(km_knetmsg_gfn(&s, 0x7f00c0001000, &gfn) && gfn == 0x100001);
	CHECK(add_slot(&s, 0, 0, 0, 1) == -EPROTO);
	CHECK(add_slot(&s, 0, 0x1000, 0, 0) == -EPROTO);
	CHECK(add_slot(&s, 0, 0x1000, 0, UINT64_MAX) == -EPROTO);
	CHECK(add_slot(&s, 0, 0x1000, UINT64_MAX, 2) == -EPROTO);
	CHECK(km_knetmsg_slot(begin(), &s) == -EPROTO);
	for (uint64_t i = 0; i < 500; i++)
		CHECK(!add_slot(&s, 0, (i + 1) << 30, i << 18, 1 << 18));
	CHECK(s.n == 502);
	free(s.s);
}

static void vcpus(bool *ok)
{
	static struct km_module_facts f;

	for (uint32_t i = 250; i < 260; i++) {
		struct nlmsghdr *nlh = begin();
		struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_VCPU);

		mnl_attr_put_u32(nlh, KMIGRATE_A_VCPU_INDEX, i);
		mnl_attr_put_u64(nlh, KMIGRATE_A_VCPU_PAGES, 1000 + i);
		mnl_attr_nest_end(nlh, nest);
		CHECK(!km_knetmsg_vcpu(nlh, &f));
	}
	CHECK(f.vcpus == 256 && f.dirtied_by_vcpu[255] == 1255 && !f.dirtied_by_vcpu[0]);
}

static void extents(bool *ok)
{
	static struct km_extent e[KMIGRATE_MAX_TEST_EXTENTS];
	static uint64_t gfn[40000];
	unsigned int n;

	for (uint64_t i = 0; i < 10; i++)
		gfn[i] = i < 5 ? 100 + i : 200 - i;
	CHECK(km_knetmsg_extents(gfn, 10, e, &n) == 10 && n == 6);
	CHECK(e[0].gfn == 100 && e[0].npages == 5 && e[1].gfn == 195 && e[1].npages == 1);
	for (uint64_t i = 0; i < 40000; i++)
		gfn[i] = i;
	CHECK(km_knetmsg_extents(gfn, 40000, e, &n) == KMIGRATE_MAX_TEST_PAGES && n == 1);
	for (uint64_t i = 0; i < 40000; i++)
		gfn[i] = i * 2;
	CHECK(km_knetmsg_extents(gfn, 40000, e, &n) == KMIGRATE_MAX_TEST_EXTENTS);
	CHECK(n == KMIGRATE_MAX_TEST_EXTENTS);
	/* The last extent may still grow when all are taken. */
	gfn[KMIGRATE_MAX_TEST_EXTENTS] = 2047;
	CHECK(km_knetmsg_extents(gfn, KMIGRATE_MAX_TEST_EXTENTS + 1, e, &n) ==
	      KMIGRATE_MAX_TEST_EXTENTS + 1);
	CHECK(km_knetmsg_extents(gfn, 0, e, &n) == 0 && n == 0);
}

static void damaged(bool *ok)
{
	static struct km_module_facts f;
	unsigned int seed = 3;
	struct km_reply r;

	for (int i = 0; i < 30000; i++) {
		struct km_slots s = { 0 };
		struct nlmsghdr *nlh;
		size_t len;

		add_slot(&s, 0, 0x7f0000000000, 0, 0xa0);
		nlh = (struct nlmsghdr *)buf;
		len = nlh->nlmsg_len;
		for (int k = rand_r(&seed) % 6; k >= 0; k--) /* behind the headers */
			buf[20 + (size_t)rand_r(&seed) % (len - 20)] = (char)rand_r(&seed);
		/* In a block of its own, so that ASan sees a byte too far. */
		nlh = malloc(len);
		memcpy(nlh, buf, len);
		if (rand_r(&seed) % 2)
			nlh->nlmsg_len = 20 + (unsigned int)((size_t)rand_r(&seed) % (len - 19));
		km_knetmsg_slot(nlh, &s);
		km_knetmsg_reply(nlh, &r);
		km_knetmsg_vcpu(nlh, &f);
		CHECK(f.vcpus <= 256);
		free(nlh);
		free(s.s);
	}
}

static void absent(bool *ok)
{
	struct km_err err = { 0 };
	struct km_knet *k;
	int rc;

	if (!access("/sys/module/kmigrate", F_OK))
		return; /* loaded: the tests in the test hosts have that case */
	rc = km_knet_open(&k, &err);
	/* Where netlink itself is forbidden (a sandbox) it says so instead. */
	CHECK(rc < 0 && !k && strstr(err.text, KM_KNET_OFF));
	km_knet_close(NULL);
}

static const struct ktap_case cases[] = {
	{ "replies", replies },
	{ "memory slots and addresses", slots },
	{ "vCPUs", vcpus },
	{ "windows", windows },
	{ "regions: the hottest", regions },
	{ "requests that are split", extents },
	{ "damaged messages", damaged },
	{ "no module: says what is off", absent },
};

KTAP_MAIN(cases)
