// SPDX-License-Identifier: GPL-2.0
/* The command line of the destination's QEMU: what it is made of, and that it is judged before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "xfer/destqemu.h"

static struct km_destqemu d;
static struct km_opt_list replace, append;
static struct km_err err;

/* argv: words of the source's, the QEMU first. */
static int prepare(const char *rules, const char *words)
{
	struct km_destqemu_wish wish = { .replace = &replace, .append = &append };
	char *text = strdup(words), *save = NULL;
	struct km_allow *a = NULL;
	json_t *argv = json_array();
	int rc;

	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		json_array_append_new(argv, json_string(w));
	if (km_allow_parse(&a, rules, "rules", &err))
		abort();
	km_destqemu_free_args(&d);
	wish.allow = a;
	wish.exe = json_string_value(json_array_get(argv, 0));
	rc = km_destqemu_prepare(&d, argv, &wish, &err);
	km_allow_free(a);
	json_decref(argv);
	free(text);
	return rc;
}

static bool is(const char *words)
{
	char line[512] = "";

	for (size_t i = 0; d.args && d.args[i]; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", d.args[i]);
	if (!strcmp(line + 1, words))
		return true;
	printf("# %s\n", line + 1);
	return false;
}

static void repeated(bool *ok)
{
	replace.v[replace.n++] = "/srv/a=/srv/b";
	CHECK(!prepare("exe /bin/true", "/bin/true -m 1G -S -hda /srv/a/d0 -incoming tcp:0:1 "
					"-pidfile /etc/x --daemonize -smp 2"));
	CHECK(is("/bin/true -m 1G -hda /srv/b/d0 -smp 2 -S -incoming defer"));
	CHECK(!prepare("exe /bin/true", "/bin/true"));
	CHECK(is("/bin/true -S -incoming defer"));
	replace.n = 0;
}

/* Of the source's arguments, as they are to be here; not of ours. */
static void judged(bool *ok)
{
	CHECK(prepare("exe /bin/true", "/bin/true -plugin x") == -EACCES);
	append.v[append.n++] = "-plugin";
	append.v[append.n++] = "x";
	CHECK(!prepare("exe /bin/true", "/bin/true -m 1G"));
	CHECK(is("/bin/true -m 1G -plugin x -S -incoming defer"));
	append.n = 0;
	replace.v[replace.n++] = "/srv/=/etc/";
	CHECK(prepare("exe /bin/true", "/bin/true -hda /srv/passwd") == -EACCES);
	replace.n = 0;
	CHECK(prepare("", "/bin/true -m 1G") == -EACCES);
	CHECK(prepare("exe *", "/no/such/qemu -m 1G") == -ENOENT);
	CHECK(prepare("exe /bin/true", "/no/such/qemu -m 1G") == -EACCES);
	km_destqemu_free_args(&d);
	km_destqemu_free_args(&d);
	CHECK(!d.args);
}

static const struct ktap_case cases[] = {
	{ "destination's QEMU: the source's arguments, and ours", repeated },
	{ "destination's QEMU: judged before it is started", judged },
};

KTAP_MAIN(cases)
