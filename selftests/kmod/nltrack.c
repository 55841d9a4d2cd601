// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "nltrack.h"

#define PATIENCE_S	60

int nl_track_start(struct nl *nl, uint32_t session, bool drive, uint32_t interval_ms)
{
	char buffer[256];
	struct nlmsghdr *nlh = nl_request(nl, buffer, KMIGRATE_CMD_TRACK_START, 0);

	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	if (drive)
		mnl_attr_put(nlh, KMIGRATE_A_DRIVE, 0, NULL);
	if (interval_ms)
		mnl_attr_put_u32(nlh, KMIGRATE_A_INTERVAL_MS, interval_ms);
	return nl_talk(nl, nlh, NULL, NULL);
}

int nl_track_stop(struct nl *nl, uint32_t session)
{
	return nl_command(nl, KMIGRATE_CMD_TRACK_STOP, 0, session, NULL, NULL);
}

static int track_cb(const struct nlmsghdr *nlh, void *data)
{
	struct nl_track *track = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case KMIGRATE_A_SESSION: track->session = mnl_attr_get_u32(attr); break;
		case KMIGRATE_A_TRACK: track->state = mnl_attr_get_u32(attr); break;
		case KMIGRATE_A_TRACK_ERROR: track->error = mnl_attr_get_u32(attr); break;
		case KMIGRATE_A_DRIVE: track->drive = true; break;
		case KMIGRATE_A_INTERVAL_MS: track->interval_ms = mnl_attr_get_u32(attr); break;
		case KMIGRATE_A_TRACK_BYTES: track->bytes = mnl_attr_get_u64(attr); break;
		case KMIGRATE_A_MISSED: track->missed = mnl_attr_get_u64(attr); break;
		case KMIGRATE_A_NR_HARVESTS: track->harvests = mnl_attr_get_u32(attr); break;
		case KMIGRATE_A_OVERRUNS: track->overruns = mnl_attr_get_u32(attr); break;
		case KMIGRATE_A_HARVEST: track->harvest = mnl_attr_get_u32(attr); break;
		case KMIGRATE_A_HARVEST_PAGES: track->pages = mnl_attr_get_u64(attr); break;
		case KMIGRATE_A_HARVEST_SUM_NS: track->sum_ns = mnl_attr_get_u64(attr); break;
		case KMIGRATE_A_HARVEST_NS: track->ns = mnl_attr_get_u64(attr); break;
		default: return MNL_CB_ERROR;
		}
	}
	return MNL_CB_OK;
}

int nl_track(struct nl *nl, uint32_t session, struct nl_track *track)
{
	memset(track, 0, sizeof(*track));
	return nl_command(nl, KMIGRATE_CMD_TRACK_GET, 0, session, track_cb, track);
}

int nl_track_wait(struct nl *nl, uint32_t session, uint32_t state, struct nl_track *track)
{
	time_t end = time(NULL) + PATIENCE_S;
	int err;

	do {
		err = nl_track(nl, session, track);
		if (err || track->state == state)
			return err;
		usleep(2000);
	} while (time(NULL) < end);
	return -ETIMEDOUT;
}

static int harvest_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == KMIGRATE_A_HARVEST)
			*(uint32_t *)data = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

int nl_harvest_ask(struct nl *nl, uint32_t session, uint32_t *nr)
{
	*nr = 0;
	return nl_command(nl, KMIGRATE_CMD_HARVEST, 0, session, harvest_cb, nr);
}

int nl_harvest_wait(struct nl *nl, uint32_t session, uint32_t nr)
{
	time_t end = time(NULL) + PATIENCE_S;
	struct nl_track track;
	int err;

	for (;;) {
		err = nl_track(nl, session, &track);
		if (err || (int32_t)(track.harvest - nr) >= 0)
			return err;
		if (track.state != KMIGRATE_TRACK_ON && track.state != KMIGRATE_TRACK_STARTING)
			return -ECANCELED;
		if (time(NULL) >= end)
			return -ETIMEDOUT;
		usleep(500);
	}
}

int nl_harvest(struct nl *nl, uint32_t session)
{
	uint32_t nr;

	return nl_harvest_ask(nl, session, &nr) ?: nl_harvest_wait(nl, session, nr);
}

/* Where dumped things go. */
struct list {
	void *items;
	int nr, max;
};

static struct nl_extent parse_extent(const struct nlattr *attr)
{
	struct nl_extent extent = {};
	const struct nlattr *nested;

	mnl_attr_for_each_nested(nested, attr) {
		switch (mnl_attr_get_type(nested)) {
		case KMIGRATE_A_EXTENT_AS_ID: extent.as_id = mnl_attr_get_u32(nested); break;
		case KMIGRATE_A_EXTENT_GFN: extent.gfn = mnl_attr_get_u64(nested); break;
		case KMIGRATE_A_EXTENT_NPAGES: extent.npages = mnl_attr_get_u32(nested); break;
		}
	}
	return extent;
}

static int extents_cb(const struct nlmsghdr *nlh, void *data)
{
	struct list *list = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != KMIGRATE_A_EXTENT)
			continue;
		if (list->nr < list->max)
			((struct nl_extent *)list->items)[list->nr] = parse_extent(attr);
		list->nr++;
	}
	return MNL_CB_OK;
}

int nl_extents(struct nl *nl, uint32_t session, struct nl_extent *extents, int max)
{
	struct list list = { extents, 0, max };
	int err = nl_command(nl, KMIGRATE_CMD_EXTENT_GET, NLM_F_DUMP, session, extents_cb, &list);

	return err ?: list.nr;
}

/* A window of guest memory, in bits. */
struct window {
	uint64_t gfn, *bitmap;
	uint32_t npages;
	int nr;
	bool twice;
};

static int window_cb(const struct nlmsghdr *nlh, void *data)
{
	struct window *window = data;
	const struct nlattr *attr;
	uint64_t bit, i;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		struct nl_extent extent;

		if (mnl_attr_get_type(attr) != KMIGRATE_A_EXTENT)
			continue;
		extent = parse_extent(attr);
		for (i = 0; i < extent.npages; i++) {
			bit = extent.gfn + i - window->gfn;
			if (extent.as_id || bit >= window->npages)
				continue;
			window->twice |= window->bitmap[bit / 64] >> bit % 64 & 1;
			window->bitmap[bit / 64] |= 1ull << bit % 64;
			window->nr++;
		}
	}
	return MNL_CB_OK;
}

int nl_harvested(struct nl *nl, uint32_t session, uint64_t gfn, uint32_t npages,
		 uint64_t *bitmap)
{
	struct window window = { .gfn = gfn, .npages = npages, .bitmap = bitmap };
	int err;

	memset(bitmap, 0, (npages + 63) / 64 * sizeof(*bitmap));
	err = nl_command(nl, KMIGRATE_CMD_EXTENT_GET, NLM_F_DUMP, session, window_cb, &window);
	if (err)
		return err;
	if (nl->interrupted)
		return -EINTR;
	return window.twice ? -EBADMSG : window.nr;
}

static int windows_cb(const struct nlmsghdr *nlh, void *data)
{
	struct list *list = data;
	const struct nlattr *attr, *nested;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		struct nl_window *window = (struct nl_window *)list->items + list->nr;

		if (mnl_attr_get_type(attr) != KMIGRATE_A_WINDOW)
			continue;
		if (list->nr++ == list->max)
			return MNL_CB_ERROR;
		mnl_attr_for_each_nested(nested, attr) {
			switch (mnl_attr_get_type(nested)) {
			case KMIGRATE_A_WINDOW_MS: window->ms = mnl_attr_get_u32(nested); break;
			case KMIGRATE_A_WINDOW_UNIQUE: window->unique = mnl_attr_get_u64(nested); break;
			case KMIGRATE_A_WINDOW_NS: window->ns = mnl_attr_get_u64(nested); break;
			case KMIGRATE_A_WINDOW_PAGES: window->pages = mnl_attr_get_u64(nested); break;
			}
		}
	}
	return MNL_CB_OK;
}

int nl_windows(struct nl *nl, uint32_t session, struct nl_window windows[5])
{
	struct list list = { windows, 0, 5 };

	memset(windows, 0, 5 * sizeof(*windows));
	return nl_command(nl, KMIGRATE_CMD_WINDOW_GET, 0, session, windows_cb, &list) ?:
	       list.nr == 5 ? 0 : -EBADMSG;
}

static int regions_cb(const struct nlmsghdr *nlh, void *data)
{
	struct list *list = data;
	const struct nlattr *attr, *nested;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		struct nl_region region = {};

		if (mnl_attr_get_type(attr) != KMIGRATE_A_REGION)
			continue;
		mnl_attr_for_each_nested(nested, attr) {
			switch (mnl_attr_get_type(nested)) {
			case KMIGRATE_A_REGION_AS_ID: region.as_id = mnl_attr_get_u32(nested); break;
			case KMIGRATE_A_REGION_GFN: region.gfn = mnl_attr_get_u64(nested); break;
			case KMIGRATE_A_REGION_NPAGES: region.npages = mnl_attr_get_u32(nested); break;
			case KMIGRATE_A_REGION_PAGES_1S: region.pages_1s = mnl_attr_get_u32(nested); break;
			case KMIGRATE_A_REGION_PAGES_10S: region.pages_10s = mnl_attr_get_u32(nested); break;
			case KMIGRATE_A_REGION_PAGES_60S: region.pages_60s = mnl_attr_get_u32(nested); break;
			}
		}
		if (list->nr < list->max)
			((struct nl_region *)list->items)[list->nr] = region;
		list->nr++;
	}
	return MNL_CB_OK;
}

int nl_regions(struct nl *nl, uint32_t session, struct nl_region *regions, int max)
{
	struct list list = { regions, 0, max };
	int err = nl_command(nl, KMIGRATE_CMD_REGION_GET, NLM_F_DUMP, session, regions_cb, &list);

	return err ?: list.nr;
}
