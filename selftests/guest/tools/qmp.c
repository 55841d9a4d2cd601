// SPDX-License-Identifier: GPL-2.0
/* qmp: commands to a QEMU, from scripts. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

static const char usage_text[] =
	"usage: qmp SOCKET [OPTION...] [COMMAND [JSON] [-- COMMAND [JSON]]...]\n"
	"Sends the commands, prints what each returned, one line of JSON each.\n"
	"  --wait-event NAME[:VALUE]    then wait for this event and print its data;\n"
	"                               VALUE: some member of the data must be that\n"
	"  --unless-event NAME[:VALUE]  exit with 1 if this one comes first\n"
	"  --timeout SECONDS            for the event (60)\n"
	"  --wait-for PID               wait until this process answers at SOCKET, or ends\n"
	"Exit status: 0; 1 command failed, or no such event; 2 usage; 3 no QMP there.\n";

struct wish {
	const char *path, *event, *unless;
	double timeout;
	pid_t pid;
};

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

static int run(struct client *c, const char *command, const char *text)
{
	json_t *arguments = NULL, *reply;
	json_error_t why;

	if (text && !(arguments = json_loads(text, 0, &why))) {
		fprintf(stderr, "qmp: %s: arguments: %s\n", command, why.text);
		exit(2);
	}
	reply = client_command(c, command, arguments);
	if (!reply) {
		fprintf(stderr, "qmp: %s\n", c->error);
		return 1;
	}
	json_dumpf(reply, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(reply);
	return 0;
}

static int wait_event(struct client *c, const struct wish *w)
{
	double deadline = client_now() + w->timeout;
	json_t *event;
	int found, bad;

	while ((event = client_event(c, deadline - client_now()))) {
		found = client_event_is(event, w->event);
		bad = w->unless && client_event_is(event, w->unless);
		if (found) {
			json_dumpf(json_object_get(event, "data"), stdout,
				   JSON_COMPACT | JSON_ENCODE_ANY);
			putchar('\n');
		}
		json_decref(event);
		if (found || bad) {
			if (bad)
				fprintf(stderr, "qmp: %s\n", w->unless);
			return bad;
		}
	}
	fprintf(stderr, "qmp: event %s: %s\n", w->event, c->error);
	return 1;
}

/* Options come before the commands, whose words are left at *WORDS. */
static void parse(struct wish *w, char ***words)
{
	char **at = *words;

	if (!*at)
		usage();
	w->path = *at++;
	for (; at[0] && !strncmp(at[0], "--", 2) && at[0][2]; at += 2) {
		if (!at[1])
			usage();
		if (!strcmp(at[0], "--wait-event"))
			w->event = at[1];
		else if (!strcmp(at[0], "--unless-event"))
			w->unless = at[1];
		else if (!strcmp(at[0], "--timeout"))
			w->timeout = atof(at[1]);
		else if (!strcmp(at[0], "--wait-for"))
			w->pid = atoi(at[1]);
		else
			usage();
	}
	if (!*at && !w->event)
		usage();
	*words = at;
}

static int run_all(struct client *c, char **at)
{
	const char *command, *text;

	while (*at) {
		command = *at++;
		text = *at && strcmp(*at, "--") ? *at++ : NULL;
		if (*at && strcmp(*at++, "--"))
			usage();
		if (run(c, command, text))
			return 1;
	}
	return 0;
}

static int connect_to(struct client *c, const struct wish *w)
{
	const struct timespec step = { 0, 50000000 };

	while (client_open(c, w->path)) {
		if (!w->pid || kill(w->pid, 0))
			return -1;
		client_close(c);
		nanosleep(&step, NULL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct wish w = { .timeout = 60 };
	char **words = argv + 1;
	struct client c;
	int status = 3;

	if (argc < 2)
		usage();
	parse(&w, &words);
	if (connect_to(&c, &w)) {
		fprintf(stderr, "qmp: %s: %s\n", w.path, c.error);
	} else {
		status = run_all(&c, words);
		if (!status && w.event)
			status = wait_event(&c, &w);
	}
	client_close(&c);
	return status;
}
