// SPDX-License-Identifier: GPL-2.0
/* kmigrate hold: CPUs at full clock and shallow sleep, for a time or for a command. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ctl/knethold.h"
#include "ctl/vms.h"
#include "holdopts.h"
#include "host/threads.h"
#include "opts.h"
#include "report/hold.h"
#include "report/jsonval.h"
#include "report/report.h"
#include "wait.h"

#define POLL_MS 3600000
#define NO_TIME 0

struct hold_opts {
	const char *cpus, *vm, *automatic;
	struct km_hold_opts hold;
	unsigned int for_ms;
	bool keep_governor, json;
};

static const char *const switches[] = { "on", "off", NULL };

static const struct km_opt opts[] = {
	{ "cpus", KM_OPT_STRING, offsetof(struct hold_opts, cpus), "LIST", "hold these: 0-3,8", 0,
	  0, NULL, false },
	{ "vm", KM_OPT_STRING, offsetof(struct hold_opts, vm), "NAME|PID|QMP-SOCKET",
	  "hold those on which this guest's threads may run", 0, 0, NULL, false },
	{ "for", KM_OPT_MS, offsetof(struct hold_opts, for_ms), "TIME",
	  "end after that; 0: at Ctrl-C", 0, 86400000, NULL, false },
	KM_HOLD_OPTS(struct hold_opts),
	{ "keep-governor", KM_OPT_FLAG, offsetof(struct hold_opts, keep_governor), NULL,
	  "leave the frequency governor alone", 0, 0, NULL, false },
	{ "auto", KM_OPT_CHOICE, offsetof(struct hold_opts, automatic), "on|off",
	  "hold the CPUs of every VMM that logs dirty pages, whoever moves its guest", 0, 0,
	  switches, false },
	{ "json", KM_OPT_FLAG, offsetof(struct hold_opts, json), NULL, "print JSON", 0, 0, NULL,
	  false },
	{ 0 },
};

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "kmigrate hold: %s%s\n", what, value);
	return KM_EXIT_USAGE;
}

/* 0, or an exit code after one line. */
static int parse(const struct hold_opts *o, int ncommand, struct km_hold_ask *ask)
{
	struct km_hold_wish wish;

	if (o->cpus && o->vm)
		return usage("--cpus or --vm, not both", "");
	if (!o->cpus && !o->vm)
		return usage("which CPUs? --cpus LIST or --vm NAME", "");
	if (ncommand && o->for_ms)
		return usage("--for TIME or a command, not both", "");
	if (km_hold_wish_of("hold", &o->hold, &wish))
		return KM_EXIT_USAGE;
	if (o->cpus && (km_cpus_parse(&ask->cpus, o->cpus) || km_cpus_empty(&ask->cpus)))
		return usage("--cpus takes a list of CPU numbers like 0-3,8, not ", o->cpus);
	ask->floor_khz = wish.floor_khz;
	ask->latency_us = wish.latency_us;
	ask->keep_governor = o->keep_governor;
	return 0;
}

static int refuse(const struct km_err *err)
{
	fprintf(stderr, "kmigrate hold: %s\n", err->text);
	return KM_EXIT_REFUSED;
}

static int open_module(struct km_knet **k, struct km_err *err)
{
	int rc = km_knet_open(k, err);

	return rc == -ENOENT ? km_err_set(err, rc, "kmigrate.ko is not loaded: it holds the CPUs") :
			       rc;
}

#define AUTO_HOLD "/sys/module/kmigrate/parameters/auto_hold"

/* Lasts until it is switched off, or the module is removed. */
static int set_auto(const char *to)
{
	struct km_err err = { 0 };
	FILE *f = fopen(AUTO_HOLD, "we");
	bool failed;

	if (!f && errno == ENOENT)
		km_err_set(&err, -ENOENT, "kmigrate.ko is not loaded: it holds the CPUs");
	else if (!f)
		km_err_set(&err, -errno, "%s: %s%s", AUTO_HOLD, strerror(errno),
			   errno == EACCES ? ": needs root" : "");
	if (!f)
		return refuse(&err);
	failed = fputs(!strcmp(to, "on") ? "1" : "0", f) < 0;
	if (fclose(f) || failed) {
		km_err_set(&err, -errno, "%s: %s", AUTO_HOLD, strerror(errno));
		return refuse(&err);
	}
	return KM_EXIT_OK;
}

static int show(bool json)
{
	struct km_err err = { 0 };
	struct km_holds h;
	struct km_knet *k;
	int rc = open_module(&k, &err);

	if (!rc)
		rc = km_knet_holds(k, &h, &err);
	km_knet_close(k);
	if (rc)
		return refuse(&err);
	if (json)
		km_json_print(stdout, km_json_holds(&h));
	else
		km_text_holds(stdout, &h);
	km_holds_free(&h);
	return ferror(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
}

static void say(const struct km_hold_ask *ask, uint32_t id, uint32_t shortfall, bool json)
{
	char cpus[KM_CPUS_TEXT], lack[KM_SHORTFALL_TEXT];

	km_cpus_format(&ask->cpus, cpus);
	if (json) {
		json_t *o = json_object();

		km_j_put(o, "hold", km_j_number(id));
		km_j_put(o, "cpus", km_j_text(cpus));
		km_j_put(o, "shortfall", km_json_shortfall(shortfall));
		km_json_print(stdout, o);
	} else {
		fprintf(stderr, "holding CPUs %s%s%s\n", cpus, shortfall ? ", but " : "",
			km_fmt_shortfall(lack, shortfall));
	}
	fflush(stdout);
}

/* In the child: the signals that its parent waits for are its own again. */
static void start_command(char *const *command)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(command[0], command);
	fprintf(stderr, "kmigrate hold: %s: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* The command's exit status, as a shell tells it. A terminal's Ctrl-C reaches it by itself. */
static int run_command(char *const *command, int signals)
{
	struct signalfd_siginfo info;
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		start_command(command);
	if (pid < 0)
		return KM_EXIT_FAILED;
	while (km_wait(pid, POLL_MS, signals) != KM_WAIT_GONE)
		if (read(signals, &info, sizeof(info)) == sizeof(info) &&
		    (info.ssi_signo == SIGTERM || info.ssi_pid))
			kill(pid, (int)info.ssi_signo);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Until the time is over, somebody has had enough, or the guest is gone. */
static void wait_for_end(pid_t vmm, unsigned int for_ms, int signals)
{
	do {
		if (km_wait(vmm, for_ms ? for_ms : POLL_MS, signals) != KM_WAIT_TIME)
			return;
	} while (for_ms == NO_TIME);
}

static int hold(const struct hold_opts *o, const struct km_hold_ask *ask, pid_t vmm,
		char *const *command)
{
	struct km_err err = { 0 };
	uint32_t id, shortfall;
	struct km_knet *k;
	int code = KM_EXIT_OK, signals, rc = open_module(&k, &err);

	if (rc)
		return refuse(&err);
	signals = km_wait_signals(&err);
	if (signals < 0 || km_knet_hold(k, ask, &id, &shortfall, &err)) {
		km_knet_close(k);
		return refuse(&err);
	}
	say(ask, id, shortfall, o->json);
	if (command)
		code = run_command(command, signals);
	else
		wait_for_end(vmm, o->for_ms, signals);
	if (km_knet_hold_stop(k, id, &err)) {
		fprintf(stderr, "kmigrate hold: %s\n", err.text);
		code = code ? code : KM_EXIT_FAILED;
	}
	km_knet_close(k);
	close(signals);
	return code;
}

static int hold_asked(const struct hold_opts *o, char **command, unsigned int ncommand)
{
	struct km_hold_ask ask = { 0 };
	struct km_err err = { 0 };
	struct km_vm vm = { 0 };
	int code = parse(o, (int)ncommand, &ask);

	if (code)
		return code;
	if (o->vm && km_vms_find(o->vm, &vm, &err))
		return refuse(&err);
	if (o->vm && km_threads_cpus(vm.pid, &ask.cpus, &err))
		return refuse(&err);
	return hold(o, &ask, vm.pid, ncommand ? command : NULL);
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct hold_opts o = { .hold = KM_HOLD_DEFAULTS };
	char **command = calloc((size_t)argc + 1, sizeof(*command));
	unsigned int n = 0;
	int rc, code;

	if (!command)
		return KM_EXIT_FAILED;
	rc = km_opts_parse(cmd, argc, argv, &o, (const char **)command, (unsigned int)argc, &n);
	if (rc)
		code = rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	else if (o.automatic && !o.cpus && !o.vm && !n && !o.for_ms)
		code = set_auto(o.automatic);
	else if (o.automatic)
		code = usage("--auto on or off goes alone", "");
	else if (argc == 1 || (argc == 2 && o.json))
		code = show(o.json);
	else
		code = hold_asked(&o, command, n);
	free(command);
	return code;
}

const struct km_cmd km_cmd_hold = {
	.name = "hold",
	.summary = "hold CPUs at full clock, for a time or a command; alone: show all holds",
	.usage = "[-- COMMAND [ARGUMENT...]]",
	.opts = opts,
	.run = run,
};
