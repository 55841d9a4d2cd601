// SPDX-License-Identifier: GPL-2.0
/* What the benchmark says of an interval. */
#include <math.h>

#include "bench/verdict.h"
#include "ktap.h"

static enum verdict of(double low, double high)
{
	return verdict_of((struct interval){ low, high }, 1.03, false);
}

static void below(bool *ok)
{
	CHECK(of(1.01, 1.02) == HELD);
	CHECK(of(0.5, 0.6) == HELD);
	CHECK(of(1.01, 1.03) == HELD);
}

static void above(bool *ok)
{
	CHECK(of(1.04, 1.05) == NOT_HELD);
	CHECK(of(1.0301, 9) == NOT_HELD);
}

static void astride(bool *ok)
{
	CHECK(of(1.02, 1.04) == CANT_TELL);
	CHECK(of(1.03, 1.0301) == CANT_TELL);
	CHECK(of(0.1, 10) == CANT_TELL);
	CHECK(of(NAN, NAN) == CANT_TELL);
}

static void unsure(bool *ok)
{
	CHECK(verdict_of((struct interval){ 1.01, 1.02 }, 1.03, true) == CANT_TELL);
	CHECK(verdict_of((struct interval){ 1.04, 1.05 }, 1.03, true) == CANT_TELL);
}

static bool control(double low, double high)
{
	return control_holds((struct interval){ low, high }, 0.01);
}

static void alike(bool *ok)
{
	CHECK(control(0.995, 1.005));
	CHECK(control(1, 1));
	CHECK(control(0.991, 1.009));
	CHECK(control(1.0005, 1.0006));
	CHECK(control(0.9994, 0.9995));
}

static void not_alike(bool *ok)
{
	/* Found different. */
	CHECK(!control(1.002, 1.003));
	CHECK(!control(0.997, 0.998));
	/* Found alike, as whatever else would have been. */
	CHECK(!control(0.98, 1.001));
	CHECK(!control(0.999, 1.02));
	CHECK(!control(NAN, NAN));
}

static const struct ktap_case cases[] = {
	{ "an interval below what is wanted: held", below },
	{ "an interval above it: not held", above },
	{ "an interval astride it: can't tell", astride },
	{ "a control that failed: can't tell", unsure },
	{ "a control that includes 1 and is narrow holds", alike },
	{ "a control that doesn't, or is wide, doesn't", not_alike },
};

KTAP_MAIN(cases)
