/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a move's work takes of CPU time, by thread: ns a page, and ns a byte of what is on a
 * stream, the kernel's part included.  Pure data; calibrate.h measures it on this host.
 */
#ifndef KM_COSTS_H
#define KM_COSTS_H

#include <stddef.h>
#include "xfer/worth.h"

/* Of a stream, TLS's or plain. */
struct km_costs_wire {
	/* A page that goes by its name alone, with its part of the message and of the ACK: zero
	 * pages, which are looked through for that, take the most. */
	double send_name, recv_name;
	double send_byte, recv_byte; /* of content */
	double wake; /* of a thread that waits for what comes: to wake, to read a little, to wait */
};

struct km_costs {
	/* QEMU's: to find that a page is zero; to write another into its channel. */
	double scan, hand;
	/* kmigrate's at the source: to read it there and take its sum; to list, take and settle
	 * a page in the ledger. */
	double take_in, note;
	/* To read a page of the guest's, and its sum: for the first time, and after that. */
	double read_first, read_again;
	double delta, pack[KM_WORTH_LEVELS];
	/* At the destination. */
	double write_first, write_again, unpack;
	struct km_costs_wire plain, tls;
};

#define KM_COSTS (sizeof(struct km_costs) / sizeof(double))

/* As JSON calls the i-th: "read_first_ns". */
const char *km_cost_name(size_t i);
double *km_cost(struct km_costs *c, size_t i);
void km_costs_times(struct km_costs *c, double by);

#endif
