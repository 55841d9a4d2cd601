// SPDX-License-Identifier: GPL-2.0
/* What the module's messages about tracking say: pure. */
#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>
#include "knet_priv.h"
#include "knetattr.h"

int km_knetmsg_track(const struct nlmsghdr *nlh, struct km_dirty *d, struct km_knet_state *state)
{
	struct km_attrs t;
	int rc = km_attrs_top(nlh, &t);

	if (rc)
		return rc;
	state->state = km_attr_u32(t.a[KMIGRATE_A_TRACK]);
	state->error = km_attr_u32(t.a[KMIGRATE_A_TRACK_ERROR]);
	state->drive = t.a[KMIGRATE_A_DRIVE] != NULL;
	d->interval_ms = km_attr_u32(t.a[KMIGRATE_A_INTERVAL_MS]);
	d->harvests = km_attr_u32(t.a[KMIGRATE_A_NR_HARVESTS]);
	d->overruns = km_attr_u32(t.a[KMIGRATE_A_OVERRUNS]);
	d->harvest_ms = (double)km_attr_u64(t.a[KMIGRATE_A_HARVEST_SUM_NS]) / 1e6;
	d->tables_bytes = km_attr_u64(t.a[KMIGRATE_A_TRACK_BYTES]);
	d->missed_pages = km_attr_u64(t.a[KMIGRATE_A_MISSED]);
	return 0;
}

static int add_window(const struct nlattr *nest, struct km_dirty *d)
{
	struct km_dirty_window *w;
	struct km_attrs t;
	uint64_t ns;

	if (d->windows == KM_DIRTY_WINDOWS)
		return 0; /* more than we know what to do with */
	if (km_attrs_nest(nest, KMIGRATE_A_WINDOW_MAX, &t))
		return -EPROTO;
	w = &d->window[d->windows++];
	w->ms = km_attr_u32(t.a[KMIGRATE_A_WINDOW_MS]);
	w->unique_pages = km_attr_u64(t.a[KMIGRATE_A_WINDOW_UNIQUE]);
	ns = km_attr_u64(t.a[KMIGRATE_A_WINDOW_NS]);
	w->has_rate = ns > 0;
	w->pages_per_s = ns ? (double)km_attr_u64(t.a[KMIGRATE_A_WINDOW_PAGES]) * 1e9 / (double)ns :
			      0;
	return 0;
}

struct walk {
	struct km_dirty *d;
	int rc;
};

static int on_attr(const struct nlattr *attr, void *ctx)
{
	struct walk *w = ctx;

	if (!w->rc && mnl_attr_get_type(attr) == KMIGRATE_A_WINDOW)
		w->rc = add_window(attr, w->d);
	return MNL_CB_OK;
}

int km_knetmsg_windows(const struct nlmsghdr *nlh, struct km_dirty *d)
{
	struct walk w = { .d = d };
	struct km_attrs t;
	int rc = km_attrs_top(nlh, &t); /* checks that they can be walked */

	d->windows = 0;
	if (rc)
		return rc;
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_attr, &w);
	return w.rc;
}

/* The scale that fits most measurements comes first; then the hotter of two, then the lower. */
static bool hotter(const struct km_dirty_region *a, const struct km_dirty_region *b)
{
	if (a->pages_10s != b->pages_10s)
		return a->pages_10s > b->pages_10s;
	if (a->pages_1s != b->pages_1s)
		return a->pages_1s > b->pages_1s;
	return a->gfn < b->gfn;
}

int km_knetmsg_region(const struct nlmsghdr *nlh, struct km_dirty *d)
{
	struct km_dirty_region r;
	struct km_attrs t;
	unsigned int at;
	int rc = km_attrs_top(nlh, &t);

	if (!rc)
		rc = km_attrs_nest(t.a[KMIGRATE_A_REGION], KMIGRATE_A_REGION_MAX, &t);
	if (rc)
		return rc;
	/* Address space 1 is the same memory as seen in system management mode. */
	if (km_attr_u32(t.a[KMIGRATE_A_REGION_AS_ID]))
		return 0;
	r = (struct km_dirty_region){
		.gfn = km_attr_u64(t.a[KMIGRATE_A_REGION_GFN]),
		.npages = km_attr_u32(t.a[KMIGRATE_A_REGION_NPAGES]),
		.pages_1s = km_attr_u32(t.a[KMIGRATE_A_REGION_PAGES_1S]),
		.pages_10s = km_attr_u32(t.a[KMIGRATE_A_REGION_PAGES_10S]),
		.pages_60s = km_attr_u32(t.a[KMIGRATE_A_REGION_PAGES_60S]),
	};
	for (at = d->regions; at && hotter(&r, &d->region[at - 1]); at--)
		if (at < KM_DIRTY_REGIONS)
			d->region[at] = d->region[at - 1];
	if (at < KM_DIRTY_REGIONS)
		d->region[at] = r;
	if (d->regions < KM_DIRTY_REGIONS)
		d->regions++;
	return 0;
}
