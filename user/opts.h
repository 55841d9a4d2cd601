/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Typed option tables: one table gives parsing, defaults, range checks, --help
 * and the shell completion of a subcommand.
 */
#ifndef KM_OPTS_H
#define KM_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum km_opt_kind {
	KM_OPT_FLAG,   /* bool */
	KM_OPT_STRING, /* const char * into argv */
	KM_OPT_UINT,   /* unsigned int, decimal, min..max */
	KM_OPT_MS,     /* unsigned int milliseconds: 50ms, 10s, 5m, 1h, 0 */
	KM_OPT_SIZE,   /* uint64_t bytes: 4096, 64K, 1M, 2G; K is 1024 */
	KM_OPT_RATE,   /* uint64_t bytes per second: 200Mbit, 5Gbit, 25MB, 25MiB */
	KM_OPT_SHARE,  /* struct km_opt_share: a size, or 0% to 100% */
	KM_OPT_CHOICE, /* const char *, one of choices[] */
	KM_OPT_LIST,   /* struct km_opt_list: may be repeated */
};

struct km_opt_share {
	uint64_t bytes; /* 0 when it was given in percent */
	double percent;
};

#define KM_OPT_LIST_MAX 32
struct km_opt_list {
	unsigned int n;
	const char *v[KM_OPT_LIST_MAX];
};

struct km_opt {
	const char *name; /* long name without -- */
	enum km_opt_kind kind;
	size_t offset;		    /* into the options structure */
	const char *arg;	    /* what --help calls the argument */
	const char *help;	    /* one line */
	uint64_t min, max;	    /* UINT, MS, SIZE, RATE; max 0 = no bound */
	const char *const *choices; /* CHOICE, NULL-terminated */
	bool required;
};

/* In bytes. */
uint64_t km_opt_share_of(const struct km_opt_share *s, uint64_t all_bytes);

struct km_cmd {
	const char *name;
	const char *summary;	   /* one line for `kmigrate help` */
	const char *usage;	   /* positional arguments, "" when none */
	const struct km_opt *opts; /* terminated by a NULL name */
	/* The words that positional arguments can be, by number, NULL after the last; NULL
	 * where they can be anything. */
	const char *(*word)(size_t i);
	/* argv[0] is the command's name; returns enum km_exit. */
	int (*run)(const struct km_cmd *cmd, int argc, char **argv);
};

#define KM_OPTS_MAX 64 /* options of one command */

/*
 * Fills *out (already holding the defaults, which --help shows) from argv[1] on.
 * Takes --name VALUE and --name=VALUE.  Everything after "--" or not starting
 * with - is positional: *npos and pos[] get it (at most max_pos).  Returns 0, 1
 * when --help was printed, or -EINVAL after one line on stderr that names the
 * option and what it takes.
 */
int km_opts_parse(const struct km_cmd *cmd, int argc, char **argv, void *out, const char **pos,
		  unsigned int max_pos, unsigned int *npos);
void km_opts_help(const struct km_cmd *cmd);
/* The words that can follow the command, one a line, for the shell's completion:
 * what its arguments can be, each option, with a = when it takes a value, and for a CHOICE
 * --name=value. */
void km_opts_words(const struct km_cmd *cmd);

#endif
