// SPDX-License-Identifier: GPL-2.0
/* kmigrate: the table of commands and the way to them. */
#include <stdio.h>
#include <string.h>
#include "model.h"
#include "opts.h"

#ifndef KM_VERSION
#define KM_VERSION "unknown"
#endif

extern const struct km_cmd km_cmd_vms;
extern const struct km_cmd km_cmd_run;
extern const struct km_cmd km_cmd_receive;
extern const struct km_cmd km_cmd_status;
extern const struct km_cmd km_cmd_resolve;
extern const struct km_cmd km_cmd_dirty;
extern const struct km_cmd km_cmd_top;
extern const struct km_cmd km_cmd_trace;
extern const struct km_cmd km_cmd_hold;
extern const struct km_cmd km_cmd_host;
extern const struct km_cmd km_cmd_check;
extern const struct km_cmd km_cmd_baseline;
extern const struct km_cmd km_cmd_plan;

static const struct km_cmd *const commands[] = {
	&km_cmd_vms,	 &km_cmd_host,	&km_cmd_check,	 &km_cmd_baseline,
	&km_cmd_plan,	 &km_cmd_run,	&km_cmd_receive, &km_cmd_status,
	&km_cmd_resolve, &km_cmd_dirty, &km_cmd_top,	 &km_cmd_trace,
	&km_cmd_hold,	 NULL,
};

static const struct km_cmd *find_command(const char *name)
{
	for (const struct km_cmd *const *c = commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

static void print_help(FILE *f)
{
	fprintf(f, "kmigrate moves running KVM guests between Linux hosts.\n\n"
		   "Usage: kmigrate COMMAND [OPTIONS]\n\n");
	for (const struct km_cmd *const *c = commands; *c; c++)
		fprintf(f, "  %-9s %s\n", (*c)->name, (*c)->summary);
	fprintf(f, "  %-9s %s\n  %-9s %s\n", "help", "show this, or the options of a command",
		"version", "show the version");
	fprintf(f, "\n`kmigrate COMMAND --help` shows a command's options.\n");
}

/* `kmigrate complete [COMMAND]`: the words for the shell's completion. */
static int complete(const char *name)
{
	const struct km_cmd *cmd = name ? find_command(name) : NULL;

	if (cmd)
		km_opts_words(cmd);
	for (const struct km_cmd *const *c = commands; !name && *c; c++)
		printf("%s\n", (*c)->name);
	if (!name)
		printf("help\nversion\n");
	return KM_EXIT_OK;
}

static int unknown(const char *name)
{
	fprintf(stderr, "kmigrate: no command '%s' (see kmigrate help)\n", name);
	return KM_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct km_cmd *cmd;

	if (!name) {
		print_help(stderr);
		return KM_EXIT_USAGE;
	}
	if (!strcmp(name, "complete"))
		return complete(argc > 2 ? argv[2] : NULL);
	if (!strcmp(name, "version") || !strcmp(name, "--version")) {
		printf("kmigrate %s\n", KM_VERSION);
		return KM_EXIT_OK;
	}
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h")) {
		cmd = argc > 2 ? find_command(argv[2]) : NULL;
		if (argc > 2 && !cmd)
			return unknown(argv[2]);
		if (cmd)
			km_opts_help(cmd);
		else
			print_help(stdout);
		return KM_EXIT_OK;
	}
	cmd = find_command(name);
	if (!cmd)
		return unknown(name);
	return cmd->run(cmd, argc - 1, argv + 1);
}
