// SPDX-License-Identifier: GPL-2.0
/* What is said of a goal that was missed. */
#include <errno.h>
#include <string.h>
#include "ktap.h"
#include "xfer/goal.h"

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
	CHECK(!strcmp(missed(), "not done within --deadline (600.0 s): the guest dirties 20.0 MiB/s "
				"and the link carries 11.0; try --throttle"));
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
	CHECK(!strcmp(missed(), "not done within --deadline (600.0 s): 513.0 MiB are left, the link "
				"carries 11.0 MiB/s"));
	run.c.goodput_bytes_per_s = 0;
	CHECK(strstr(missed(), "513.0 MiB are left, the link carries 0.0 MiB/s"));
}

static const struct ktap_case cases[] = {
	{ "deadline: a guest that is too hot, and whom to blame", too_hot },
	{ "deadline: a guest that is too large", too_large },
};

int main(void)
{
	return ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
}
