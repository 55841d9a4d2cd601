// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU command line against the rules. Options and their values are told apart as QEMU does it
 * (lookup_opt() in softmmu/vl.c: an option that has a value takes the next argument, whatever it
 * looks like), values are taken apart as QemuOpts (util/qemu-option.c: a comma ends an item, two
 * are one in it) or as JSON.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "allow_priv.h"

struct judging {
	const struct km_allow *a;
	const char *option;
	struct km_err *err;
};

/* Of qemu-options.hx, all that have no value. */
static const char *const bare[] = {
	"-S",
	"-daemonize",
	"-enable-kvm",
	"-no-acpi",
	"-no-hpet",
	"-no-fd-bootchk",
	"-no-reboot",
	"-no-shutdown",
	"-nodefaults",
	"-no-user-config",
	"-nographic",
	"-usb",
	"-mem-prealloc",
	"-only-migratable",
	"-full-screen",
	"-portrait",
	"-win2k-hack",
	"-snapshot",
	"-s",
	"-singlestep",
	"-h",
	"-help",
	"-version",
	"-enable-sync-profile",
	"-xen-attach",
	"-semihosting",
	"-old-param",
	"-async-teardown",
	"-audio-help",
	"-xen-domid-restrict",
};

static bool is_bare(const char *option)
{
	for (size_t i = 0; i < sizeof(bare) / sizeof(*bare); i++)
		if (!strcmp(bare[i], option))
			return true;
	return false;
}

static int forbid(const struct judging *j, const char *what, const char *which)
{
	return km_err_set(
		j->err, -EACCES,
		"the source's QEMU has %s, and the %s %.200s is not allowed here (man kmigrate, "
		"--allow)",
		j->option, what, which);
}

static bool climbs(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/'))
			return true;
	return false;
}

/* As the kernel reads it: no doubled slashes, no /./ */
static char *plain(const char *path)
{
	char *copy = strdup(path), *to = copy;

	for (const char *p = copy; p && *p; p++) {
		if (*p == '/' && to > copy && to[-1] == '/')
			continue;
		if (*p == '.' && (p[1] == '/' || !p[1]) && to > copy && to[-1] == '/')
			continue;
		*to++ = *p;
	}
	if (to)
		*to = '\0';
	return copy;
}

static int judge_path(const struct judging *j, const char *path)
{
	char *p = plain(path);
	int rc = p ? 0 : km_err_set(j->err, -ENOMEM, "out of memory");

	if (!rc && (climbs(p) || !km_allow_has(j->a, KM_ALLOW_PATH, p)))
		rc = forbid(j, "file", path);
	free(p);
	return rc;
}

/* Each path in it: /x, unix:/x, nbd+unix:///?socket=/x. */
static int judge_text(const struct judging *j, const char *text)
{
	int rc = 0;

	for (const char *p = text; !rc && (p = strchr(p, '/')); p++)
		if (p == text || strchr(":=\"", p[-1]))
			rc = judge_path(j, p);
	return rc;
}

/* A key whose value is a program that QEMU starts (net/tap.c, net/slirp.c). */
static int judge_program(const struct judging *j, const char *key, const char *value)
{
	static const char *const keys[] = { "script", "downscript", "helper", "smb" };
	const char *cmd = strstr(value, "cmd:");

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(key, keys[i]) && strcmp(value, "no") && value[0] &&
		    !km_allow_has(j->a, KM_ALLOW_RUN, value))
			return forbid(j, "program", value);
	if (cmd && !strcmp(key, "guestfwd") && !km_allow_has(j->a, KM_ALLOW_RUN, cmd + 4))
		return forbid(j, "program", cmd + 4);
	if (!strncmp(value, "exec:", 5) && !km_allow_has(j->a, KM_ALLOW_RUN, value + 5))
		return forbid(j, "program", value + 5);
	return 0;
}

/* Files by name, relative ones too. */
static bool names_file(const char *key)
{
	static const char *const keys[] = {
		"file",	 "filename", "path",	 "mem-path", "logfile",	 "kernel",     "initrd",
		"dtb",	 "bios",     "pflash",	 "hda",	     "hdb",	 "hdc",	       "hdd",
		"cdrom", "fda",	     "fdb",	 "sd",	     "mtdblock", "option-rom", "romfile",
		"dir",	 "keyfile",  "firmware", "rootfs"
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

static int judge_document(const struct judging *j, const char *text);

static int judge_item(const struct judging *j, const char *key, const char *value)
{
	int rc = judge_program(j, key, value);

	/* block/vvfat.c makes a disk of a folder. */
	if (!rc &&
	    (!strncmp(value, "fat:", 4) || (!strcmp(key, "driver") && !strcmp(value, "vvfat"))))
		return forbid(j, "folder", value);
	/* block.c parse_json_filename() */
	if (!rc && !strncmp(value, "json:", 5))
		return judge_document(j, value + 5);
	if (!rc && names_file(key))
		rc = judge_path(j, value);
	return rc ? rc : judge_text(j, value);
}

static int judge_json(const struct judging *j, const char *key, const json_t *v)
{
	const char *name;
	json_t *of;
	size_t i;
	int rc = 0;

	if (json_is_string(v))
		return judge_item(j, key, json_string_value(v));
	json_object_foreach((json_t *)v, name, of)
		if (!rc)
			rc = judge_json(j, name, of);
	json_array_foreach(v, i, of)
		if (!rc)
			rc = judge_json(j, key, of);
	return rc;
}

static int judge_document(const struct judging *j, const char *text)
{
	json_t *v = json_loads(text, 0, NULL);
	int rc = v ? judge_json(j, "", v) : forbid(j, "value", text);

	json_decref(v);
	return rc;
}

/* The next item, its double commas made single; it ends with a NUL. */
static char *next_item(char **rest)
{
	char *item = *rest, *to = item, *from = item;

	if (!item)
		return NULL;
	for (; *from && (*from != ',' || from[1] == ','); from++) {
		*to++ = *from;
		from += *from == ',';
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return item;
}

static int judge_opts(const struct judging *j, const char *value)
{
	char *copy = strdup(value), *rest = copy, *item;
	bool first = true;
	int rc = copy ? 0 : km_err_set(j->err, -ENOMEM, "out of memory");

	for (; !rc && (item = next_item(&rest)); first = false) {
		char *eq = strchr(item, '=');

		if (eq)
			*eq = '\0';
		/* The first may be a value by itself, of the option's own name: -kernel x. */
		rc = eq	   ? judge_item(j, item, eq + 1) :
		     first ? judge_item(j, j->option + 1, item) :
			     0;
		if (!rc && eq && first) {
			*eq = '=';
			rc = judge_text(j, item);
		}
	}
	free(copy);
	return rc;
}

static int judge_exe(const struct km_allow *a, const char *exe, struct km_err *err)
{
	if (km_allow_has(a, KM_ALLOW_EXE, exe) && !climbs(exe))
		return 0;
	return km_err_set(err, -EACCES,
			  "the source would have %.200s run, which is not allowed here (man "
			  "kmigrate, --allow)",
			  exe);
}

int km_allow_file(const struct km_allow *a, const char *path, struct km_err *err)
{
	const struct judging j = { a, "a disk", err };

	return judge_path(&j, path);
}

int km_allow_judge(const struct km_allow *a, char *const argv[], struct km_err *err)
{
	struct judging j = { a, "a disk", err };
	int rc = judge_exe(a, argv[0], err);

	for (unsigned int i = 1; !rc && argv[i]; i++) {
		const char *arg = argv[i];

		if (arg[0] != '-') { /* QEMU takes it for -hda's */
			j.option = "-hda";
			rc = judge_path(&j, arg);
			continue;
		}
		j.option = arg + (arg[1] == '-');
		if (!km_allow_has(a, KM_ALLOW_OPTION, j.option))
			return km_err_set(
				err, -EACCES,
				"the source's QEMU has %.100s, which is not allowed here (man "
				"kmigrate, --allow)",
				j.option);
		if (!is_bare(j.option) && argv[i + 1])
			rc = argv[++i][0] == '{' ? judge_document(&j, argv[i]) :
						   judge_opts(&j, argv[i]);
	}
	return rc;
}
