// SPDX-License-Identifier: GPL-2.0
#include "opts.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	double factor;
};

/* Longest first where one begins with another; "" is a number without unit. */
static const struct unit ms_units[] = {
	{ "ms", 1 }, { "s", 1e3 }, { "m", 6e4 }, { "h", 36e5 }, { 0 }
};
static const struct unit size_units[] = {
	{ "", 1 },
	{ "b", 1 },
	{ "k", 1024. },
	{ "kib", 1024. },
	{ "m", 1048576. },
	{ "mib", 1048576. },
	{ "g", 1073741824. },
	{ "gib", 1073741824. },
	{ "t", 1099511627776. },
	{ "tib", 1099511627776. },
	{ 0 },
};
static const struct unit percent_units[] = { { "%", 1e6 }, { 0 } };
static const struct unit rate_units[] = {
	{ "bit", 1 / 8. }, { "kbit", 1e3 / 8 }, { "mbit", 1e6 / 8 },	{ "gbit", 1e9 / 8 },
	{ "b", 1 },	   { "kb", 1e3 },	{ "mb", 1e6 },		{ "gb", 1e9 },
	{ "kib", 1024. },  { "mib", 1048576. }, { "gib", 1073741824. }, { 0 },
};

static int __attribute__((format(printf, 2, 3)))
complain(const struct km_cmd *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "kmigrate %s: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (see kmigrate %s --help)\n", cmd->name);
	return -EINVAL;
}

/* A decimal number (no sign, exponent, hex, inf or nan: strtod takes them all),
 * then a unit. */
static bool parse_scaled(const char *s, const struct unit *units, uint64_t *v)
{
	size_t len = strspn(s, "0123456789.");
	char number[32];
	char *end;
	double d;

	if (!len || len >= sizeof(number) || !isdigit((unsigned char)*s))
		return false;
	memcpy(number, s, len);
	number[len] = '\0';
	d = strtod(number, &end);
	if (*end)
		return false;
	s += len;
	if (!*s && d <= 0 && d >= 0) {
		*v = 0; /* nothing needs no unit */
		return true;
	}
	for (; units->name; units++) {
		if (strcasecmp(s, units->name))
			continue;
		d *= units->factor;
		if (d >= 18e18)
			return false;
		*v = (uint64_t)(d + 0.5);
		return true;
	}
	return false;
}

static bool parse_uint(const char *s, uint64_t *v)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*v = strtoull(s, &end, 10);
	return !*end && !errno;
}

static const char *what_it_takes(const struct km_opt *o)
{
	switch (o->kind) {
	case KM_OPT_UINT:
		return "a number";
	case KM_OPT_MS:
		return "a time such as 50ms, 10s or 5m";
	case KM_OPT_SIZE:
		return "a size such as 4096, 64K, 1M or 2G";
	case KM_OPT_SHARE:
		return "a size such as 512M, or a share up to 100%, such as 10%";
	case KM_OPT_RATE:
		return "a rate such as 200Mbit, 5Gbit or 25MB";
	default:
		return "a value";
	}
}

static void format_number(const struct km_opt *o, uint64_t v, char *buf, size_t size)
{
	static const char suffix[] = " KMGT";
	size_t i = 0;

	switch (o->kind) {
	case KM_OPT_MS:
		snprintf(buf, size, "%" PRIu64 "%s", v && v % 1000 == 0 ? v / 1000 : v,
			 v && v % 1000 == 0 ? "s" : "ms");
		break;
	case KM_OPT_SIZE:
		for (; v && v % 1024 == 0 && suffix[i + 1]; v /= 1024)
			i++;
		snprintf(buf, size, i ? "%" PRIu64 "%c" : "%" PRIu64, v, suffix[i]);
		break;
	case KM_OPT_RATE:
		for (v = v > UINT64_MAX / 8 ? UINT64_MAX : v * 8; v && v % 1000 == 0 && i < 3;
		     v /= 1000)
			i++;
		snprintf(buf, size, i ? "%" PRIu64 "%cbit" : "%" PRIu64 "bit", v, suffix[i]);
		break;
	default:
		snprintf(buf, size, "%" PRIu64, v);
	}
}

static int set_number(const struct km_cmd *cmd, const struct km_opt *o, const char *value,
		      void *field)
{
	bool is_uint = o->kind == KM_OPT_UINT || o->kind == KM_OPT_MS;
	uint64_t max = o->max ? o->max : is_uint ? UINT_MAX : UINT64_MAX;
	char lo[32];
	char hi[32];
	uint64_t v;
	bool ok;

	if (o->kind == KM_OPT_UINT)
		ok = parse_uint(value, &v);
	else
		ok = parse_scaled(value,
				  o->kind == KM_OPT_MS	 ? ms_units :
				  o->kind == KM_OPT_SIZE ? size_units :
							   rate_units,
				  &v);
	if (!ok)
		return complain(cmd, "--%s takes %s, not '%s'", o->name, what_it_takes(o), value);
	if (v < o->min || v > max) {
		format_number(o, o->min, lo, sizeof(lo));
		format_number(o, max, hi, sizeof(hi));
		if (!o->max && v < o->min)
			return complain(cmd, "--%s takes at least %s, not %s", o->name, lo, value);
		return complain(cmd, "--%s takes %s to %s, not %s", o->name, lo, hi, value);
	}
	if (is_uint)
		*(unsigned int *)field = (unsigned int)v;
	else
		*(uint64_t *)field = v;
	return 0;
}

static int set_choice(const struct km_cmd *cmd, const struct km_opt *o, const char *value,
		      const char **field)
{
	char list[256] = "";

	for (const char *const *c = o->choices; *c; c++) {
		if (!strcmp(*c, value)) {
			*field = *c;
			return 0;
		}
		strncat(list, list[0] ? ", " : "", sizeof(list) - strlen(list) - 1);
		strncat(list, *c, sizeof(list) - strlen(list) - 1);
	}
	return complain(cmd, "--%s takes one of %s, not '%s'", o->name, list, value);
}

static int set_share(const struct km_cmd *cmd, const struct km_opt *o, const char *value,
		     struct km_opt_share *share)
{
	uint64_t percent = 0, bytes = 0;

	/* 0 needs no unit and is one as well as the other. */
	if (!parse_scaled(value, percent_units, &percent) &&
	    !parse_scaled(value, size_units, &bytes))
		return complain(cmd, "--%s takes %s, not '%s'", o->name, what_it_takes(o), value);
	if (percent > 100000000)
		return complain(cmd, "--%s takes %s, not %s", o->name, what_it_takes(o), value);
	*share = (struct km_opt_share){ .bytes = bytes, .percent = (double)percent / 1e6 };
	return 0;
}

uint64_t km_opt_share_of(const struct km_opt_share *s, uint64_t all_bytes)
{
	return s->percent > 0 ? (uint64_t)((double)all_bytes * s->percent / 100) : s->bytes;
}

static int set(const struct km_cmd *cmd, const struct km_opt *o, const char *value, void *out)
{
	void *field = (char *)out + o->offset;
	struct km_opt_list *list;

	switch (o->kind) {
	case KM_OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case KM_OPT_STRING:
		*(const char **)field = value;
		return 0;
	case KM_OPT_CHOICE:
		return set_choice(cmd, o, value, field);
	case KM_OPT_SHARE:
		return set_share(cmd, o, value, field);
	case KM_OPT_LIST:
		list = field;
		if (list->n == KM_OPT_LIST_MAX)
			return complain(cmd, "--%s may be given %d times at most", o->name,
					KM_OPT_LIST_MAX);
		list->v[list->n++] = value;
		return 0;
	default:
		return set_number(cmd, o, value, field);
	}
}

static const struct km_opt *find(const struct km_cmd *cmd, const char *name, size_t len)
{
	for (const struct km_opt *o = cmd->opts; o && o->name && o - cmd->opts < KM_OPTS_MAX; o++)
		if (strlen(o->name) == len && !memcmp(o->name, name, len))
			return o;
	return NULL;
}

/* The default of an option as --help shows it, "" for none. */
static void format_default(const struct km_opt *o, const void *defaults, char *buf, size_t size)
{
	const void *field = defaults ? (const char *)defaults + o->offset : NULL;
	char text[64] = "";
	uint64_t v = 0;

	buf[0] = '\0';
	if (!field || o->kind == KM_OPT_FLAG || o->kind == KM_OPT_LIST || o->kind == KM_OPT_SHARE)
		return;
	if (strstr(o->help, "(default"))
		return; /* said in words */
	if (o->kind == KM_OPT_STRING || o->kind == KM_OPT_CHOICE) {
		if (*(const char *const *)field)
			snprintf(buf, size, " [%s]", *(const char *const *)field);
		return;
	}
	if (o->kind == KM_OPT_UINT || o->kind == KM_OPT_MS)
		v = *(const unsigned int *)field;
	else
		v = *(const uint64_t *)field;
	if (!v)
		return; /* 0 stands for "no bound" or "by itself": the help line says it */
	format_number(o, v, text, sizeof(text));
	snprintf(buf, size, " [%s]", text);
}

static void print_help(const struct km_cmd *cmd, const void *defaults)
{
	printf("Usage: kmigrate %s%s%s%s\n\nkmigrate %s: %s.\n", cmd->name,
	       cmd->opts && cmd->opts[0].name ? " [OPTIONS]" : "", *cmd->usage ? " " : "",
	       cmd->usage, cmd->name, cmd->summary);
	printf("\nOptions:\n");
	for (const struct km_opt *o = cmd->opts; o && o->name; o++) {
		char head[64];
		char def[128];

		snprintf(head, sizeof(head), "--%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		format_default(o, defaults, def, sizeof(def));
		printf("  %-26s %s%s%s\n", head, o->help, def, o->required ? " (required)" : "");
		if (o->kind != KM_OPT_CHOICE)
			continue;
		printf("  %-26s one of:", "");
		for (const char *const *c = o->choices; *c; c++)
			printf(" %s", *c);
		printf("\n");
	}
	printf("  %-26s %s\n", "--help", "show this");
}

void km_opts_help(const struct km_cmd *cmd)
{
	print_help(cmd, NULL);
}

void km_opts_words(const struct km_cmd *cmd)
{
	for (size_t i = 0; cmd->word && cmd->word(i); i++)
		printf("%s\n", cmd->word(i));
	for (const struct km_opt *o = cmd->opts; o && o->name; o++) {
		if (o->kind != KM_OPT_CHOICE)
			printf("--%s%s\n", o->name, o->kind == KM_OPT_FLAG ? "" : "=");
		for (const char *const *c = o->kind == KM_OPT_CHOICE ? o->choices : NULL; c && *c;
		     c++)
			printf("--%s=%s\n", o->name, *c);
	}
	printf("--help\n");
}

/* One --option at argv[*i]; moves *i to the last word it took. */
static int parse_option(const struct km_cmd *cmd, int argc, char **argv, int *i, void *out,
			bool seen[])
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const struct km_opt *o = find(cmd, name, len);
	const char *value = name[len] ? name + len + 1 : NULL;

	if (!o || argv[*i][1] != '-')
		return complain(cmd, "no option %s", argv[*i]);
	if (o->kind == KM_OPT_FLAG && value)
		return complain(cmd, "--%s takes no value", o->name);
	if (o->kind != KM_OPT_FLAG && !value) {
		if (*i + 1 >= argc)
			return complain(cmd, "--%s needs %s", o->name, what_it_takes(o));
		value = argv[++*i];
	}
	if (o->kind != KM_OPT_FLAG && !*value)
		return complain(cmd, "--%s needs %s", o->name, what_it_takes(o));
	seen[o - cmd->opts] = true;
	return set(cmd, o, value, out);
}

int km_opts_parse(const struct km_cmd *cmd, int argc, char **argv, void *out, const char **pos,
		  unsigned int max_pos, unsigned int *npos)
{
	bool seen[KM_OPTS_MAX] = { false };
	bool only_pos = false;
	int rc = 0;

	*npos = 0;
	for (int i = 1; i < argc && !rc; i++) {
		if (!only_pos && !strcmp(argv[i], "--"))
			only_pos = true;
		else if (!only_pos && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")))
			return print_help(cmd, out), 1;
		else if (!only_pos && argv[i][0] == '-' && argv[i][1])
			rc = parse_option(cmd, argc, argv, &i, out, seen);
		else if (*npos == max_pos)
			rc = complain(cmd, "unexpected argument '%s'", argv[i]);
		else
			pos[(*npos)++] = argv[i];
	}
	for (const struct km_opt *o = cmd->opts; !rc && o && o->name; o++)
		if (o->required && o - cmd->opts < KM_OPTS_MAX && !seen[o - cmd->opts])
			rc = complain(cmd, "--%s is required", o->name);
	return rc;
}
