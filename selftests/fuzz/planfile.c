// SPDX-License-Identifier: GPL-2.0
/* A plan that is read back; one that is taken can be rehearsed, and is printed as what reads the
 * same. */
#include "fuzz.h"
#include "plan/planfile.h"
#include "report/plan.h"

/* A cost of each kind. */
#define COSTS                                                                                                 \
	"\"cpus\":2,\"cpus_free\":1.5,\"costs\":{\"scan_ns\":1,\"hand_ns\":2,\"take_in_ns\":3,\"note_ns\":4," \
	"\"read_first_ns\":5,\"read_again_ns\":6,\"delta_ns\":7,\"pack_fast_ns\":8,\"pack_ns\":9,"            \
	"\"pack_hard_ns\":1e1,\"write_first_ns\":11,\"write_again_ns\":12,\"unpack_ns\":13,"                  \
	"\"plain_send_name_ns\":14,\"plain_recv_name_ns\":15,\"plain_send_byte_ns\":0.1,"                     \
	"\"plain_recv_byte_ns\":0.2,\"plain_wake_ns\":0,\"tls_send_name_ns\":18,"                             \
	"\"tls_recv_name_ns\":19,\"tls_send_byte_ns\":0.3,\"tls_recv_byte_ns\":0.4,"                          \
	"\"tls_wake_ns\":22},"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const seeds[] = {
		"{\"kmigrate_plan\":2,\"vm\":\"v\",\"uuid\":null,\"ram_bytes\":8192,\"taken_s\":5,"
		"\"link_bytes_per_s\":1e6," COSTS
		"\"guest\":[{\"pages\":2,\"zero\":0.5,\"ratio\":0.25,"
		"\"writes_per_s\":10.5,\"in_turn\":true,\"write_bytes\":64}]}",
		"{\"kmigrate_plan\":2,\"vm\":\"w\",\"uuid\":\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\","
		"\"ram_bytes\":4096,\"taken_s\":0,\"link_bytes_per_s\":125000,\"link_by\":\"x\"," COSTS
		"\"guest\":[{\"pages\":1,\"zero\":1,\"ratio\":1,\"writes_per_s\":0,\"in_turn\":false,"
		"\"write_bytes\":4096},{\"pages\":3,\"zero\":0,\"ratio\":1,\"writes_per_s\":1,"
		"\"in_turn\":false,\"write_bytes\":1}]}",
	};

	return i < sizeof(seeds) / sizeof(*seeds) ? fuzz_text(buf, seeds[i]) : 0;
}

/* A short one: what else it holds takes longer, not another way. */
static void rehearse(struct km_plan *p)
{
	const struct km_reh_goal goal = { .max_pause_ms = 100, .deadline_ms = 500 };
	uint64_t pages = 0;

	for (unsigned int i = 0; i < p->survey.guest.regions; i++)
		pages += p->survey.guest.region[i].pages;
	if (pages < 1000)
		must(!km_plan_rehearse(p, &goal, 2, 4096, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = fuzz_string(data, len), *printed;
	struct km_plan *p = calloc(2, sizeof(*p));
	struct km_err err = { 0 };
	json_t *j;
	int rc;

	must(p);
	rc = km_planfile_parse(text, len, p, &err);
	must(!rc == !err.text[0] && !strchr(err.text, '\n'));
	if (!rc) {
		fuzz_accepted++;
		rehearse(p);
		j = km_json_plan(p);
		printed = json_dumps(j, 0);
		must(printed && !km_planfile_parse(printed, strlen(printed), p + 1, NULL));
		must(!strcmp(p[0].vm, p[1].vm) && p[0].ram_bytes == p[1].ram_bytes &&
		     p[0].survey.guest.regions == p[1].survey.guest.regions);
		free(printed);
		json_decref(j);
	}
	free(p);
	free(text);
	return 0;
}
