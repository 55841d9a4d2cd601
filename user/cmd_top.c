// SPDX-License-Identifier: GPL-2.0
/* kmigrate top: what every guest of this host dirties, live. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/knet.h"
#include "ctl/vms.h"
#include "model.h"
#include "opts.h"
#include "report/dirty.h"
#include "report/screen.h"
#include "wait.h"

struct top_opts {
	unsigned int delay_ms, interval_ms, iterations;
	bool observe, json;
};

static const struct km_opt opts[] = {
	{ "delay", KM_OPT_MS, offsetof(struct top_opts, delay_ms), "TIME", "between refreshes", 100,
	  3600000, NULL, false },
	{ "iterations", KM_OPT_UINT, offsetof(struct top_opts, iterations), "N",
	  "end after so many; 0: at Ctrl-C", 0, 1000000000, NULL, false },
	{ "interval", KM_OPT_MS, offsetof(struct top_opts, interval_ms), "TIME",
	  "look at the dirty logs so often", 10, 60000, NULL, false },
	{ "observe", KM_OPT_FLAG, offsetof(struct top_opts, observe), NULL,
	  "switch no dirty log on: see only what VMMs themselves log", 0, 0, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct top_opts, json), NULL,
	  "print JSON, a line each refresh", 0, 0, NULL, false },
	{ 0 },
};

/* A guest that is on the list; k is NULL if it can't be measured. */
struct guest {
	struct km_knet *k;
	struct km_top_row row;
	struct km_dirty last; /* as read, not the difference that row shows */
	bool seen;
};

struct guests {
	struct guest *g;
	size_t n;
};

static void open_guest(struct guest *g, const struct km_vm *vm, const struct top_opts *o)
{
	struct km_err err = { 0 };
	int rc;

	memcpy(g->row.d.vm_name, vm->name, sizeof(g->row.d.vm_name));
	g->row.d.vm_pid = vm->pid;
	g->row.d.ram_bytes = vm->ram_bytes;
	rc = km_knet_open(&g->k, &err);
	if (!rc)
		rc = km_knet_attach(g->k, vm->pid, &err);
	/* Busy: somebody tracks it already, and we read along. */
	if (!rc && (rc = km_knet_track(g->k, !o->observe, o->interval_ms, &err)) == -EBUSY)
		rc = 0;
	if (!rc)
		rc = km_knet_dirty(g->k, &g->last, &err);
	if (!rc)
		return;
	km_knet_close(g->k);
	g->k = NULL;
	snprintf(g->row.why, sizeof(g->row.why), "%s", err.text);
}

/* What is new since the last look; windows and regions are of now anyway. */
static void read_guest(struct guest *g)
{
	struct km_dirty *d = &g->row.d, now = *d;
	struct km_err err = { 0 };
	double seconds;

	if (!g->k)
		return;
	if (km_knet_dirty(g->k, &now, &err)) {
		snprintf(g->row.why, sizeof(g->row.why), "%s", err.text);
		return;
	}
	seconds = now.tracked_s - g->last.tracked_s;
	*d = now;
	d->seconds = seconds;
	d->pages = now.pages - g->last.pages;
	d->pages_by_none = now.pages_by_none - g->last.pages_by_none;
	for (unsigned int i = 0; i < now.vcpus; i++)
		d->pages_by_vcpu[i] -= g->last.pages_by_vcpu[i];
	d->pages_per_s = seconds > 0 ? (double)d->pages / seconds : 0;
	g->last = now;
}

static struct guest *find(struct guests *all, pid_t pid)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->g[i].row.d.vm_pid == pid)
			return &all->g[i];
	return NULL;
}

static void drop_unseen(struct guests *all)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (all->g[i].seen)
			all->g[kept++] = all->g[i];
		else
			km_knet_close(all->g[i].k);
	}
	all->n = kept;
}

/* Guests come and go. */
static int follow(struct guests *all, const struct top_opts *o, struct km_err *err)
{
	struct km_vm *vms;
	struct guest *more;
	size_t n;
	int rc = km_vms_list(&vms, &n, KM_VMS_PROCESSES, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < all->n; i++)
		all->g[i].seen = false;
	more = realloc(all->g, (all->n + n + 1) * sizeof(*more));
	if (!more) {
		free(vms);
		return km_err_set(err, -ENOMEM, "out of memory");
	}
	all->g = more;
	for (size_t i = 0; i < n; i++) {
		struct guest *g = find(all, vms[i].pid);

		if (!g) {
			g = &all->g[all->n++];
			memset(g, 0, sizeof(*g));
			open_guest(g, &vms[i], o);
		}
		g->seen = true;
	}
	free(vms);
	drop_unseen(all);
	return 0;
}

/* Busiest first, those that can't be measured last. */
static int by_rate(const void *a, const void *b)
{
	const struct km_top_row *x = a, *y = b;

	if (!x->why[0] != !y->why[0])
		return x->why[0] ? 1 : -1;
	if (x->d.pages_per_s != y->d.pages_per_s)
		return x->d.pages_per_s < y->d.pages_per_s ? 1 : -1;
	return x->d.vm_pid < y->d.vm_pid ? -1 : 1;
}

static void show_on_terminal(const struct km_top_row *rows, size_t n)
{
	char *text = NULL;
	size_t length;
	FILE *f = open_memstream(&text, &length);

	if (!f)
		return;
	km_text_top(f, rows, n, km_screen_columns());
	fclose(f);
	km_screen_show(text);
	free(text);
}

static int show(const struct guests *all, const struct top_opts *o, struct km_err *err)
{
	struct km_top_row *rows = calloc(all->n + 1, sizeof(*rows));

	if (!rows)
		return km_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < all->n; i++)
		rows[i] = all->g[i].row;
	qsort(rows, all->n, sizeof(*rows), by_rate);
	if (o->json) {
		json_t *j = km_json_top(rows, all->n);

		json_dumpf(j, stdout, JSON_COMPACT);
		json_decref(j);
		fputc('\n', stdout);
	} else if (isatty(STDOUT_FILENO)) {
		show_on_terminal(rows, all->n);
	} else {
		km_text_top(stdout, rows, all->n, 0);
		fputc('\n', stdout);
	}
	free(rows);
	return fflush(stdout) ? km_err_set(err, -errno, "writing: %s", strerror(errno)) : 0;
}

static int top(const struct top_opts *o, struct km_err *err)
{
	int signals = km_wait_signals(err);
	struct guests all = { 0 };
	int rc = signals < 0 ? signals : follow(&all, o, err);

	if (!rc && !o->json)
		km_screen_begin();
	for (unsigned int i = 0; !rc && (!o->iterations || i < o->iterations); i++) {
		if (km_wait(0, o->delay_ms, signals) == KM_WAIT_SIGNAL)
			break;
		for (size_t g = 0; g < all.n; g++)
			read_guest(&all.g[g]);
		rc = show(&all, o, err);
		if (!rc)
			rc = follow(&all, o, err);
	}
	for (size_t g = 0; g < all.n; g++)
		km_knet_close(all.g[g].k);
	free(all.g);
	if (signals >= 0)
		close(signals);
	return rc;
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct top_opts o = { .delay_ms = 2000, .interval_ms = 1000 };
	struct km_err err = { 0 };
	struct km_knet *k;
	unsigned int npos;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	/* Without the module there is nothing to show. */
	rc = km_knet_open(&k, &err);
	if (!rc) {
		km_knet_close(k);
		rc = top(&o, &err);
	} else {
		rc = KM_EXIT_REFUSED;
	}
	if (rc)
		fprintf(stderr, "kmigrate top: %s\n", err.text);
	return rc < 0 ? KM_EXIT_FAILED : rc;
}

const struct km_cmd km_cmd_top = {
	.name = "top",
	.summary = "show what every guest of this host dirties, live",
	.usage = "",
	.opts = opts,
	.run = run,
};
