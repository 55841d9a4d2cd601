// SPDX-License-Identifier: GPL-2.0
/* The guest-impact ledger in words and in JSON. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/impact.h"
#include "report/report.h"

static struct km_run run; /* large */

static void watched(void)
{
	struct km_impact_vcpu *v = run.impact.vcpu;

	memset(&run, 0, sizeof(run));
	run.impact.wanted = run.impact.on = true;
	run.impact.vcpus = 2;
	v[0].ms[KM_PHASE_PRECOPY][KM_STALL_TRACKING] = 30;
	v[0].ms[KM_PHASE_PRECOPY][KM_STALL_WAIT] = 1;
	v[0].ms[KM_PHASE_SWITCHOVER][KM_STALL_STOPPED] = 38;
	v[0].unexplained_ms = 2;
	v[1].vcpu = 1;
	v[1].unexplained_ms = -0.1; /* it was read while it went on */
}

static char *text(void)
{
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	km_text_run(f, &run);
	fclose(f);
	return text;
}

static void in_words(bool *ok)
{
	static const char *const want[] = {
		"  impact      what kept vCPUs from running",
		"    setup        vcpu0          0 ms  \n",
		"    precopy      vcpu0       31.0 ms  page-tracking 30.0 ms, no-cpu 1.00 ms\n",
		"    switchover   vcpu0       38.0 ms  stopped 38.0 ms\n",
		"    unexplained              2.00 ms\n",
	};
	char *said;

	watched();
	said = text();
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (!strstr(said, want[i]))
			printf("# missing: %s\n", want[i]);
		CHECK(strstr(said, want[i]));
	}
	free(said);
}

/* Of many vCPUs those that were kept longest. */
static void the_worst(bool *ok)
{
	char *said;

	watched();
	run.impact.vcpus = 100;
	for (unsigned int i = 0; i < 100; i++) {
		run.impact.vcpu[i].vcpu = i;
		run.impact.vcpu[i].ms[KM_PHASE_SETUP][KM_STALL_KVM] = i;
	}
	said = text();
	CHECK(strstr(said, "    setup        vcpu99      99.0 ms"));
	CHECK(strstr(said, "vcpu92      92.0 ms") && !strstr(said, "vcpu91      91.0 ms"));
	free(said);
}

static void not_there(bool *ok)
{
	char *said;
	json_t *j;

	watched();
	run.impact.on = false;
	strcpy(run.impact.why_not, "no BTF");
	said = text();
	CHECK(strstr(said, "  impact      not available here: no BTF\n"));
	free(said);
	run.impact.wanted = false;
	j = km_json_impact(&run.impact);
	CHECK(json_is_null(j));
	json_decref(j);
}

static void in_json(bool *ok)
{
	json_t *j, *vcpus, *phase;

	watched();
	j = km_json_impact(&run.impact);
	vcpus = json_object_get(j, "vcpus");
	CHECK(json_array_size(vcpus) == 2);
	phase = json_array_get(json_object_get(json_array_get(vcpus, 0), "phases"),
			       KM_PHASE_PRECOPY);
	CHECK(json_real_value(json_object_get(phase, "stalled_ms")) == 31);
	CHECK(json_real_value(json_object_get(json_object_get(phase, "by_cause_ms"),
					      "page-tracking")) == 30);
	json_decref(j);
}

static const struct ktap_case cases[] = {
	{ "in words, by phase and vCPU", in_words },
	{ "of many vCPUs the worst", the_worst },
	{ "none to be had, none wanted", not_there },
	{ "in JSON", in_json },
};

KTAP_MAIN(cases)
