/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a QEMU command line says about its guest.  Pure: argv in, facts out.
 * Follows QEMU's own parsing (softmmu/vl.c lookup_opt, util/qemu-option.c):
 * -foo and --foo are the same, ",," in a value is a comma.
 */
#ifndef KM_CMDLINE_H
#define KM_CMDLINE_H

#include <stddef.h>
#include "../model.h"

#define KM_MONITORS_MAX 8

enum km_monitor_kind {
	KM_MONITOR_PATH,  /* a listening unix socket */
	KM_MONITOR_FD,	  /* a listening socket that the parent passed on (libvirt) */
	KM_MONITOR_OTHER, /* TCP, stdio, abstract sockets, QEMU as the client */
};

struct km_monitor {
	enum km_monitor_kind kind;
	char path[108]; /* as QEMU sees it; sun_path's size (unix(7)) */
	int fd;		/* in the QEMU process */
};

struct km_cmdline {
	char name[KM_NAME_MAX]; /* "" when there is no -name */
	enum km_accel accel;	/* the first that is asked for, else unknown */
	uint64_t ram_bytes;	/* -m, QEMU's default 128 MiB */
	unsigned int vcpus;	/* -smp, default 1 */
	bool incoming;
	bool libvirt;		/* as libvirt starts its guests */
	char vfio[64];		/* the first host device that is passed through, "" = none */
	unsigned int nmonitors; /* of QMP */
	struct km_monitor monitor[KM_MONITORS_MAX];
};

void km_cmdline_parse(char *const *argv, struct km_cmdline *c);

/* Iterates over options; *i starts at 1.  false at the end.  *arg is NULL for an
 * option that takes none, *name NULL for a disk image.  Shared with whoever
 * rewrites a command line. */
bool km_cmdline_next(char *const *argv, size_t *i, const char **name, const char **arg);

/* The next key=value of an option's argument: returns where to go on, NULL at
 * the end.  A first value without key belongs to `implied` (may be NULL); a
 * flag reads "on", and "off" when it starts with no.  A key or value that does
 * not fit comes out empty. */
const char *km_cmdline_pair(const char *p, const char *implied, char *key, size_t key_size,
			    char *value, size_t value_size);

#endif
