// SPDX-License-Identifier: GPL-2.0
/* What the source makes of a destination's answer to a pinning, or of none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "place/pinwire.h"
#include "xfer/source_priv.h"

static struct km_source_opts opts;
static struct km_run run;
static struct source s;
static struct km_pin pin;
static struct km_pinning sent;
static struct km_err err;

static void carrying(const char *policy)
{
	memset(&run, 0, sizeof(run));
	memset(&err, 0, sizeof(err));
	opts.pin = policy;
	s.o = &opts;
	s.run = &run;
	s.pinning = &sent;
	strcpy(pin.who, "vCPU 0");
	km_cpus_parse(&pin.cpus, "1");
	sent.pins = &pin;
	sent.n = 1;
}

static int answered(const char *welcome)
{
	json_t *j = json_loads(welcome, 0, NULL);
	int rc = km_source_pins_answered(&s, j, &err);

	json_decref(j);
	return rc;
}

#define OLD "{\"session\": \"00ff\", \"port\": 0, \"pid\": 7}"

static void older_peer(bool *ok)
{
	carrying("keep");
	CHECK(answered(OLD) == -EOPNOTSUPP && run.refused && !run.pinned.done);
	CHECK(strstr(err.text, "does not know how") && strstr(err.text, "--pin relax"));
	carrying("relax");
	CHECK(!answered(OLD) && !run.refused && !run.pinned.done && !err.code);
	CHECK(strstr(run.pinned.why_not, "does not know how"));
}

static void answers(bool *ok)
{
	carrying("keep");
	CHECK(!answered("{\"pinning\": {\"threads\": [[\"vCPU 0\", \"5\"]], \"breaks\": [], "
			"\"nbreaks\": 0}}"));
	CHECK(run.pinned.done && run.pinned.nlaid == 1 && !run.refused);
	CHECK(!strcmp(run.pinned.laid[0].from, "1") && !strcmp(run.pinned.laid[0].to, "5"));
	/* A bad one is no refusal: something was wrong with the peer. */
	carrying("relax");
	CHECK(answered("{\"pinning\": {\"threads\": [], \"breaks\": [], \"nbreaks\": 0}}") ==
	      -EPROTO);
	CHECK(!run.refused && !run.pinned.done);
}

static void refusal(bool *ok)
{
	carrying("keep");
	CHECK(km_source_pins_refused(&s, "it\033 breaks", &err) == -ENOTSUP && run.refused);
	CHECK(!strcmp(err.text, "destination: it? breaks (--pin relax moves it anyway)"));
}

static const struct ktap_case cases[] = {
	{ "a destination that does not know of pinnings", older_peer },
	{ "answers", answers },
	{ "a refusal", refusal },
};

KTAP_MAIN(cases)
