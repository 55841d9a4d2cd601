// SPDX-License-Identifier: GPL-2.0
/* Rules: how they are read, and which of them decides. What they decide about is allow_judge.c. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "allow_priv.h"

#define FILE_MAX 65536

static const char *const words[KM_ALLOW_KINDS] = { "exe", "option", "file", "run" };

static const char built_in[] =
	"exe /usr/bin/qemu-system-* /usr/local/bin/qemu-system-* /usr/libexec/qemu-kvm "
	"/usr/libexec/qemu-system-*\n"
	"option -M -machine -cpu -smp -m -accel -enable-kvm -name -uuid -rtc -boot -bios -pflash\n"
	"option -drive -blockdev -device -netdev -nic -net -chardev -object -numa -global -msg\n"
	"option -display -vga -vnc -spice -serial -parallel -monitor -mon -qmp -qmp-pretty -debugcon\n"
	"option -overcommit -sandbox -runas -audiodev -audio -smbios -fw_cfg -kernel -initrd -append\n"
	"option -dtb -hda -hdb -hdc -hdd -cdrom -fda -fdb -sd -mtdblock -action -watchdog\n"
	"option -watchdog-action -k -tpmdev -acpitable -icount -seed -compat -option-rom -prom-env\n"
	"option -mem-path -mem-prealloc -no-acpi -no-fd-bootchk -no-hpet -no-reboot -no-shutdown\n"
	"option -no-user-config -nodefaults -nographic -usb -usbdevice -only-migratable\n"
	"option -full-screen -portrait -win2k-hack\n"
	"file * !/etc !/etc/* !/root !/root/* !/proc !/proc/* !/sys !/sys/* !/var/lib/kmigrate/*\n"
	"run !*\n";

void km_allow_free(struct km_allow *a)
{
	if (!a)
		return;
	for (unsigned int i = 0; i < a->n; i++)
		free(a->rule[i].pattern);
	free(a->rule);
	free(a);
}

static int add(struct km_allow *a, enum km_allow_kind kind, const char *pattern)
{
	bool forbids = *pattern == '!';
	struct km_allow_rule *more = realloc(a->rule, (a->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	a->rule = more;
	more[a->n] = (struct km_allow_rule){ kind, forbids, strdup(pattern + forbids) };
	return more[a->n].pattern ? (a->n++, 0) : -ENOMEM;
}

static int kind_of(const char *word)
{
	for (int k = 0; k < KM_ALLOW_KINDS; k++)
		if (!strcmp(words[k], word))
			return k;
	return -1;
}

static int parse_line(struct km_allow *a, char *line, bool said[KM_ALLOW_KINDS], const char *name,
		      unsigned int nr, struct km_err *err)
{
	char *save = NULL, *word;
	int kind, rc = 0;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, " \t\r", &save);
	if (!word)
		return 0;
	kind = kind_of(word);
	if (kind < 0)
		return km_err_set(err, -EINVAL,
				  "%s line %u: begins with exe, option, file or run, not \"%.40s\"",
				  name, nr, word);
	said[kind] = true;
	while (!rc && (word = strtok_r(NULL, " \t\r", &save)))
		rc = add(a, (enum km_allow_kind)kind, word);
	return rc ? km_err_set(err, rc, "out of memory") : 0;
}

static int parse(struct km_allow *a, const char *text, bool said[KM_ALLOW_KINDS], const char *name,
		 struct km_err *err)
{
	char *copy = strdup(text), *rest = copy, *line;
	int rc = copy ? 0 : km_err_set(err, -ENOMEM, "out of memory");

	for (unsigned int nr = 1; !rc && (line = strsep(&rest, "\n")); nr++)
		rc = parse_line(a, line, said, name, nr, err);
	free(copy);
	return rc;
}

/* Those of a kind that the text has said nothing of. */
static int fill_in(struct km_allow *a, const bool said[KM_ALLOW_KINDS], struct km_err *err)
{
	struct km_allow all = { 0 };
	bool unused[KM_ALLOW_KINDS];
	int rc = parse(&all, built_in, unused, "", err);

	for (unsigned int i = 0; !rc && i < all.n; i++) {
		const struct km_allow_rule *r = &all.rule[i];
		char pattern[128];

		snprintf(pattern, sizeof(pattern), "%s%s", r->forbids ? "!" : "", r->pattern);
		if (!said[r->kind])
			rc = add(a, r->kind, pattern);
	}
	for (unsigned int i = 0; i < all.n; i++)
		free(all.rule[i].pattern);
	free(all.rule);
	return rc && !err->code ? km_err_set(err, rc, "out of memory") : rc;
}

int km_allow_parse(struct km_allow **to, const char *text, const char *name, struct km_err *err)
{
	struct km_allow *a = calloc(1, sizeof(*a));
	bool said[KM_ALLOW_KINDS] = { false };
	int rc = a ? parse(a, text, said, name, err) : km_err_set(err, -ENOMEM, "out of memory");

	if (!rc)
		rc = fill_in(a, said, err);
	if (rc) {
		km_allow_free(a);
		return rc;
	}
	*to = a;
	return 0;
}

static int read_text(int fd, char text[FILE_MAX], const char *file, struct km_err *err)
{
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fstat(fd, &st))
		return km_err_set(err, -errno, "%s: %s", file, strerror(errno));
	if ((st.st_uid && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		return km_err_set(err, -EPERM,
				  "%s can be written by others: chown root and chmod go-w", file);
	while ((n = read(fd, text + len, FILE_MAX - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		return km_err_set(err, -errno, "%s: %s", file, strerror(errno));
	if (len == FILE_MAX || memchr(text, 0, len))
		return km_err_set(err, -EINVAL, "%s is no text of less than 64 KiB", file);
	text[len] = '\0';
	return 0;
}

int km_allow_read(struct km_allow **to, const char *file, struct km_err *err)
{
	const char *name = file ? file : KM_ALLOW_FILE;
	int fd = open(name, O_RDONLY | O_CLOEXEC), rc;
	char *text;

	if (fd < 0 && errno == ENOENT && !file)
		return km_allow_parse(to, "", name, err);
	if (fd < 0)
		return km_err_set(err, -errno, "%s: %s", name, strerror(errno));
	text = malloc(FILE_MAX);
	rc = text ? read_text(fd, text, name, err) : km_err_set(err, -ENOMEM, "out of memory");
	if (!rc)
		rc = km_allow_parse(to, text, name, err);
	free(text);
	close(fd);
	return rc;
}

bool km_allow_has(const struct km_allow *a, enum km_allow_kind kind, const char *text)
{
	for (unsigned int i = a->n; i--;)
		if (a->rule[i].kind == kind && !fnmatch(a->rule[i].pattern, text, 0))
			return !a->rule[i].forbids;
	return false;
}
