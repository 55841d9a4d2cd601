// SPDX-License-Identifier: GPL-2.0
#include "mirror.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "qmigrate.h"

#define CLEAN_MS 30000

/* The speed, in bytes a second, of a job for which the guest was stopped: the job's own memory, as
 * it outlives us, and no limit. */
#define STOPPED_FOR_IT 0x4b4d5354004b4d53 /* "KMST" */

/* A piece that is copied as a whole is allocated as a whole: of a raw image a page, as most
 * file systems do, instead of QEMU's 64 KiB. Up to a TiB, of which the bitmap takes 32 MiB.  Of
 * qcow2 QEMU takes its clusters (block.c, bdrv_get_default_bitmap_granularity()). */
#define FINE_BYTES ((uint64_t)1 << 40)

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "";
}

static uint64_t number(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 ? (uint64_t)v : 0;
}

/* What a job that waits because of an error has met: all that QEMU says of it (blockjob.c,
 * block_job_iostatus_set_err()). */
static int iostatus(const json_t *job)
{
	const char *s = text(job, "io-status");

	return !strcmp(s, "nospace") ? ENOSPC : !strcmp(s, "failed") ? EIO : 0;
}

/* QEMU pauses a job now and then, and calls a ready one "standby" meanwhile; "pending" and
 * "waiting" are on the way to "concluded" (qapi/job.json, JobStatus). */
void km_mirror_parse(const json_t *jobs, unsigned int nr, struct km_mirror_job *j)
{
	char name[KM_DISK_NAME_MAX];
	const json_t *job;
	size_t i;

	memset(j, 0, sizeof(*j));
	km_disk_export_name(name, nr);
	json_array_foreach(jobs, i, job) {
		const char *status = text(job, "status");

		if (strcmp(text(job, "device"), name))
			continue;
		j->there = true;
		j->ready = !strcmp(status, "ready") || !strcmp(status, "standby");
		j->concluded = !strcmp(status, "concluded");
		j->done_bytes = number(job, "offset");
		j->total_bytes = number(job, "len");
		snprintf(j->error, sizeof(j->error), "%s",
			 iostatus(job) ? strerror(iostatus(job)) : text(job, "error"));
	}
}

/* The same export, node and job name. detect-zeroes: what is allocated at the source and has
 * zeroes in it does not cross the link, and is a hole there. */
int km_mirror_begin(struct km_qmp *q, unsigned int nr, const struct km_disk *disk, const char *path,
		    struct km_err *err)
{
	char name[KM_DISK_NAME_MAX];
	json_t *job;
	int rc;

	km_disk_export_name(name, nr);
	rc = km_qmp_exec(q, "blockdev-add",
			 json_pack("{s:s,s:s,s:{s:s,s:s},s:s,s:s,s:s}", "driver", "nbd",
				   "node-name", name, "server", "type", "unix", "path", path,
				   "export", name, "discard", "unmap", "detect-zeroes", "unmap"),
			 NULL, KM_QMP_MS, err);
	if (rc)
		return rc;
	/* After an error the job waits, and the guest goes on with its own disk.  What is told by
	 * the job's end must not vanish with it: auto-dismiss. */
	job = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "job-id", name, "device", disk->id,
			"target", name, "sync", "full", "copy-mode", "write-blocking",
			"on-source-error", "stop", "on-target-error", "stop", "auto-dismiss",
			false);
	if (!strcmp(disk->format, "raw") && disk->bytes <= FINE_BYTES)
		json_object_set_new(job, "granularity", json_integer(4096));
	return km_qmp_exec(q, "blockdev-mirror", job, NULL, KM_QMP_MS, err);
}

int km_mirror_query(struct km_qmp *q, json_t **jobs, struct km_err *err)
{
	return km_qmp_exec(q, "query-block-jobs", NULL, jobs, KM_QMP_MS, err);
}

int km_mirror_finish(struct km_qmp *q, unsigned int nr, struct km_err *err)
{
	char name[KM_DISK_NAME_MAX];

	return km_qmp_exec(q, "block-job-cancel",
			   json_pack("{s:s}", "device", km_disk_export_name(name, nr)), NULL,
			   KM_QMP_MS, err);
}

int km_mirror_dismiss(struct km_qmp *q, unsigned int nr, struct km_err *err)
{
	char name[KM_DISK_NAME_MAX];
	int rc;

	km_disk_export_name(name, nr);
	rc = km_qmp_exec(q, "job-dismiss", json_pack("{s:s}", "id", name), NULL, KM_QMP_MS, err);
	if (!rc)
		rc = km_qmp_exec(q, "blockdev-del", json_pack("{s:s}", "node-name", name), NULL,
				 KM_QMP_MS, err);
	return rc;
}

static bool is_our_name(const char *name)
{
	return !strncmp(name, "kmigrate-disk", strlen("kmigrate-disk"));
}

static bool is_ours(const json_t *job)
{
	return is_our_name(text(job, "device"));
}

static bool is_live(const json_t *job)
{
	return strcmp(text(job, "status"), "concluded") != 0;
}

static int set_speed(struct km_qmp *q, const json_t *job, json_int_t speed)
{
	return km_qmp_exec(q, "block-job-set-speed",
			   json_pack("{s:s,s:I}", "device", text(job, "device"), "speed", speed),
			   NULL, KM_QMP_MS, NULL);
}

static bool stop_for(struct km_qmp *q, const json_t *job)
{
	char state[32];

	if (km_qmp_run_state(q, state, NULL))
		return false;
	return strcmp(state, "running") != 0 ||
	       (!set_speed(q, job, STOPPED_FOR_IT) &&
		!km_qmp_exec(q, "stop", NULL, NULL, KM_QMP_MS, NULL));
}

/* All that are live, while the guest stands still.  One that is cancelled begins no further write
 * of the guest's (should_copy_to_target()). */
static bool cancel_all(struct km_qmp *q, const json_t *jobs)
{
	const json_t *job;
	bool all = true;
	size_t i;

	json_array_foreach(jobs, i, job) {
		if (!is_ours(job) || !is_live(job))
			continue;
		if (!stop_for(q, job))
			return false;
		all = !km_qmp_exec(q, "block-job-cancel",
				   json_pack("{s:s,s:b}", "device", text(job, "device"), "force",
					     true),
				   NULL, KM_QMP_MS, NULL) &&
		      all;
	}
	return all;
}

/* Before the job goes that knows that the guest should. */
static bool go_on(struct km_qmp *q, const json_t *jobs)
{
	const json_t *job;
	char state[32];
	size_t i;

	json_array_foreach(jobs, i, job) {
		if (!is_ours(job) || number(job, "speed") != STOPPED_FOR_IT)
			continue;
		if (km_qmp_run_state(q, state, NULL) ||
		    (!strcmp(state, "paused") &&
		     km_qmp_exec(q, "cont", NULL, NULL, KM_QMP_MS, NULL)))
			return false;
		set_speed(q, job, 0);
	}
	return true;
}

static void dismiss_all(struct km_qmp *q, const json_t *jobs)
{
	const json_t *job;
	size_t i;

	json_array_foreach(jobs, i, job)
		if (is_ours(job) && !is_live(job))
			km_qmp_exec(q, "job-dismiss", json_pack("{s:s}", "id", text(job, "device")),
				    NULL, KM_QMP_MS, NULL);
}

/* One turn; false: something is left. */
static bool clean_jobs(struct km_qmp *q, bool *cancelled)
{
	json_t *jobs = NULL, *job;
	bool clean = true, live = false;
	size_t i;

	if (km_mirror_query(q, &jobs, NULL))
		return false;
	json_array_foreach(jobs, i, job) {
		clean = clean && !is_ours(job);
		live = live || (is_ours(job) && is_live(job));
	}
	if (live && !*cancelled) {
		*cancelled = cancel_all(q, jobs);
		json_decref(jobs);
		jobs = NULL;
		if (km_mirror_query(q, &jobs, NULL))
			return false;
	}
	if (go_on(q, jobs))
		dismiss_all(q, jobs);
	json_decref(jobs);
	return clean;
}

static bool clean_nodes(struct km_qmp *q)
{
	json_t *nodes = NULL, *node;
	bool clean = true;
	size_t i;

	if (km_qmp_exec(q, "query-named-block-nodes", json_pack("{s:b}", "flat", true), &nodes,
			KM_QMP_MS, NULL))
		return false;
	json_array_foreach(nodes, i, node) {
		const char *name = text(node, "node-name");

		if (is_our_name(name) &&
		    km_qmp_exec(q, "blockdev-del", json_pack("{s:s}", "node-name", name), NULL,
				KM_QMP_MS, NULL))
			clean = false;
	}
	json_decref(nodes);
	return clean;
}

bool km_mirror_clean(struct km_qmp *q)
{
	bool cancelled = false;

	for (int ms = 0; ms < CLEAN_MS; ms += 20) {
		if (clean_jobs(q, &cancelled) && clean_nodes(q))
			return true;
		usleep(20000);
	}
	return false;
}
