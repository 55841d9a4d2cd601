// SPDX-License-Identifier: GPL-2.0
#include "plan.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "../ctl/knet.h"
#include "../host/cpuuse.h"
#include "../host/nic.h"

/* Of a link's bits those that carry content: Ethernet, IP, TCP and TLS take the rest. */
#define CONTENT 0.94

/* Who dirties: seldom harvested, since all that counts is how much of it is whose. */
#define HARVEST_MS 1000

/* NULL: it can't be told, and why. */
static struct km_knet *begin_tracking(struct km_plan *p, pid_t vmm)
{
	struct km_err why = { 0 };
	struct km_knet *k;
	int rc = km_knet_open(&k, &why);

	if (!rc)
		rc = km_knet_attach(k, vmm, &why);
	if (!rc)
		rc = km_knet_track(k, true, HARVEST_MS, &why);
	if (!rc)
		return k;
	snprintf(p->why_no_vcpus, sizeof(p->why_no_vcpus), "%s", why.text);
	km_knet_close(k);
	return NULL;
}

static void end_tracking(struct km_plan *p, struct km_knet *k)
{
	struct km_err why = { 0 };

	if (!k)
		return;
	p->vcpus_known = !km_knet_dirty(k, &p->dirty, &why);
	if (!p->vcpus_known)
		snprintf(p->why_no_vcpus, sizeof(p->why_no_vcpus), "%s", why.text);
	km_knet_close(k);
}

int km_plan_look(struct km_plan *p, const struct km_vm *vm, double seconds, int stop_fd,
		 struct km_err *err)
{
	struct km_cpuuse before, after;
	struct km_knet *k;
	int rc;

	if (!vm->qmp[0])
		return km_err_set(err, -ENOTSUP, "guest %.100s (pid %d) has no QMP socket",
				  vm->name, vm->pid);
	snprintf(p->vm, sizeof(p->vm), "%s", vm->name);
	snprintf(p->uuid, sizeof(p->uuid), "%s", vm->uuid);
	p->ram_bytes = vm->ram_bytes;
	p->taken_s = time(NULL);
	k = begin_tracking(p, vm->pid);
	rc = km_cpuuse_read(&before, err);
	if (!rc)
		rc = km_survey(vm, seconds, p->link_bytes_per_s / p->streams, stop_fd, &p->survey,
			       err);
	if (!rc)
		rc = km_cpuuse_read(&after, err);
	end_tracking(p, k);
	if (rc)
		return rc;
	p->cpus = after.cpus;
	p->cpus_free = km_cpuuse_free(&before, &after);
	return 0;
}

static void set_link(struct km_plan *p, double bytes_per_s, const char *by)
{
	p->link_bytes_per_s = bytes_per_s;
	snprintf(p->link_by, sizeof(p->link_by), "%s", by);
}

static int ask_interface(struct km_plan *p, const char *host, struct km_err *err)
{
	char name[IF_NAMESIZE], by[64];
	struct km_nic nic;

	if (km_nic_towards(host, name, err))
		return err->code;
	km_nic_read("/sys", name, &nic);
	if (!nic.bit_per_s)
		return km_err_set(
			err, -EINVAL,
			"interface %s towards %.100s does not say how fast it is: tell it "
			"with --link",
			name, host);
	snprintf(by, sizeof(by), "as interface %s says", name);
	set_link(p, (double)nic.bit_per_s / 8 * CONTENT, by);
	return 0;
}

int km_plan_link(struct km_plan *p, const struct km_plan_link *link, struct km_err *err)
{
	double most = (double)link->bandwidth_bytes_per_s;
	int rc = 0;

	p->same_host = link->same_host || (link->host && km_nic_is_here(link->host));
	if (link->bytes_per_s)
		set_link(p, (double)link->bytes_per_s, "by --link");
	else if (p->link_bytes_per_s > 0)
		set_link(p, p->link_bytes_per_s, "by the plan");
	else if (link->host)
		rc = ask_interface(p, link->host, err);
	else
		rc = km_err_set(err, -EINVAL, "needs --to HOST or --link RATE");
	if (most > 0 && (rc || most < p->link_bytes_per_s)) {
		set_link(p, most, "by --bandwidth");
		rc = 0;
	}
	return rc;
}

/* What is not free is shared: the scheduler gives each thread that wants to run as much, and those
 * of others are at least as many as the CPUs that they take. Of the move's, QEMU's and one a stream
 * are busy when the CPUs set the pace: guests that kept one of two CPUs busy had 0.4 of one then. */
static double cpus_for_move(const struct km_plan *p, unsigned int streams)
{
	double others = fmax(p->cpus - p->cpus_free, 0), ours = 1 + (double)streams;
	double share = p->cpus * ours / (ours + others);

	return p->cpus > 0 && share > p->cpus_free ? share : p->cpus_free;
}

int km_plan_rehearse(struct km_plan *p, const struct km_reh_goal *goal, unsigned int streams,
		     uint64_t delta_bytes, struct km_err *err)
{
	struct km_reh_hosts hosts = { .link_bytes_per_s = p->link_bytes_per_s,
				      .costs = p->survey.costs,
				      .tls = p->tls,
				      .cpus = cpus_for_move(p, streams),
				      .same_host = p->same_host,
				      .streams = streams,
				      .delta_bytes = delta_bytes };
	int rc;

	km_predict_hosts(&hosts);
	p->goal = *goal;
	p->streams = streams;
	rc = km_predict(&p->survey.guest, &hosts, goal, &p->is);
	return rc ? km_err_set(err, rc, "out of memory for a rehearsal") : 0;
}

void km_plan_foretell(const struct km_plan *p, int64_t now_s, struct km_foretold *f)
{
	const struct km_prediction *is = &p->is;

	*f = (struct km_foretold){ .wanted = true,
				   .can_be_moved = is->likely.moved,
				   .rehearsals = is->rehearsals,
				   .moved = is->moved,
				   .cpus = p->cpus_free,
				   .cpus_busy = is->likely.cpus_busy,
				   .same_host = p->same_host,
				   .needed_bytes_per_s = is->needed_bytes_per_s,
				   .max_pause_ms = p->goal.max_pause_ms,
				   .deadline_ms = p->goal.deadline_ms,
				   .link_bytes_per_s = p->link_bytes_per_s,
				   .streams = p->streams,
				   .age_s = now_s > p->taken_s ? (uint64_t)(now_s - p->taken_s) :
								 0 };
	memcpy(f->range, is->range, sizeof(f->range));
	snprintf(f->link_by, sizeof(f->link_by), "%s", p->link_by);
}
