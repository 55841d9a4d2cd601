// SPDX-License-Identifier: GPL-2.0
#include "other.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../ctl/ssh.h"

#define SCHEME "ssh://"

const char *km_other_target(const char *where)
{
	return strncmp(where, SCHEME, strlen(SCHEME)) ? NULL : where + strlen(SCHEME);
}

const char *km_other_host(const char *where)
{
	const char *target = km_other_target(where);

	return target ? km_ssh_host(target) : NULL;
}

/* The network is asked for towards us: --peer ssh. */
static char *command(const struct km_guest_record *g)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fputs("kmigrate host --json --peer ssh", f);
	if (g && g->qemu_path[0]) {
		fputs(" --qemu", f);
		km_ssh_quote(f, g->qemu_path);
	}
	for (uint32_t i = 0; g && i < g->ndisks && i < KM_OPT_LIST_MAX; i++) {
		fputs(" --file", f);
		km_ssh_quote(f, g->disk[i].path);
	}
	fclose(f);
	return text;
}

static struct km_host_record *by_ssh(const struct km_other *o, const char *target,
				     struct km_err *err)
{
	struct km_host_record *h = NULL;
	char *words = command(o->guest), *text;
	size_t len;

	if (!words)
		km_err_set(err, -ENOMEM, "out of memory");
	else if (!km_ssh_read(o->ssh, target, words, KM_RECORD_TEXT_MAX, o->timeout_ms, &text, &len,
			      err)) {
		h = km_host_record_parse(text, len, target, err);
		free(text);
	}
	free(words);
	return h;
}

struct km_host_record *km_other_record(const struct km_other *o, const char *where,
				       struct km_err *err)
{
	if (km_other_target(where))
		return by_ssh(o, km_other_target(where), err);
	/* A typing error is more likely than a host that is meant. */
	if (access(where, F_OK)) {
		km_err_set(
			err, -ENOENT,
			"%.200s is no file: take ssh://[USER@]HOST, or a file that `kmigrate host "
			"--json` has written there",
			where);
		return NULL;
	}
	return km_host_record_load(where, err);
}
