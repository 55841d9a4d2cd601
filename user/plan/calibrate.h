/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a page costs of CPU time here: the transfer's own code does with pages of the guest what
 * a move does, over loopback connections that are as fast as a stream of the link.  It takes a
 * fraction of a second, most of which it waits.
 *
 * The other end is taken for a host like this one.
 */
#ifndef KM_CALIBRATE_H
#define KM_CALIBRATE_H

#include "costs.h"
#include "xfer/guestmem.h"
#include "xfer/wire.h"

/* Some pages of the guest's that aren't zero, those that can be packed first; large. */
struct km_specimens {
	unsigned int n, light;
	uint8_t page[KM_WIRE_PAGES_MAX][KM_PAGE_SIZE];
};

/* mem: just opened, so that nobody has touched its pages by it; none can be read: -ENOTSUP. */
int km_calibrate(struct km_guestmem *mem, const struct km_ledger *blocks,
		 const struct km_specimens *of, double stream_bytes_per_s, struct km_costs *c,
		 struct km_err *err);

/* calibrate_wire.c: over one stream, plain (creds: NULL) or TLS's; fills w, write_first and
 * write_again. */
struct km_calibrate_ends {
	const struct km_creds *source, *destination;
};
int km_calibrate_wire(const struct km_specimens *of, const struct km_calibrate_ends *ends,
		      double bytes_per_s, struct km_costs *c, struct km_costs_wire *w,
		      struct km_err *err);

#endif
