// SPDX-License-Identifier: GPL-2.0
/* kmigrate trace: where a guest's time goes. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/vms.h"
#include "model.h"
#include "opts.h"
#include "report/report.h"
#include "report/trace.h"
#include "wait.h"
#include "xfer/clock.h"

#define QUESTIONS_MAX 16

struct trace_opts {
	const char *vm;
	unsigned int seconds, pid;
	bool list, json;
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
	{ "json", KM_OPT_FLAG, offsetof(struct trace_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
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
};

static int show(const struct asked *asked, size_t n, double seconds, bool json, struct km_err *err)
{
	json_t *answers = json_array();
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		struct km_trace t = { .question = asked[i].question->name, .seconds = seconds };

		km_question_lacks(asked[i].question, t.lacks, sizeof(t.lacks));
		rc = asked[i].question->read(asked[i].state, &t, err);
		if (!rc && json) {
			json_array_append_new(answers, km_json_trace(&t));
		} else if (!rc) {
			fputs(i ? "\n" : "", stdout);
			km_text_trace(stdout, &t);
		}
		km_trace_free(&t);
	}
	if (!rc && json)
		km_json_print(stdout, json_pack("{s:O}", "answers", answers));
	json_decref(answers);
	return rc;
}

static int trace(pid_t pid, struct asked *asked, size_t n, const struct trace_opts *o,
		 struct km_err *err)
{
	size_t opened = 0;
	int rc = 0, signals = km_wait_signals(err);
	double start_ms;

	if (signals < 0)
		return signals;
	for (; opened < n && !rc; opened += !rc)
		rc = asked[opened].question->open(&asked[opened].state, pid, err);
	if (!rc) {
		start_ms = km_now_ms();
		km_wait(pid, o->seconds * 1000, signals);
		rc = show(asked, n, (km_now_ms() - start_ms) / 1e3, o->json, err);
	}
	while (opened--)
		asked[opened].question->close(asked[opened].state);
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
	pid_t pid;
	int rc = km_opts_parse(cmd, argc, argv, &o, names, QUESTIONS_MAX, &n);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (o.list)
		return list_questions(o.json);
	if (choose(asked, &n, names, &err))
		return fail(&err, KM_EXIT_USAGE);
	if (!o.vm == !o.pid) {
		km_err_set(&err, -EINVAL, "--vm (see kmigrate vms) or --pid: watch whom?");
		return fail(&err, KM_EXIT_USAGE);
	}
	if (find_process(&o, &pid, &err))
		return fail(&err, KM_EXIT_REFUSED);
	rc = trace(pid, asked, n, &o, &err);
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
