/* SPDX-License-Identifier: GPL-2.0 */
/* The options about holds that the commands which hold have in common. */
#ifndef KM_HOLDOPTS_H
#define KM_HOLDOPTS_H

#include "hold.h"
#include "opts.h"

struct km_hold_opts {
	const char *floor;
	unsigned int latency_us;
	bool off;
};

#define KM_HOLD_DEFAULTS                                    \
	{                                                   \
		.floor = "top", .latency_us = KM_LATENCY_US \
	}

/* Rows of the table of a command whose options, in a type, have a struct km_hold_opts hold. */
#define KM_HOLD_OPTS(type)                                                                          \
	{ "floor",                                                                                  \
	  KM_OPT_STRING,                                                                            \
	  offsetof(type, hold.floor),                                                               \
	  "top|none|FREQUENCY",                                                                     \
	  "lowest frequency of CPUs that are held: 2.4GHz, 2400MHz; top is each one's highest",     \
	  0,                                                                                        \
	  0,                                                                                        \
	  NULL,                                                                                     \
	  false },                                                                                  \
	{                                                                                           \
		"latency-us", KM_OPT_UINT, offsetof(type, hold.latency_us), "N",                    \
			"longest time for them to wake up, in microseconds; with 0 idle CPUs poll", \
			0, 1000000, NULL, false                                                     \
	}
#define KM_NO_HOLD_OPT(type)                                                         \
	{                                                                            \
		"no-hold", KM_OPT_FLAG, offsetof(type, hold.off), NULL,              \
			"leave clock and sleep of the CPUs alone", 0, 0, NULL, false \
	}

/* 0, or KM_EXIT_USAGE after one line. */
int km_hold_wish_of(const char *command, const struct km_hold_opts *o, struct km_hold_wish *wish);

#endif
