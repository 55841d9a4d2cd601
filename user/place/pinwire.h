/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pinning on its way between two hosts, as parts of HELLO and WELCOME (xfer/wire.h).  Pure.
 *
 *   HELLO's "pinning"    {"policy": "keep" | "relax",
 *                         "cpus": [[CPU, CORE, PACKAGE, NODE], ...]  every one that is online
 *                         "threads": [["vCPU 0", "2-3"], ...]}       the pinned ones only
 *   WELCOME's "pinning"  {"threads": [["vCPU 0", "6-7"], ...],       the same, as they are now
 *                         "breaks": ["...", ...], "nbreaks": N}
 *
 * A destination that does not know the part leaves its answer out, which is how the source
 * sees that nothing was carried: so the protocol's number is the same with and without it.
 */
#ifndef KM_PINWIRE_H
#define KM_PINWIRE_H

#include <jansson.h>
#include "pinmap.h"

#define KM_PINS_MAX 1024 /* threads of one guest */

struct km_pinning {
	enum km_pin_policy policy;
	struct km_topo from; /* where it comes from */
	unsigned int n;
	struct km_pin *pins; /* malloc'ed */
};

/* NULL without memory. */
json_t *km_pinning_json(const struct km_pinning *p);
/* p is all zero before; to be freed in any case.  What is in it afterwards can be given to
 * km_pinmap(): every number is in its range, a core is in one node and one package, no
 * thread comes twice, and each may run on a CPU that is there. */
int km_pinning_parse(const json_t *j, struct km_pinning *p, struct km_err *err);
void km_pinning_free(struct km_pinning *p);

json_t *km_pinned_json(const struct km_pinning *p, const struct km_pinmap *m);
/* The answer to p. */
int km_pinned_parse(const json_t *j, const struct km_pinning *p, struct km_pinned *facts,
		    struct km_err *err);

#endif
