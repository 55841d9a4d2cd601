/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A second's measurement of the link between two hosts, over one TCP connection:
 *
 *     measure                               serve
 *       the key, 64 hexadecimal digits ------>            else it hangs up
 *       'e'                            ------>
 *                                      <------ 'e'        20 times: the round trip
 *       'd', and data for a second     ------>
 *       end of what is sent            ------>
 *                                      <------ bytes, nanoseconds (le64 each): what came, and
 *                                              in which time, after the first 200 ms, which are
 *                                              TCP's to find the link's speed
 *
 * Nothing is secret: the key keeps out who only finds the port, and is used once.
 */
#ifndef KM_PROBE_H
#define KM_PROBE_H

#include <stdio.h>
#include "../model.h"
#include "../xfer/secret.h"

struct km_probe {
	uint64_t bit_per_s;
	uint32_t round_trip_us; /* the median */
};

/* Listens on a free port, says which (a line of JSON: event, port), and serves one that has the
 * key.  -ETIMEDOUT when none has come within 10 s. */
int km_probe_serve(const struct km_psk *key, FILE *says, struct km_err *err);
int km_probe_measure(const char *host, const char *port, const struct km_psk *key,
		     struct km_probe *p, struct km_err *err);

#endif
