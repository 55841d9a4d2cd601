// SPDX-License-Identifier: GPL-2.0
/* What is said of a goal that was missed. */
#include <errno.h>
#include <string.h>
#include "ktap.h"
#include "xfer/goal.h"
#include "xfer/source.h"
#include "xfer/flat.h"

static struct km_run run;

static const char *missed(void)
{
	static struct km_err err;

	memset(&err, 0, sizeof(err));
	return km_goal_deadline_missed(&run, 600000, &err) == -ETIME ? err.text : "no error";
}

static void too_hot(bool *ok)
{
	memset(&run, 0, sizeof(run));
	run.c.dirty_pages_per_s = 5120; /* 20 MiB/s */
	run.c.goodput_bytes_per_s = 11 << 20;
	CHECK(!strcmp(missed(),
		      "not done within --deadline (600.0 s): the guest dirties 20.0 MiB/s "
		      "and the link carries 11.0; try --on-stall throttle"));
	run.module.present = true;
	CHECK(!strstr(missed(), "vcpu")); /* it has counted nothing */
	run.module.vcpus = 3;
	run.module.dirtied_pages = 200;
	run.module.dirtied_by_vcpu[0] = 50;
	run.module.dirtied_by_vcpu[1] = 124;
	run.module.dirtied_by_vcpu[2] = 26;
	CHECK(strstr(missed(), "carries 11.0; vcpu1 dirties 62 % of it; try"));
	run.throttle.wanted = true;
	CHECK(!strstr(missed(), "try"));
}

static void too_large(bool *ok)
{
	memset(&run, 0, sizeof(run));
	run.c.dirty_pages_per_s = 256; /* 1 MiB/s */
	run.c.goodput_bytes_per_s = 11 << 20;
	run.c.qemu_remaining_bytes = 512 << 20;
	run.c.backlog_pages = 256;
	CHECK(!strcmp(missed(),
		      "not done within --deadline (600.0 s): 513.0 MiB are left, the link "
		      "carries 11.0 MiB/s"));
	run.c.goodput_bytes_per_s = 0;
	CHECK(strstr(missed(), "513.0 MiB are left, the link carries 0.0 MiB/s"));
}

static void stalled(bool *ok)
{
	struct km_err err = { 0 };

	memset(&run, 0, sizeof(run));
	run.c.goodput_bytes_per_s = 11 << 20;
	run.stall.rounds = 3;
	run.stall.round_pages = 16384;
	CHECK(km_goal_stalled(&run, &err) == -ETIME);
	CHECK(!strcmp(err.text, "the guest can't be moved like this: 3 rounds in a row were no "
				"smaller (64.0 MiB), and the link carries 11.0 MiB/s; try "
				"--on-stall throttle"));
	run.throttle.wanted = true;
	strcpy(run.stall.region, "pc.ram");
	run.stall.region_offset = 0x4000000;
	run.stall.region_bytes = 48 << 20;
	km_goal_stalled(&run, &err);
	CHECK(strstr(err.text, "carries 11.0 MiB/s; pc.ram+0x4000000 (48.0 MiB) comes back most"));
	run.module.present = true;
	run.module.vcpus = 1;
	run.module.dirtied_pages = run.module.dirtied_by_vcpu[0] = 9;
	km_goal_stalled(&run, &err);
	CHECK(strstr(err.text, "; vcpu0 dirties 100 % of it, pc.ram+0x4000000 (48.0 MiB) comes"));
}

static void flat(bool *ok)
{
	struct km_flat s = { 0 };

	CHECK(km_flat_round(&s, 262144, 500) == 0); /* the first */
	CHECK(km_flat_round(&s, 16000, 500) == 0);
	CHECK(km_flat_round(&s, 16000, 500) == 1);
	CHECK(km_flat_round(&s, 14401, 500) == 2);
	CHECK(km_flat_round(&s, 20000, 500) == 3);
	CHECK(km_flat_round(&s, 17000, 500) == 0); /* smaller: it gets somewhere */
	CHECK(km_flat_round(&s, 17000, 500) == 1);
	CHECK(km_flat_round(&s, 17000, 17000) == 0); /* small enough for the pause */
}

static bool parses(const char *text, enum km_on_stall_way a, enum km_on_stall_way b)
{
	struct km_on_stall on;
	char why[KM_ERR_MAX];

	return !km_on_stall_parse(text, &on, why) && on.way[0] == a && on.way[1] == b;
}

static bool refuses(const char *text, const char *says)
{
	struct km_on_stall on;
	char why[KM_ERR_MAX] = "";

	return km_on_stall_parse(text, &on, why) == -EINVAL && strstr(why, says);
}

static void ways(bool *ok)
{
	CHECK(parses(NULL, KM_ON_STALL_WAIT, KM_ON_STALL_WAIT));
	CHECK(parses("wait", KM_ON_STALL_WAIT, KM_ON_STALL_WAIT));
	CHECK(parses("throttle", KM_ON_STALL_THROTTLE, KM_ON_STALL_WAIT));
	CHECK(parses("throttle,abort", KM_ON_STALL_THROTTLE, KM_ON_STALL_ABORT));
	CHECK(parses("abort", KM_ON_STALL_ABORT, KM_ON_STALL_WAIT));
	CHECK(refuses("abort,throttle", "no further"));
	CHECK(refuses("wait,abort", "no further"));
	CHECK(refuses("throttle,throttle", "only once"));
	CHECK(refuses("throttle,postcopy", "does not go with multifd"));
	CHECK(refuses("", "takes") && refuses("throttle,", "takes") && refuses(",", "takes"));
	CHECK(refuses("aborted", "takes") && refuses("abor", "takes"));
}

static const struct ktap_case cases[] = {
	{ "deadline: a guest that is too hot, and whom to blame", too_hot },
	{ "deadline: a guest that is too large", too_large },
	{ "stall: whom to blame", stalled },
	{ "stall: three rounds that were no smaller", flat },
	{ "stall: what may be done", ways },
};

int main(void)
{
	return ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
}
