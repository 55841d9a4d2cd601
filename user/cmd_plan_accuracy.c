// SPDX-License-Identifier: GPL-2.0
/* kmigrate plan --accuracy: how true predictions were. */
#include "cmd_plan_accuracy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "report/accuracy.h"
#include "report/report.h"
#include "textfile.h"

#define FILE_MAX (64u << 20) /* bytes; a report has 10 KiB, with all that there can be 100 */

static int complain(const char *where, const char *text, int code)
{
	fprintf(stderr, "kmigrate plan: ");
	km_put_safe(stderr, where);
	fprintf(stderr, ": %s\n", text);
	return code;
}

static int is_json(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && dot != e->d_name && !strcmp(dot, ".json");
}

/* What is no file might keep whoever opens it waiting. */
static int read_file(const char *path, const char *name, struct km_accuracy_moves *m,
		     struct km_err *err)
{
	struct stat st;
	char *text;
	size_t len;
	int rc;

	if (stat(path, &st))
		return km_err_set(err, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return km_err_set(err, -EINVAL, "is not a file");
	rc = km_textfile_read(path, FILE_MAX, &text, &len, err);
	if (!rc)
		rc = km_accuracy_take(m, name, text, len, err);
	free(text);
	return rc;
}

/* A file of which not all could be read is told; returns how many. */
static unsigned int read_files(const char *dir, struct dirent **list, int n,
			       struct km_accuracy_moves *m)
{
	unsigned int bad = 0;

	for (int i = 0; i < n; i++) {
		struct km_err err = { 0 };
		char *path;

		if (asprintf(&path, "%s/%s", dir, list[i]->d_name) < 0) {
			path = NULL;
			km_err_set(&err, -ENOMEM, "out of memory");
		} else {
			read_file(path, list[i]->d_name, m, &err);
		}
		if (err.code) {
			bad++;
			complain(list[i]->d_name, err.text, KM_EXIT_OK);
		}
		free(path);
		free(list[i]);
	}
	free(list);
	return bad;
}

static int report(const struct km_accuracy_moves *m, unsigned int bad_files, bool json)
{
	struct km_accuracy a;

	if (km_accuracy_sum(m, &a)) {
		fprintf(stderr, "kmigrate plan: out of memory\n");
		return KM_EXIT_FAILED;
	}
	if (json)
		km_json_print(stdout, km_json_accuracy(&a, m->others, bad_files));
	else
		km_text_accuracy(stdout, &a, m->others, bad_files);
	return ferror(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
}

int km_cmd_plan_accuracy(const char *dir, bool json)
{
	struct km_accuracy_moves m = { 0 };
	struct dirent **list;
	int rc, n = scandir(dir, &list, is_json, alphasort);
	unsigned int bad;

	if (n < 0)
		return complain(dir, strerror(errno), KM_EXIT_USAGE);
	bad = read_files(dir, list, n, &m);
	rc = m.n ? report(&m, bad, json) :
		   complain(dir,
			    "no *.json there has a report of `kmigrate run --json` with --predict "
			    "or --plan",
			    KM_EXIT_FAILED);
	km_accuracy_free(&m);
	return rc;
}
