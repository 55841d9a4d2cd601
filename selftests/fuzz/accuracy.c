// SPDX-License-Identifier: GPL-2.0
/* Reports of past moves; what is taken is summed up and printed. */
#include <math.h>
#include "fuzz.h"
#include "report/accuracy.h"

#define REPORT(outcome, can, range)                                                                                                                       \
	"{\"outcome\":\"" outcome "\",\"vm\":\"v\",\"times\":{\"total_ms\":1000.5,\"pause_ms\":"                                                          \
	"40},\"cpu\":{\"source_cpu_ms\":7,\"destination_cpu_ms\":null},\"counters\":{\"wire_bytes\":5000},\"stall\":{\"gave_up\":false},\"prediction\":{" \
	"\"can_be_moved\":" can ",\"total_ms\":" range ",\"pause_ms\":" range                                                                             \
	",\"wire_bytes\":" range ",\"source_cpu_ms\":" range                                                                                              \
	",\"goal\":{\"max_pause_ms\":100,\"deadline_ms\":900}}}\n"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const seeds[] = {
		REPORT("moved", "true", "{\"low\":1,\"likely\":2.5,\"high\":4}"),
		REPORT("stayed", "false", "null"),
		"{\"a\":1}\n[2] " REPORT("moved", "true", "{\"low\":0,\"likely\":0,\"high\":9}")
			REPORT("lost", "true", "{\"low\":0,\"likely\":0,\"high\":9}"),
	};

	return i < sizeof(seeds) / sizeof(*seeds) ? fuzz_text(buf, seeds[i]) : 0;
}

static void sum(const struct km_accuracy_moves *m)
{
	struct km_accuracy a;
	json_t *j;
	char *text;

	must(!km_accuracy_sum(m, &a));
	must(a.moves == m->n && a.judged + a.otherwise == a.moves && a.right <= a.judged &&
	     a.compared <= a.judged && a.nworst <= a.compared);
	for (unsigned int f = 0; f < KM_FIGURES; f++)
		must(a.figure[f].inside <= a.figure[f].moves && a.figure[f].moves <= a.compared &&
		     isfinite(a.figure[f].median_error));
	for (unsigned int i = 0; i + 1 < a.nworst; i++)
		must(a.worst[i].error >= a.worst[i + 1].error);
	j = km_json_accuracy(&a, m->others, 0);
	text = json_dumps(j, 0);
	must(text);
	free(text);
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct km_accuracy_moves m = { 0 };
	char *text = fuzz_string(data, len);
	struct km_err err = { 0 };
	int rc = km_accuracy_take(&m, "f", text, len, &err);

	must(!rc == !err.text[0] && !strchr(err.text, '\n'));
	fuzz_accepted += m.n > 0;
	sum(&m);
	km_accuracy_free(&m);
	free(text);
	return 0;
}
