/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a source may have this host run: the QEMU, its options, the files and programs that they
 * name.  A source is known by its key or certificate; that it can't have any program run here, or
 * hand any file to a guest, is for the day on which a source is taken over.
 *
 * Rules are lines of a text; # begins a comment.
 *
 *	exe    PATTERN...	which QEMU
 *	option PATTERN...	by name, as -device
 *	file   PATTERN...	that an option names
 *	run    PATTERN...	programs that QEMU starts by itself: script=, downscript=, helper=,
 *				guestfwd=...-cmd:
 *
 * Patterns are those of fnmatch(3), in which * matches slashes, too; one that begins with ! forbids.
 * The last that matches decides, and what none matches is forbidden.  A kind that has a line has no
 * rules but its own; the others have those that are built in: the QEMUs of the system's folders; the
 * options that make up a machine, not those that load code (-plugin), read or write what they are
 * told to (-readconfig, -trace), open a debugger, or hand folders to the guest (-virtfs, which can't
 * be moved); any file but those below /etc, /root, /proc, /sys and kmigrate's own; no program.
 *
 * Forbidden by all: a path with a .. in it, and a folder as a disk (fat:).
 */
#ifndef KM_ALLOW_H
#define KM_ALLOW_H

#include "../model.h"

#define KM_ALLOW_FILE "/etc/kmigrate/allow"

struct km_allow;

/* The rules in a file that nobody but root and who runs this can write. NULL: KM_ALLOW_FILE, and
 * where there is none, those that are built in. */
int km_allow_read(struct km_allow **to, const char *file, struct km_err *err);
/* Pure; `name` is that of the text, for errors. */
int km_allow_parse(struct km_allow **to, const char *text, const char *name, struct km_err *err);
void km_allow_free(struct km_allow *a);

/* A file. 0, or -EACCES. Pure. */
int km_allow_file(const struct km_allow *a, const char *path, struct km_err *err);
/* argv[0] is the QEMU, and NULL ends it. 0, or -EACCES and what is forbidden. Pure. */
int km_allow_judge(const struct km_allow *a, char *const argv[], struct km_err *err);

#endif
