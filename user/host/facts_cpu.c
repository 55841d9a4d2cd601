// SPDX-License-Identifier: GPL-2.0
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "facts.h"
#include "sysfile.h"

/* The value of a line "key : value" of /proc/cpuinfo, "" when it is not there. */
static void value_of(const char *line, const char *key, char *buf, size_t size)
{
	size_t n = strlen(key);
	const char *colon = strchr(line, ':');

	if (strncmp(line, key, n) || !colon ||
	    strspn(line + n, " \t") != (size_t)(colon - line) - n)
		return;
	colon += 1 + strspn(colon + 1, " \t");
	snprintf(buf, size, "%.*s", (int)strcspn(colon, "\n"), colon);
}

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 0);
}

/* " flag " among the flags: the kernel leaves out what the firmware has not switched on. */
static enum km_tri has_flag(const char *flags, const char *flag)
{
	size_t n = strlen(flag);

	for (const char *p = flags; (p = strstr(p, flag)); p += n)
		if (p > flags && p[-1] == ' ' && (p[n] == ' ' || p[n] == '\n' || !p[n]))
			return KM_YES;
	return KM_NO;
}

static void read_line(const char *line, struct km_rec_cpu *c, struct km_rec_encryption *e)
{
	char text[64] = "";

	value_of(line, "vendor_id", c->vendor, sizeof(c->vendor));
	value_of(line, "model name", c->name, sizeof(c->name));
	value_of(line, "cpu family", text, sizeof(text));
	c->family = text[0] ? number(text) : c->family;
	text[0] = '\0';
	value_of(line, "model", text, sizeof(text));
	c->model = text[0] ? number(text) : c->model;
	text[0] = '\0';
	value_of(line, "stepping", text, sizeof(text));
	c->stepping = text[0] ? number(text) : c->stepping;
	text[0] = '\0';
	value_of(line, "microcode", text, sizeof(text));
	c->microcode = text[0] ? number(text) : c->microcode;
	if (!strncmp(line, "address sizes", 13))
		sscanf(line, "address sizes : %u bits physical, %u bits virtual", &c->phys_bits,
		       &c->virt_bits);
	if (strncmp(line, "flags", 5))
		return;
	c->hypervisor = has_flag(line, "hypervisor");
	e->sme = has_flag(line, "sme");
	e->sev = has_flag(line, "sev");
	e->tme = has_flag(line, "tme");
}

/* The kernel has no flag for TME on older versions: CPUID 7, ECX bit 13 (Intel SDM vol. 2A). */
static void ask_cpuid(struct km_rec_encryption *e)
{
	unsigned int a, b, c, d;

	if (e->tme == KM_NO && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 13 & 1))
		e->tme = KM_YES;
}

void km_facts_cpu(const char *root, struct km_rec_cpu *c, struct km_rec_encryption *e)
{
	char path[512], *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/cpuinfo", root);
	f = fopen(path, "re");
	/* The first CPU's, up to the empty line. */
	while (f && getline(&line, &size, f) > 1)
		read_line(line, c, e);
	free(line);
	if (f)
		fclose(f);
	if (!root[0])
		ask_cpuid(e);
	c->smt = km_sys_yes("%s/sys/devices/system/cpu/smt/active", root);
}
