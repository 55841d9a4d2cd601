// SPDX-License-Identifier: GPL-2.0
/* A host, what was found and a baseline as text; names of theirs are foreign bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/host.h"

static struct km_host_record *here, *there;
static struct km_guest_record *guest;
static struct km_findings *found;

static char *check_text(void)
{
	const struct km_check_report r = { guest, here, there, found };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	km_text_check(f, &r);
	fclose(f);
	return text;
}

static bool same(char *text, const char *want)
{
	bool is = !strcmp(text, want);

	if (!is)
		printf("# %s\n", text);
	free(text);
	return is;
}

static void begin(void)
{
	memset(here, 0, sizeof(*here));
	memset(there, 0, sizeof(*there));
	memset(guest, 0, sizeof(*guest));
	memset(found, 0, sizeof(*found));
	strcpy(here->software.host, "a");
	strcpy(there->software.host, "b\033[2J");
	strcpy(guest->name, "g");
}

static void findings(bool *ok)
{
	begin();
	CHECK(same(check_text(), "g, from a to b?[2J: nothing found that matters\n"));
	here->network.probe_bit_per_s = 9400000000;
	here->network.probe_round_trip_us = 120;
	found->n = 2;
	found->f[0] = (struct km_finding){ "x-one", KM_BLOCKS, "1", "2\n3", "because", "this" };
	found->f[1] = (struct km_finding){ "x-two", KM_INFO, "", "seen", "so", "nothing" };
	CHECK(same(check_text(), "g, from a to b?[2J: 1 blocks, 0 warn, 1 for information\n"
				 "  link: 9.40 Gbit/s by one connection, 120 us there and back\n"
				 "\n"
				 "  blocks x-one\n"
				 "    here   1\n"
				 "    there  2?3\n"
				 "    why    because\n"
				 "    do     this\n"
				 "\n"
				 "  info   x-two\n"
				 "    there  seen\n"
				 "    why    so\n"
				 "    do     nothing\n"));
}

static void as_json(bool *ok)
{
	const struct km_check_report r = { guest, here, there, found };
	json_t *j, *f;

	begin();
	found->n = 1;
	found->f[0] = (struct km_finding){ "x-one", KM_WARNS, "1", "", "because", "this" };
	j = km_json_check(&r);
	f = json_array_get(json_object_get(j, "findings"), 0);
	CHECK(!strcmp(json_string_value(json_object_get(j, "worst")), "warns"));
	CHECK(json_is_null(json_object_get(j, "probe")) &&
	      json_is_object(json_object_get(j, "guest")));
	CHECK(!strcmp(json_string_value(json_object_get(f, "id")), "x-one"));
	CHECK(json_is_null(json_object_get(f, "there")) && json_object_get(f, "do"));
	json_decref(j);
	found->n = 0;
	j = km_json_check(&r);
	CHECK(json_is_null(json_object_get(j, "worst")));
	json_decref(j);
}

static char *host_text(const struct km_host_record *h)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	km_text_host(f, h);
	fclose(f);
	return text;
}

/* Each line of it names no control character, and what is not known says so. */
static void host(bool *ok)
{
	char *text;

	begin();
	text = host_text(here);
	CHECK(strstr(text, "a\n") == text && strstr(text, "KVM           can't be used") &&
	      strstr(text, "QEMU          none found"));
	free(text);
	there->kvm.usable = KM_YES;
	strcpy(there->cpu.name, "x\ay");
	there->topology.nnodes = 2;
	strcpy(there->topology.node[1].cpus, "4-7");
	there->nqemus = 1;
	strcpy(there->qemu[0].path, "/q");
	text = host_text(there);
	CHECK(!strpbrk(text, "\a\033") && strstr(text, "x?y") && strstr(text, "CPUs 4-7") &&
	      strstr(text, "/q, version"));
	free(text);
}

static void baseline(bool *ok)
{
	struct km_baseline *b = calloc(1, sizeof(*b));
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	json_t *j;

	b->nhosts = 2;
	strcpy(b->host[0], "a");
	strcpy(b->host[1], "b");
	strcpy(b->model, "EPYC");
	b->nfeatures = 70;
	b->nadd = b->ncosts = 1;
	strcpy(b->add[0], "clwb");
	strcpy(b->cost[0].feature, "umip");
	b->cost[0].nhosts = 1;
	b->cost[0].host[0] = 1;
	km_text_baseline(f, b);
	fclose(f);
	CHECK(strstr(text, "70 CPU features that 2 hosts have, with the model EPYC\n"));
	CHECK(strstr(text, "\n-cpu EPYC,clwb=on\n") && strstr(text, "\n  umip: b\n"));
	CHECK(strstr(text, "  <feature policy='require' name='clwb'/>\n</cpu>\n"));
	j = km_json_baseline(b);
	CHECK(!strcmp(json_string_value(json_object_get(j, "qemu")), "EPYC,clwb=on"));
	json_decref(j);
	free(text);
	free(b);
}

static const struct ktap_case cases[] = {
	{ "what was found", findings },
	{ "the same as JSON", as_json },
	{ "a host", host },
	{ "a baseline", baseline },
};

int main(void)
{
	int rc = 1;

	here = calloc(1, sizeof(*here));
	there = calloc(1, sizeof(*there));
	guest = calloc(1, sizeof(*guest));
	found = calloc(1, sizeof(*found));
	if (here && there && guest && found)
		rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	free(here);
	free(there);
	free(guest);
	free(found);
	return rc;
}
