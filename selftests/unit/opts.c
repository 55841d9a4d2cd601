// SPDX-License-Identifier: GPL-2.0
/* Option tables: every kind, its limits, and what is said about mistakes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ktap.h"
#include "opts.h"

struct o {
	bool flag;
	const char *string;
	unsigned int n, ms;
	uint64_t size, rate;
	struct km_opt_share share;
	const char *choice;
	struct km_opt_list list;
};

static const char *const choices[] = { "relay", "qemu", NULL };

static const struct km_opt table[] = {
	{ "flag", KM_OPT_FLAG, offsetof(struct o, flag), NULL, "a flag", 0, 0, NULL, false },
	{ "string", KM_OPT_STRING, offsetof(struct o, string), "TEXT", "a text", 0, 0, NULL, true },
	{ "n", KM_OPT_UINT, offsetof(struct o, n), "N", "a number", 1, 16, NULL, false },
	{ "ms", KM_OPT_MS, offsetof(struct o, ms), "TIME", "a time", 0, 0, NULL, false },
	{ "size", KM_OPT_SIZE, offsetof(struct o, size), "SIZE", "a size", 4096, 0, NULL, false },
	{ "rate", KM_OPT_RATE, offsetof(struct o, rate), "RATE", "a rate", 0, 0, NULL, false },
	{ "share", KM_OPT_SHARE, offsetof(struct o, share), "SHARE", "a share", 0, 0, NULL, false },
	{ "choice", KM_OPT_CHOICE, offsetof(struct o, choice), "WHICH", "a choice", 0, 0, choices,
	  false },
	{ "list", KM_OPT_LIST, offsetof(struct o, list), "X", "a list", 0, 0, NULL, false },
	{ 0 },
};

static const struct km_cmd cmd = { "test", "test options", "[FILE]", table, NULL, NULL };

/* Parses the words of one line; what was said on stderr and stdout comes back in
 * said, which holds 4096. */
static int parse(const char *line, struct o *o, char *said)
{
	const char *pos[2] = { NULL, NULL };
	char copy[4096];
	char *argv[512] = { (char *)"test" };
	unsigned int npos;
	FILE *tmp = tmpfile();
	int argc = 1;
	int out = dup(1);
	int err = dup(2);
	int rc;

	memset(o, 0, sizeof(*o));
	o->n = 4;
	strcpy(copy, line);
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	fflush(stdout);
	dup2(fileno(tmp), 1);
	dup2(fileno(tmp), 2);
	rc = km_opts_parse(&cmd, argc, argv, o, pos, 2, &npos);
	fflush(stdout);
	fflush(stderr);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	rewind(tmp);
	said[fread(said, 1, 4095, tmp)] = '\0';
	fclose(tmp);
	/* argv lives in copy: string values are looked at by their first letter. */
	o->string = o->string && *o->string == 's' ? "s" : o->string ? "?" : NULL;
	return rc ? rc : (int)npos;
}

static void values(bool *ok)
{
	struct o o;
	char said[4096];

	CHECK(parse("--flag --string s --n 16 --ms 50ms --size 64K --rate 200Mbit --choice qemu f",
		    &o, said) == 1);
	CHECK(o.flag && o.string && !strcmp(o.string, "s") && o.n == 16 && o.ms == 50);
	CHECK(o.size == 65536 && o.rate == 25000000 && o.choice == choices[1] && !*said);
	CHECK(parse("--string=s=t --n=1 a --flag -- --b", &o, said) == 2);
	CHECK(o.n == 1 && o.flag);
	CHECK(parse("--string s -- --string --n", &o, said) == 2 && o.n == 4);
	CHECK(parse("--string s --list a --list=b", &o, said) == 0 && o.list.n == 2);
	CHECK(parse("--string s -", &o, said) == 1);
	CHECK(parse("--string --help", &o, said) == 0); /* an option's value is its value */
}

static void units(bool *ok)
{
	static const struct {
		const char *line;
		uint64_t want;
	} good[] = {
		{ "--ms 10s", 10000 },	       { "--ms 1.5s", 1500 },
		{ "--ms 5m", 300000 },	       { "--ms 0", 0 },
		{ "--ms 1h", 3600000 },	       { "--size 4096", 4096 },
		{ "--size 2G", 2147483648 },   { "--size 1.5MiB", 1572864 },
		{ "--rate 5Gbit", 625000000 }, { "--rate 25MB", 25000000 },
		{ "--rate 1MiB", 1048576 },    { "--rate 2.5gbit", 312500000 },
	};
	struct o o;
	char said[4096];
	char line[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "--string s %s", good[i].line);
		CHECK(parse(line, &o, said) == 0);
		CHECK(o.ms + o.size + o.rate == good[i].want);
	}
}

static void shares(bool *ok)
{
	static const struct {
		const char *line;
		uint64_t want;
	} good[] = {
		{ "--share 10%", 400 },	 { "--share 0", 0 },	{ "--share 0%", 0 },
		{ "--share 0.5%", 20 },	 { "--share 2K", 2048 }, { "--share 100%", 4000 },
		{ "--share=77", 77 },
	};
	struct o o;
	char said[4096];
	char line[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "--string s %s", good[i].line);
		CHECK(parse(line, &o, said) == 0);
		CHECK(km_opt_share_of(&o.share, 4000) == good[i].want);
	}
}

static void mistakes(bool *ok)
{
	static const char *const bad[] = {
		"--n 0",	"--n 17",	"--n -1",	     "--n 1x",	      "--n 0x5",
		"--n",		"--n=",		"--ms 50",	     "--ms 1e3s",     "--ms -5s",
		"--ms nans",	"--ms inf",	"--ms 5000000s",     "--ms 1.2.3s",   "--ms s",
		"--size 1K",	"--size 99999999T", "--size 5Q",     "--size .5G",    "--rate 100",
		"--rate 5Gbits", "--choice qemux", "--choice=",	     "--nope",	      "-n 4",
		"--flag=1",	"--list=",	"a b c",	     "--n 4294967297",
		"--n 99999999999999999999999", "--fla",		     "--share 101%",
		"--share 5%%",	"--share -1",	"--share ten", "--",
	};
	struct o o;
	char said[4096];
	char line[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool alone = !strcmp(bad[i], "--"); /* a required option is missing */

		snprintf(line, sizeof(line), "%s%s", alone ? "" : "--string s ", bad[i]);
		if (parse(line, &o, said) != -EINVAL)
			printf("# accepted: %s\n", bad[i]);
		CHECK(parse(line, &o, said) == -EINVAL);
		/* One line that begins with the command's name. */
		CHECK(!strncmp(said, "kmigrate test: ", 15));
		CHECK(strchr(said, '\n') && !strchr(said, '\n')[1]);
	}
	CHECK(parse("--string s --n 17", &o, said) == -EINVAL && strstr(said, "--n takes 1 to 16"));
	CHECK(parse("--string s --choice x", &o, said) == -EINVAL && strstr(said, "relay, qemu"));
	CHECK(parse("--flag", &o, said) == -EINVAL && strstr(said, "--string is required"));
}

static void too_many(bool *ok)
{
	char line[4096] = "--string s";
	struct o o;
	char said[4096];

	for (int i = 0; i < KM_OPT_LIST_MAX; i++)
		strcat(line, " --list x");
	CHECK(parse(line, &o, said) == 0 && o.list.n == KM_OPT_LIST_MAX);
	strcat(line, " --list x");
	CHECK(parse(line, &o, said) == -EINVAL);
}

static void help(bool *ok)
{
	struct o o;
	char said[4096];

	CHECK(parse("--help", &o, said) == 1);
	CHECK(strstr(said, "Usage: kmigrate test [OPTIONS] [FILE]"));
	CHECK(strstr(said, "--string TEXT") && strstr(said, "(required)"));
	CHECK(strstr(said, "a number [4]"));
	CHECK(strstr(said, "one of: relay qemu"));
}

static const struct ktap_case cases[] = {
	{ "values of every kind", values },
	{ "units of times, sizes and rates", units },
	{ "a share is a size or a percentage", shares },
	{ "mistakes are refused in one line", mistakes },
	{ "a list has an end", too_many },
	{ "help comes from the table", help },
};

KTAP_MAIN(cases)
