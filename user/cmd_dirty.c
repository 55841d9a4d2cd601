// SPDX-License-Identifier: GPL-2.0
/* kmigrate dirty: how fast a guest dirties its memory, and where. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "ctl/dirtyrate.h"
#include "ctl/knet.h"
#include "ctl/vms.h"
#include "model.h"
#include "opts.h"
#include "report/dirty.h"
#include "report/report.h"
#include "wait.h"

struct dirty_opts {
	const char *vm;
	unsigned int seconds;
	unsigned int interval_ms;
	bool observe, json;
};

static const struct km_opt opts[] = {
	{ "vm", KM_OPT_STRING, offsetof(struct dirty_opts, vm), "NAME|PID|QMP-SOCKET",
	  "the guest to measure", 0, 0, NULL, true },
	{ "seconds", KM_OPT_UINT, offsetof(struct dirty_opts, seconds), "N",
	  "measure for so long, or until Ctrl-C", 1, 86400, NULL, false },
	{ "interval", KM_OPT_MS, offsetof(struct dirty_opts, interval_ms), "TIME",
	  "look at the dirty log so often: shorter sees finer, and costs the guest more", 10, 60000,
	  NULL, false },
	{ "observe", KM_OPT_FLAG, offsetof(struct dirty_opts, observe), NULL,
	  "don't switch the dirty log on: see only what the VMM itself logs", 0, 0, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct dirty_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
	{ 0 },
};

/* 1: the module can't serve this guest, and why is in d->why_qemu. */
static int by_module(const struct km_vm *vm, const struct dirty_opts *o, int signals,
		     struct km_dirty *d, struct km_err *err)
{
	struct km_knet *k;
	int rc = km_knet_open(&k, err);

	if (!rc)
		rc = km_knet_attach(k, vm->pid, err);
	/* No module, another one's, or a guest without KVM: QEMU may know. */
	if (rc == -ENOENT || rc == -EPROTO || rc == -ENODEV) {
		km_knet_close(k);
		snprintf(d->why_qemu, sizeof(d->why_qemu), "%s", err->text);
		return 1;
	}
	if (!rc)
		rc = km_knet_track(k, !o->observe, o->interval_ms, err);
	if (!rc) {
		km_wait(vm->pid, o->seconds * 1000, signals);
		rc = km_knet_dirty(k, d, err);
	}
	km_knet_close(k);
	return rc;
}

static int measure(const struct km_vm *vm, const struct dirty_opts *o, struct km_dirty *d,
		   struct km_err *err)
{
	int signals = km_wait_signals(err);
	int rc;

	if (signals < 0)
		return signals;
	memcpy(d->vm_name, vm->name, sizeof(d->vm_name));
	d->vm_pid = vm->pid;
	d->ram_bytes = vm->ram_bytes;
	rc = by_module(vm, o, signals, d, err);
	if (rc == 1 && o->observe)
		rc = err->code;
	else if (rc == 1)
		rc = km_dirtyrate(vm, o->seconds > 60 ? 60 : o->seconds, signals, d, err);
	close(signals);
	return rc;
}

static int exit_code(int rc)
{
	switch (rc) {
	case -ECANCELED:
		return KM_EXIT_CANCELLED;
	case -EPERM:
	case -EACCES:
	case -EBUSY:
	case -ENOENT:
	case -ENODEV:
	case -EPROTO:
	case -EOPNOTSUPP:
		return KM_EXIT_REFUSED;
	default:
		return KM_EXIT_FAILED;
	}
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct dirty_opts o = { .seconds = 10, .interval_ms = 100 };
	struct km_err err = { 0 };
	struct km_dirty d = { 0 };
	unsigned int npos;
	struct km_vm vm;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	rc = km_vms_find(o.vm, &vm, &err);
	if (rc) {
		fprintf(stderr, "kmigrate dirty: %s\n", err.text);
		return KM_EXIT_REFUSED;
	}
	rc = measure(&vm, &o, &d, &err);
	if (rc) {
		if (d.why_qemu[0] && strcmp(d.why_qemu, err.text))
			fprintf(stderr, "kmigrate dirty: %s; %s\n", d.why_qemu, err.text);
		else
			fprintf(stderr, "kmigrate dirty: %s\n", err.text);
		return exit_code(rc);
	}
	if (o.json)
		km_json_print(stdout, km_json_dirty(&d));
	else
		km_text_dirty(stdout, &d);
	return ferror(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
}

const struct km_cmd km_cmd_dirty = {
	.name = "dirty",
	.summary = "measure how fast a guest dirties its memory, and where",
	.usage = "",
	.opts = opts,
	.run = run,
};
