// SPDX-License-Identifier: GPL-2.0
/* Tracking by the module: asks for it, and reads what it found. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../xfer/clock.h"
#include "knet.h"
#include "knet_priv.h"

/* Switching the log on takes KVM's lock, which a large VM's own changes can hold for long. */
#define START_MS 30000
#define POLL_US	 2000

struct track {
	struct km_dirty *d;
	struct km_knet_state s;
};

static int on_track(const struct nlmsghdr *nlh, void *ctx)
{
	struct track *t = ctx;

	return km_knetmsg_track(nlh, t->d, &t->s);
}

static int on_windows(const struct nlmsghdr *nlh, void *ctx)
{
	return km_knetmsg_windows(nlh, ctx);
}

static int on_region(const struct nlmsghdr *nlh, void *ctx)
{
	return km_knetmsg_region(nlh, ctx);
}

static int on_reply(const struct nlmsghdr *nlh, void *ctx)
{
	return km_knetmsg_reply(nlh, ctx);
}

static int ask(struct km_knet *k, uint8_t cmd, uint16_t flags, km_knet_handler handle, void *ctx)
{
	return km_knetsock_call(k, km_knetsock_session(k, cmd, flags), handle, ctx);
}

static int start(struct km_knet *k, bool drive, unsigned int interval_ms)
{
	struct nlmsghdr *nlh = km_knetsock_session(k, KMIGRATE_CMD_TRACK_START, NLM_F_ACK);

	if (drive)
		mnl_attr_put(nlh, KMIGRATE_A_DRIVE, 0, NULL);
	mnl_attr_put_u32(nlh, KMIGRATE_A_INTERVAL_MS, interval_ms);
	return km_knetsock_call(k, nlh, NULL, NULL);
}

/* -EINPROGRESS until it is on. */
static int state(struct km_knet *k, struct km_err *err)
{
	struct km_dirty d;
	struct track t = { .d = &d };
	int rc = ask(k, KMIGRATE_CMD_TRACK_GET, NLM_F_ACK, on_track, &t);

	if (rc)
		return km_knetsock_fail(k, rc, "tracking the VM's pages", err);
	if (t.s.state == KMIGRATE_TRACK_FAILED)
		return km_err_set(err, -(int)t.s.error, "kmigrate.ko: tracking the VM's pages: %s",
				  strerror((int)t.s.error));
	return t.s.state == KMIGRATE_TRACK_STARTING ? -EINPROGRESS : 0;
}

int km_knet_track(struct km_knet *k, bool drive, unsigned int interval_ms, struct km_err *err)
{
	struct km_reply r = { 0 };
	double until;
	int rc = start(k, drive, interval_ms);

	if (rc)
		return km_knetsock_fail(k, rc, "tracking the VM's pages", err);
	until = km_now_ms() + START_MS;
	while ((rc = state(k, err)) == -EINPROGRESS) {
		if (km_now_ms() > until)
			return km_err_set(err, -ETIMEDOUT,
					  "kmigrate.ko: tracking has not begun within %d s",
					  START_MS / 1000);
		usleep(POLL_US);
	}
	if (!rc && !ask(k, KMIGRATE_CMD_COUNTS_GET, NLM_F_ACK, on_reply, &r))
		k->track_ns = r.elapsed_ns;
	return rc;
}

static const char *state_name(const struct km_knet_state *s)
{
	switch (s->state) {
	case KMIGRATE_TRACK_ON:
		return s->drive ? "driven" : "observed";
	case KMIGRATE_TRACK_GAVE_WAY:
		return "gave-way";
	case KMIGRATE_TRACK_FAILED:
		return "failed";
	default:
		return "off";
	}
}

/* By vCPU and in all: one account of counts and the time they are of. */
static int read_counts(struct km_knet *k, struct km_dirty *d)
{
	struct km_module_facts f = { 0 };
	struct km_reply r = { 0 };
	int rc = km_knet_counts(k, &f, NULL);

	if (!rc)
		rc = ask(k, KMIGRATE_CMD_COUNTS_GET, NLM_F_ACK, on_reply, &r);
	if (rc)
		return rc;
	d->pages = r.pages;
	d->pages_by_none = r.unattributed;
	d->has_pml = r.has_pml;
	d->pml_pages = r.pml_pages;
	d->pml_drains = r.pml_drains;
	d->pml_full = r.pml_full;
	d->seconds = (double)(r.elapsed_ns - k->track_ns) / 1e9;
	d->tracked_s = d->seconds;
	d->pages_per_s = d->seconds > 0 ? (double)d->pages / d->seconds : 0;
	d->vcpus = f.vcpus;
	memcpy(d->pages_by_vcpu, f.dirtied_by_vcpu, sizeof(d->pages_by_vcpu));
	return 0;
}

int km_knet_dirty(struct km_knet *k, struct km_dirty *d, struct km_err *err)
{
	struct track t = { .d = d };
	struct km_reply r = { 0 };
	int rc = ask(k, KMIGRATE_CMD_TRACK_GET, NLM_F_ACK, on_track, &t);

	if (!rc)
		rc = read_counts(k, d);
	if (!rc)
		rc = ask(k, KMIGRATE_CMD_VM_GET, NLM_F_ACK, on_reply, &r);
	if (!rc)
		rc = ask(k, KMIGRATE_CMD_WINDOW_GET, NLM_F_ACK, on_windows, d);
	d->regions = 0;
	if (!rc)
		rc = ask(k, KMIGRATE_CMD_REGION_GET, NLM_F_DUMP, on_region, d);
	if (rc)
		return km_knetsock_fail(k, rc, "reading what was tracked", err);
	snprintf(d->source, sizeof(d->source), "kmigrate.ko");
	snprintf(d->mechanism, sizeof(d->mechanism), "%s", km_knetmsg_mechanism(r.mechanism));
	snprintf(d->state, sizeof(d->state), "%s", state_name(&t.s));
	d->vmm_logs = r.logging == KMIGRATE_LOGGING_VMM;
	return 0;
}
