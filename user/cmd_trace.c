// SPDX-License-Identifier: GPL-2.0
/* kmigrate trace: where a guest's time goes. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/proc.h"
#include "ctl/vms.h"
#include "model.h"
#include "opts.h"
#include "report/report.h"
#include "report/screen.h"
#include "report/trace.h"
#include "wait.h"
#include "xfer/clock.h"

#define QUESTIONS_MAX 16
#define LIVE_MS	      1000

struct trace_opts {
	const char *vm;
	unsigned int seconds, pid;
	bool list, live, json;
};

static const struct km_opt opts[] = {
	{ "vm", KM_OPT_STRING, offsetof(struct trace_opts, vm), "NAME|PID|QMP-SOCKET",
	  "the guest to watch", 0, 0, NULL, false },
	{ "pid", KM_OPT_UINT, offsetof(struct trace_opts, pid), "PID",
	  "instead: a process, which needs no guest (for net: kmigrate itself)", 1, 1 << 22, NULL,
	  false },
	{ "seconds", KM_OPT_UINT, offsetof(struct trace_opts, seconds), "N",
	  "watch for so long, or until Ctrl-C (default 10)", 1, 86400, NULL, false },
	{ "list", KM_OPT_FLAG, offsetof(struct trace_opts, list), NULL,
	  "show the questions, their probes, and whether they work on this kernel", 0, 0, NULL,
	  false },
	{ "live", KM_OPT_FLAG, offsetof(struct trace_opts, live), NULL,
	  "show what is known so far each second, on a terminal in place", 0, 0, NULL, false },
	{ "json", KM_OPT_FLAG, offsetof(struct trace_opts, json), NULL,
	  "print JSON; with --live a line each second", 0, 0, NULL, false },
	{ 0 },
};

/* Opened for this process, which has no vCPUs, and closed again. */
static int list_questions(bool json)
{
	json_t *all = json_array();

	for (const struct km_question *const *q = km_questions; *q; q++) {
		struct km_err err = { 0 };
		char lacks[256];
		void *state = NULL;

		km_question_lacks(*q, lacks, sizeof(lacks));
		if (!(*q)->open(&state, getpid(), &err))
			(*q)->close(state);
		else /* that says it all */
			lacks[0] = '\0';
		if (json)
			json_array_append_new(
				all, json_pack("{s:s,s:s,s:s,s:b,s:s,s:s}", "name", (*q)->name,
					       "asks", (*q)->asks, "probes", (*q)->probes, "works",
					       !err.code, "lacks", lacks, "why_not", err.text));
		else
			printf("%-10s%s\n          %s\n          %s%s%s\n", (*q)->name, (*q)->asks,
			       (*q)->probes, err.code ? err.text : "works on this kernel",
			       *lacks ? ", which has no " : "", lacks);
	}
	if (json)
		km_json_print(stdout, json_pack("{s:O}", "questions", all));
	json_decref(all);
	return KM_EXIT_OK;
}

static const struct km_question *find_question(const char *name)
{
	for (const struct km_question *const *q = km_questions; *q; q++)
		if (!strcmp((*q)->name, name))
			return *q;
	return NULL;
}

struct asked {
	const struct km_question *question;
	void *state;
	struct km_err err; /* why it couldn't be asked */
};

struct watched {
	pid_t pid;
	struct asked *asked;
	size_t n;
	const struct trace_opts *o;
	bool gone;   /* the process is */
	bool screen; /* answers come in the same place again */
	double start_ms;
};

/* Of a guest that has none there is nothing to say yet. */
static bool no_vcpus(const struct watched *w)
{
	struct km_fds fds;
	bool none;

	if (w->gone || !w->o->vm)
		return false;
	km_fds_read(w->pid, &fds);
	none = fds.readable && fds.kvm_vm && !fds.kvm_vcpus;
	km_fds_free(&fds);
	return none;
}

/* What a question knows until now. */
static int read_answer(const struct watched *w, size_t i, struct km_trace *t, struct km_err *err)
{
	const struct km_question *q = w->asked[i].question;

	*t = (struct km_trace){ .question = q->name,
				.seconds = (km_now_ms() - w->start_ms) / 1e3,
				.gone = w->gone,
				.no_vcpus = no_vcpus(w) };
	km_question_lacks(q, t->lacks, sizeof(t->lacks));
	return q->read(w->asked[i].state, t, err);
}

/* Each answer in turn, to put(). */
static int read_answers(const struct watched *w, void (*put)(void *ctx, const struct km_trace *t),
			void *ctx, struct km_err *err)
{
	struct km_trace t;
	int rc = 0;

	for (size_t i = 0; i < w->n && !rc; i++) {
		if (w->asked[i].err.code)
			continue;
		rc = read_answer(w, i, &t, err);
		if (!rc)
			put(ctx, &t);
		km_trace_free(&t);
	}
	return rc;
}

static void append(void *ctx, const struct km_trace *t)
{
	json_array_append_new(ctx, km_json_trace(t));
}

static int put_json(const struct watched *w, struct km_err *err)
{
	json_t *answers = json_array(), *all = json_pack("{s:o}", "answers", answers);
	int rc = read_answers(w, append, answers, err);

	if (!rc && w->o->live) {
		json_dumpf(all, stdout, JSON_COMPACT);
		fputc('\n', stdout);
	} else if (!rc) {
		km_json_print(stdout, json_incref(all));
	}
	json_decref(all);
	return rc;
}

struct page {
	FILE *f;
	bool begun;
};

static void print(void *ctx, const struct km_trace *t)
{
	struct page *page = ctx;

	fputs(page->begun ? "\n" : "", page->f);
	page->begun = true;
	km_text_trace(page->f, t);
}

static int put_text(FILE *f, const struct watched *w, struct km_err *err)
{
	struct page page = { .f = f };

	return read_answers(w, print, &page, err);
}

static int put_on_screen(const struct watched *w, struct km_err *err)
{
	char *text = NULL;
	size_t length;
	FILE *f = open_memstream(&text, &length);
	int rc;

	if (!f)
		return km_err_set(err, -ENOMEM, "out of memory");
	rc = put_text(f, w, err);
	fclose(f);
	if (!rc)
		km_screen_show(text);
	free(text);
	return rc;
}

static int show(const struct watched *w, struct km_err *err)
{
	int rc;

	if (w->screen)
		rc = put_on_screen(w, err);
	else if (w->o->json)
		rc = put_json(w, err);
	else
		rc = put_text(stdout, w, err);
	if (!rc && w->o->live && !w->o->json && !w->screen)
		fputc('\n', stdout);
	if (!rc && fflush(stdout))
		rc = km_err_set(err, -errno, "writing: %s", strerror(errno));
	return rc;
}

/* Until the time is over, at Ctrl-C, or when the process is gone. */
static int watch(struct watched *w, int signals, struct km_err *err)
{
	double end_ms, left;
	enum km_waited why = KM_WAIT_TIME;
	int rc = 0;

	w->start_ms = km_now_ms();
	end_ms = w->start_ms + w->o->seconds * 1000.;
	while (!rc && why == KM_WAIT_TIME && (left = end_ms - km_now_ms()) > 0) {
		if (w->o->live && left > LIVE_MS)
			left = LIVE_MS;
		why = km_wait(w->pid, (unsigned int)ceil(left), signals);
		w->gone = why == KM_WAIT_GONE;
		if (w->o->live)
			rc = show(w, err);
	}
	return rc || w->o->live ? rc : show(w, err);
}

/* All, or if the user named none, those that this kernel can answer. */
static int open_questions(const struct watched *w, bool named, struct km_err *err)
{
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < w->n && !(rc && named); i++) {
		struct asked *a = &w->asked[i];

		rc = a->question->open(&a->state, w->pid, &a->err);
		any |= !rc;
		if (rc)
			*err = a->err;
	}
	if (rc && (named || !any))
		return rc;
	for (size_t i = 0; i < w->n; i++)
		if (w->asked[i].err.code)
			fprintf(stderr, "kmigrate trace: %s is left out: %s\n",
				w->asked[i].question->name, w->asked[i].err.text);
	return 0;
}

static int trace(pid_t pid, struct asked *asked, size_t n, bool named, const struct trace_opts *o,
		 struct km_err *err)
{
	struct watched w = { .pid = pid, .asked = asked, .n = n, .o = o };
	int rc, signals = km_wait_signals(err);

	if (signals < 0)
		return signals;
	rc = open_questions(&w, named, err);
	w.screen = !rc && o->live && !o->json && km_screen_begin();
	if (!rc)
		rc = watch(&w, signals, err);
	while (n--)
		asked[n].question->close(asked[n].state);
	close(signals);
	return rc;
}

static int fail(const struct km_err *err, int code)
{
	fprintf(stderr, "kmigrate trace: %s\n", err->text);
	return code;
}

/* Those that were named, else all. */
static int choose(struct asked *asked, unsigned int *n, const char **names, struct km_err *err)
{
	for (unsigned int i = 0; i < *n; i++) {
		asked[i].question = find_question(names[i]);
		if (!asked[i].question)
			return km_err_set(err, -EINVAL, "no question '%s' (--list shows them)",
					  names[i]);
	}
	for (bool all = !*n; all && km_questions[*n]; (*n)++)
		asked[*n].question = km_questions[*n];
	return 0;
}

static int find_process(const struct trace_opts *o, pid_t *pid, struct km_err *err)
{
	struct km_vm vm;
	int rc = 0;

	*pid = (pid_t)o->pid;
	if (o->vm && !(rc = km_vms_find(o->vm, &vm, err)))
		*pid = vm.pid;
	if (!o->vm && kill(*pid, 0) && errno == ESRCH)
		rc = km_err_set(err, -ESRCH, "there is no process %d", (int)*pid);
	return rc;
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct trace_opts o = { .seconds = 10 };
	struct asked asked[QUESTIONS_MAX] = { 0 };
	const char *names[QUESTIONS_MAX];
	unsigned int n = 0;
	struct km_err err = { 0 };
	bool named;
	pid_t pid;
	int rc = km_opts_parse(cmd, argc, argv, &o, names, QUESTIONS_MAX, &n);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (o.list)
		return list_questions(o.json);
	named = n;
	if (choose(asked, &n, names, &err))
		return fail(&err, KM_EXIT_USAGE);
	if (!o.vm == !o.pid) {
		km_err_set(&err, -EINVAL, "--vm (see kmigrate vms) or --pid: watch whom?");
		return fail(&err, KM_EXIT_USAGE);
	}
	if (find_process(&o, &pid, &err))
		return fail(&err, KM_EXIT_REFUSED);
	rc = trace(pid, asked, n, named, &o, &err);
	if (rc)
		return fail(&err, rc == -EPERM || rc == -ENOENT ? KM_EXIT_REFUSED : KM_EXIT_FAILED);
	return ferror(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
}

static const char *question_name(size_t i)
{
	return km_questions[i] ? km_questions[i]->name : NULL;
}

const struct km_cmd km_cmd_trace = {
	.name = "trace",
	.summary = "show where a guest's time goes (eBPF)",
	.usage = "[QUESTION...]",
	.opts = opts,
	.word = question_name,
	.run = run,
};
