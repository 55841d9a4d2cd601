// SPDX-License-Identifier: GPL-2.0
/* The guest's first time at the destination: between two ends, and as it is shown. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/arrival.h"
#include "xfer/arrival.h"

static struct km_arrival seen, got; /* large */

static void watched(void)
{
	memset(&seen, 0, sizeof(seen));
	memset(&got, 0, sizeof(got));
	seen.on = true;
	seen.watched_ms = 1000;
	seen.lost = 3;
	seen.vcpus = 3;
	seen.vcpu[0] = (struct km_arrival_vcpu){ .vcpu = 0, .entered_ns = 5000000, .idle = true };
	seen.vcpu[1] = (struct km_arrival_vcpu){
		.vcpu = 1,
		.entered_ns = 4000000,
		.exited_ns = 4250000,
		.exit = "npf",
		.ms = { [KM_STALL_EMULATED] = 8, [KM_STALL_TOUCH] = 4.5 },
		.unexplained_ms = 0.25,
	};
	seen.vcpu[2] = (struct km_arrival_vcpu){ .vcpu = 7 };
}

static int there(void)
{
	json_t *j = km_arrival_json(&seen), *k;
	char *text = json_dumps(j, 0);
	int rc;

	json_decref(j);
	k = json_loads(text, 0, NULL);
	rc = km_arrival_parse(k, &got, NULL);
	json_decref(k);
	free(text);
	return rc;
}

static void between(bool *ok)
{
	watched();
	CHECK(!there());
	CHECK(!memcmp(&got, &seen, sizeof(got)));
	seen.on = false;
	seen.vcpus = 0;
	strcpy(seen.why_not, "no\nBTF");
	CHECK(!there() && !got.on && !got.vcpus && !strcmp(got.why_not, "no BTF"));
	watched();
	seen.vcpus = 0;
	CHECK(!there() && got.on && !km_arrival_entered_ns(&got));
}

/* The first vCPU that runs tells when the guest could, unless it had nothing to do before. */
static void first(bool *ok)
{
	watched();
	CHECK(km_arrival_entered_ns(&seen) == 4000000);
	seen.vcpu[0].entered_ns = 3000000;
	CHECK(!km_arrival_entered_ns(&seen));
	seen.vcpu[0].idle = false;
	CHECK(km_arrival_entered_ns(&seen) == 3000000);
}

static int parse(const char *vcpu)
{
	char text[512];
	json_t *j;
	int rc;

	snprintf(text, sizeof(text),
		 "{\"why_not\":null,\"watched_ms\":1,\"lost\":0,\"vcpus\":[%s]}", vcpu);
	j = json_loads(text, 0, NULL);
	memset(&got, 0, sizeof(got));
	rc = km_arrival_parse(j, &got, NULL);
	json_decref(j);
	return rc;
}

#define TIMES(entered, exited)                                         \
	"{\"vcpu\":0,\"entered_ns\":" entered ",\"exited_ns\":" exited \
	",\"exit\":\"x\\u001b[2J\",\"by_cause_ms\":{\"later\":2,\"no-cpu\":1},\"unexplained_ms\":0}"

static void lies(bool *ok)
{
	static const char *const no[] = {
		TIMES("5", "4"),
		TIMES("0", "4"),
		TIMES("-1", "4"),
		TIMES("1", "9223372036854775807"),
		TIMES("1.5", "4"),
		"1",
		"{}",
		"{\"vcpu\":-1,\"entered_ns\":0,\"exited_ns\":0}",
		"{\"vcpu\":0,\"entered_ns\":0,\"exited_ns\":0,\"by_cause_ms\":{\"no-cpu\":-1}}",
		"{\"vcpu\":0,\"entered_ns\":0,\"exited_ns\":0,\"by_cause_ms\":{\"no-cpu\":1e300}}",
		"{\"vcpu\":0,\"entered_ns\":0,\"exited_ns\":0,\"unexplained_ms\":\"a\"}",
	};
	json_t *many =
		json_pack("{s:n,s:i,s:i,s:[]}", "why_not", "watched_ms", 1, "lost", 0, "vcpus");

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (parse(no[i]) != -EPROTO)
			printf("# taken: %s\n", no[i]);
		CHECK(parse(no[i]) == -EPROTO);
	}
	/* A later version's cause is time without one here; names go to terminals. */
	CHECK(!parse(TIMES("4", "5")) && !strcmp(got.vcpu[0].exit, "x?[2J"));
	CHECK(got.vcpu[0].unexplained_ms >= 2 && got.vcpu[0].ms[KM_STALL_WAIT] >= 1);
	for (int i = 0; i < KM_IMPACT_VCPUS + 1; i++)
		json_array_append_new(json_object_get(many, "vcpus"),
				      json_pack("{s:i,s:i,s:i}", "vcpu", i, "entered_ns", 0,
						"exited_ns", 0));
	CHECK(km_arrival_parse(many, &got, NULL) == -EPROTO);
	json_array_remove(json_object_get(many, "vcpus"), 0);
	CHECK(!km_arrival_parse(many, &got, NULL) && got.vcpus == KM_IMPACT_VCPUS);
	json_decref(many);
	CHECK(km_arrival_parse(NULL, &got, NULL) == -EPROTO);
}

static char *text(void)
{
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	km_text_arrival(f, &seen);
	fclose(f);
	return text;
}

static void in_words(bool *ok)
{
	char *said;

	watched();
	seen.pause_ns = 1000000;
	said = text();
	CHECK(!strcmp(said,
		      "  arrival     what kept them in the first 1.00 s there\n"
		      "    vcpu0        idle, then in at 4.00 ms; kept for 0 ms\n"
		      "    vcpu1        in at 3.00 ms, out 250 us later (npf); kept for 12.5 ms: "
		      "vmm-running 8.00 ms, first-touch 4.50 ms\n"
		      "    vcpu7        did not enter the guest\n"));
	free(said);
	/* Clocks that could not be joined. */
	seen.pause_ns = 0;
	said = text();
	CHECK(strstr(said, "    vcpu1        in, out 250 us later (npf); kept"));
	free(said);
	seen.vcpus = 100;
	for (unsigned int i = 0; i < 100; i++)
		seen.vcpu[i] = (struct km_arrival_vcpu){ .vcpu = i, .entered_ns = 1, .ms = { i } };
	said = text();
	CHECK(strstr(said, "vcpu99  ") && strstr(said, "vcpu92  ") && !strstr(said, "vcpu91  "));
	free(said);
}

static void in_json(bool *ok)
{
	json_t *j, *v;

	watched();
	j = km_json_arrival(&seen);
	CHECK(json_is_null(j)); /* nobody wanted it */
	json_decref(j);
	seen.wanted = true;
	seen.pause_ns = 1000000;
	j = km_json_arrival(&seen);
	v = json_array_get(json_object_get(j, "vcpus"), 1);
	CHECK(json_real_value(json_object_get(v, "entered_at_ms")) == 3);
	CHECK(json_real_value(json_object_get(v, "first_stay_ms")) == 0.25);
	CHECK(json_real_value(json_object_get(v, "stalled_ms")) == 12.5);
	CHECK(json_is_null(
		json_object_get(json_array_get(json_object_get(j, "vcpus"), 0), "first_stay_ms")));
	json_decref(j);
}

static const struct ktap_case cases[] = {
	{ "from one end to the other", between },
	{ "when the guest went on", first },
	{ "what can't be is not taken", lies },
	{ "in words", in_words },
	{ "in JSON", in_json },
};

KTAP_MAIN(cases)
