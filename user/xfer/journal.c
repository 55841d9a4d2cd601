// SPDX-License-Identifier: GPL-2.0
#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "keep.h"

#define KEEP_S	  (30 * 24 * 3600)
#define ENTRY_MAX 65536

static const char *const steps[] = { "started", "go", "moved", "stayed", "lost" };

const char *km_step_name(enum km_step s)
{
	return steps[s];
}

bool km_journal_open(const struct km_journal *j)
{
	return j->step == KM_STEP_STARTED || j->step == KM_STEP_GO;
}

bool km_journal_busy(const struct km_journal *j)
{
	char path[64], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", j->owner_pid);
	f = j->owner_pid > 0 ? fopen(path, "re") : NULL;
	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	return !strncmp(name, "kmigrate", 8) && km_journal_open(j);
}

static const char *state_dir(void)
{
	const char *dir = getenv("KMIGRATE_STATE_DIR");

	return dir && *dir ? dir : "/var/lib/kmigrate";
}

static const char *side(bool destination)
{
	return destination ? "destination" : "source";
}

/* An id comes from a peer or from a command line: a plain name, or nothing. */
static bool plain(const char *id)
{
	return *id && strspn(id, "0123456789abcdef") == strlen(id);
}

int km_journal_path(char path[PATH_MAX], const char *id, bool destination, const char *suffix,
		    struct km_err *err)
{
	if (!plain(id))
		return km_err_set(err, -EINVAL, "'%s' is not the id of a move", id);
	if (snprintf(path, PATH_MAX, "%s/%s.%s%s", state_dir(), id, side(destination), suffix) >=
	    PATH_MAX)
		return km_err_set(err, -ENAMETOOLONG, "%s: too long a path", state_dir());
	return 0;
}

/* JSON is UTF-8; a name need not be, and a sentence may have been cut in the middle
 * of a character.  That is no reason to lose the record. */
static json_t *json_text(const char *text)
{
	json_t *o = json_string(text);
	char *plain_text = o ? NULL : strdup(text);

	for (char *p = plain_text; p && *p; p++)
		if ((unsigned char)*p > 0x7e)
			*p = '?';
	if (plain_text)
		o = json_string(plain_text);
	free(plain_text);
	return o;
}

char *km_journal_text(const struct km_journal *j)
{
	json_t *o = json_pack(
		"{s:s,s:s,s:s,s:o,s:o,s:i,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:I}", "id",
		j->id, "side", side(j->destination), "step", km_step_name(j->step), "vm",
		json_text(j->vm_name), "uuid", json_text(j->uuid), "pid", (int)j->vm_pid, "qmp",
		json_text(j->qmp), "was_running", j->was_running, "host", json_text(j->host),
		"port", json_text(j->port), "session", json_text(j->session), "secure",
		json_text(j->secure), "tls_dir", json_text(j->tls_dir), "tls_name",
		json_text(j->tls_name), "note", json_text(j->note), "owner_pid", (int)j->owner_pid,
		"updated_s", (json_int_t)j->updated_s);
	char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;

	json_decref(o);
	return text;
}

/* What is too long ends at a whole character. */
static void copy(char *to, size_t len, const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	size_t n = text ? strlen(text) : 0;

	if (n >= len)
		for (n = len - 1; n && (text[n] & 0xc0) == 0x80;)
			n--;
	if (n)
		memcpy(to, text, n);
	to[n] = '\0';
}

static pid_t pid_of(const json_t *o, const char *key, int *rc)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	if (v < 0 || v > INT_MAX)
		*rc = -EBADMSG;
	return (pid_t)v;
}

int km_journal_parse(struct km_journal *j, const char *text, size_t len)
{
	json_t *o = json_loadb(text, len, 0, NULL);
	char word[32];
	int rc = -EBADMSG;

	memset(j, 0, sizeof(*j));
	copy(j->id, sizeof(j->id), o, "id");
	copy(word, sizeof(word), o, "side");
	j->destination = !strcmp(word, side(true));
	copy(word, sizeof(word), o, "step");
	for (int i = KM_STEP_STARTED; i <= KM_STEP_LOST; i++)
		if (!strcmp(word, steps[i])) {
			j->step = (enum km_step)i;
			rc = 0;
		}
	copy(j->vm_name, sizeof(j->vm_name), o, "vm");
	copy(j->uuid, sizeof(j->uuid), o, "uuid");
	copy(j->qmp, sizeof(j->qmp), o, "qmp");
	copy(j->host, sizeof(j->host), o, "host");
	copy(j->port, sizeof(j->port), o, "port");
	copy(j->session, sizeof(j->session), o, "session");
	copy(j->secure, sizeof(j->secure), o, "secure");
	copy(j->tls_dir, sizeof(j->tls_dir), o, "tls_dir");
	copy(j->tls_name, sizeof(j->tls_name), o, "tls_name");
	copy(j->note, sizeof(j->note), o, "note");
	j->vm_pid = pid_of(o, "pid", &rc);
	j->owner_pid = pid_of(o, "owner_pid", &rc);
	j->was_running = json_is_true(json_object_get(o, "was_running"));
	j->updated_s = json_integer_value(json_object_get(o, "updated_s"));
	json_decref(o);
	return plain(j->id) ? rc : -EBADMSG;
}

static int write_file(const char *path, const char *text, bool to_disk)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc;

	if (fd < 0)
		return -errno;
	/* Not sendmsg(), which km_write_full() uses: this is a file. */
	rc = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -(errno ? errno : ENOSPC);
	if (!rc && to_disk && fdatasync(fd))
		rc = -errno;
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

void km_journal_folder(void)
{
	mkdir(state_dir(), 0700);
}

int km_journal_write(struct km_journal *j, bool to_disk, struct km_err *err)
{
	char path[PATH_MAX], temp[PATH_MAX], *text;
	int rc = km_journal_path(path, j->id, j->destination, "", err);

	if (!rc)
		rc = km_journal_path(temp, j->id, j->destination, ".new", err);
	if (rc)
		return rc;
	j->updated_s = time(NULL);
	j->owner_pid = getpid();
	text = km_journal_text(j);
	if (!text)
		return km_err_set(err, -ENOMEM, "out of memory for the journal");
	km_journal_folder();
	errno = 0;
	rc = write_file(temp, text, to_disk);
	free(text);
	if (!rc && rename(temp, path))
		rc = -errno;
	if (rc) {
		unlink(temp);
		return km_err_set(err, rc, "cannot write the journal %s: %s", path, strerror(-rc));
	}
	if (!j->destination && !km_journal_open(j))
		km_keep_wipe(j);
	return 0;
}

static int read_path(struct km_journal *j, const char *path)
{
	char *text = malloc(ENTRY_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -ENOMEM;
	ssize_t n;

	if (fd < 0)
		rc = -errno;
	if (fd >= 0 && text) {
		n = read(fd, text, ENTRY_MAX);
		rc = n < 0 ? -errno : km_journal_parse(j, text, (size_t)n);
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}

int km_journal_read(struct km_journal *j, const char *id, bool destination, struct km_err *err)
{
	char path[PATH_MAX];
	int rc = km_journal_path(path, id, destination, "", err);

	if (rc)
		return rc;
	rc = read_path(j, path);
	return rc ? km_err_set(err, rc, "cannot read the journal %s: %s", path, strerror(-rc)) : 0;
}

static int by_age(const void *a, const void *b)
{
	const struct km_journal *x = a, *y = b;

	return (x->updated_s > y->updated_s) - (x->updated_s < y->updated_s);
}

/* What is not an entry (a temporary file, somebody's notes) is passed over. */
int km_journal_list(struct km_journal **list, size_t *n, struct km_err *err)
{
	DIR *d = opendir(state_dir());
	struct dirent *e;

	*list = NULL;
	*n = 0;
	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return km_err_set(err, -errno, "cannot read %s: %s", state_dir(), strerror(errno));
	while ((e = readdir(d))) {
		char path[PATH_MAX];
		struct km_journal *more, j;
		const char *dot = strchr(e->d_name, '.');

		if (!dot || (strcmp(dot, ".source") && strcmp(dot, ".destination")))
			continue;
		snprintf(path, sizeof(path), "%s/%s", state_dir(), e->d_name);
		if (read_path(&j, path))
			continue;
		more = realloc(*list, (*n + 1) * sizeof(*more));
		if (!more)
			break;
		*list = more;
		more[(*n)++] = j;
	}
	closedir(d);
	if (*n)
		qsort(*list, *n, sizeof(**list), by_age);
	return 0;
}

static void prune(void)
{
	struct km_journal *list;
	char path[PATH_MAX];
	size_t n;

	if (km_journal_list(&list, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++)
		if (!km_journal_open(&list[i]) && list[i].updated_s + KEEP_S < time(NULL) &&
		    !km_journal_path(path, list[i].id, list[i].destination, "", NULL)) {
			km_keep_wipe(&list[i]);
			unlink(path);
		}
	free(list);
}

void km_journal_new_id(char id[40])
{
	uint64_t rnd = 0;

	prune();
	if (getentropy(&rnd, sizeof(rnd)))
		rnd = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	snprintf(id, 40, "%012llx", (unsigned long long)(rnd & 0xffffffffffffull));
}
