// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include "../ctl/knet.h"
#include "../xfer/wire.h"
#include "facts.h"
#include "sysfile.h"

#ifndef KM_VERSION
#define KM_VERSION "unknown"
#endif

static void read_module(struct km_rec_software *s)
{
	struct km_module_facts facts = { 0 };
	struct km_knet *k = NULL;

	s->module = km_knet_open(&k, NULL) ? KM_NO : KM_YES;
	if (s->module == KM_YES && !km_knet_info(k, &facts, NULL))
		snprintf(s->mechanism, sizeof(s->mechanism), "%s", facts.mechanism);
	km_knet_close(k);
}

/* What ntpd, chronyd and timesyncd tell the kernel (adjtimex(2)). */
static void read_clock(const char *root, struct km_rec_software *s)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);

	if (state >= 0) {
		s->clock_synced = state == TIME_ERROR || (t.status & STA_UNSYNC) ? KM_NO : KM_YES;
		if (s->clock_synced == KM_YES && t.maxerror > 0)
			s->clock_error_us = (uint64_t)t.maxerror;
	}
	km_sys_text(s->clocksource, sizeof(s->clocksource),
		    "%s/sys/devices/system/clocksource/clocksource0/current_clocksource", root);
}

void km_facts_software(const char *root, struct km_rec_software *s)
{
	struct utsname u;

	snprintf(s->tool, sizeof(s->tool), "%s", KM_VERSION);
	s->wire_abi = KM_WIRE_ABI;
	if (!uname(&u)) {
		snprintf(s->kernel, sizeof(s->kernel), "%s", u.release);
		snprintf(s->host, sizeof(s->host), "%s", u.nodename);
	}
	s->taken_s = (uint64_t)time(NULL);
	read_module(s);
	read_clock(root, s);
}
