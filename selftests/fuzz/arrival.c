// SPDX-License-Identifier: GPL-2.0
/* A peer's ARRIVAL, up to what is printed of it: no time overflows, no byte of it reaches a
 * terminal as more than text. */
#include "fuzz.h"
#include "report/arrival.h"
#include "xfer/arrival.h"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const texts[] = {
		"{\"why_not\":null,\"watched_ms\":1000,\"lost\":0,\"vcpus\":[{\"vcpu\":0,"
		"\"entered_ns\":4000,\"exited_ns\":5000,\"exit\":\"npf\",\"idle\":false,"
		"\"by_cause_ms\":{\"no-cpu\":1.5,\"stopped\":2},\"unexplained_ms\":0.1},"
		"{\"vcpu\":1,\"entered_ns\":0,\"exited_ns\":0,\"exit\":\"\",\"idle\":true}]}",
		"{\"why_not\":\"this kernel has no BTF\",\"watched_ms\":0,\"lost\":0,\"vcpus\":[]}",
	};

	return i < sizeof(texts) / sizeof(texts[0]) ? fuzz_text(buf, texts[i]) : 0;
}

static void show(const struct km_arrival *a)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	km_text_arrival(f, a);
	must(!fclose(f));
	for (size_t i = 0; i < size; i++)
		must(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	free(text);
	json_decref(km_json_arrival(a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct km_arrival a;
	struct km_err err = { 0 };
	json_t *j = json_loadb((const char *)data, len, 0, NULL);
	int rc = km_arrival_parse(j, &a, &err);

	must(!rc || err.text[0]);
	must(a.vcpus <= KM_IMPACT_VCPUS);
	if (!rc) {
		fuzz_accepted++;
		a.wanted = true;
		a.pause_ns = 1;
		must(km_arrival_entered_ns(&a) <= INT64_MAX / 2);
		show(&a);
	}
	json_decref(j);
	return 0;
}
