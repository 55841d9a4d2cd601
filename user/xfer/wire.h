/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two kmigrates say to each other.  Little endian, one 32-byte header
 * a message, checked before anything else is done with it (I6).  Pure.
 *
 *   control connection           source                     destination
 *     HELLO (json)                 ------------------------->
 *                                  <-------------------------  WELCOME (json) | REFUSE (json)
 *     BLOCKS (json), MAIN, SYNC,
 *     FENCE                        ------------------------->    BLOCKS, MAIN, SYNC, REACH and RP
 *                                                              are numbered (talk.h)
 *                                  <-------------------------  REACH, RP, LOADED,
 *                                                              FAILED (json)
 *     VERIFY (hashes)              ------------------------->
 *                                  <-------------------------  VERIFIED (json)
 *     GO                           ------------------------->  the commit point
 *                                  <-------------------------  RUNNING (blackout.h) | DEAD (json)
 *     BYE                          ------------------------->  understood
 *                                  <-------------------------  ARRIVAL (json), if promised
 *                                                              (arrival.h)
 *     ABORT (text)                 ------------------------->  before GO only
 *     PING                         <------------------------>  says "alive"; a payload is about
 *                                                              clocks (clocks.h), or is eaten
 *   new connections, when any of them broke before FENCE and HELLO has promised a return:
 *   all of them are closed, at both ends (redial.h, sink_door.c)
 *     RESUME (json)                ------------------------->  life N, what it has heard
 *                                  <-------------------------  RESUMED (json): so has this
 *     and it goes on as the control connection, what was not heard first; then the streams
 *   a new connection, when the source has given up while the link was away, or before HELLO, of
 *   a receiver that it has started itself
 *     ABORT (json)                 ------------------------->
 *   a new connection, when GO's answer was lost (outcome.h)
 *     OUTCOME (json)               ------------------------->
 *                                  <-------------------------  RUNNING | DEAD (json) | REFUSE
 *     BYE                          ------------------------->  understood
 *   each stream
 *     STREAM (json)                ------------------------->  of life N, 0 at first
 *                                  <-------------------------  WELCOME | REFUSE
 *     PAGES (pack.h)               ------------------------->
 *                                  <-------------------------  ACK
 *   each mirrored disk (tunnel.h)
 *     DISK (json)                  ------------------------->
 *                                  <-------------------------  WELCOME | REFUSE
 *     DISK_DATA                    <------------------------>  what QEMU's NBD client and server
 *                                                              say to each other
 *
 * Each connection is TLS's (tls.h) unless both ends were told --insecure: then the sums below
 * are against mistakes, not against attackers.  TLS's records have their own.  What makes a
 * connection a part of this move is the session's number, random and said in WELCOME alone, on
 * top of TLS.  To a peer that speaks without TLS to an end that does, and the other way round,
 * FAILED is said in the clear, and nothing else (door.h).
 */
#ifndef KM_WIRE_H
#define KM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include "ledger.h"

#define KM_WIRE_ABI	     3u
#define KM_WIRE_HEADER_BYTES 32
#define KM_WIRE_PAYLOAD_MAX  (4u << 20)
#define KM_WIRE_PAGES_MAX    128 /* pages of one PAGES message */

enum km_op {
	KM_OP_HELLO = 1,
	KM_OP_WELCOME,
	KM_OP_REFUSE,
	KM_OP_STREAM,
	KM_OP_PAGES,
	KM_OP_ACK,   /* seq: pages applied on this stream so far */
	KM_OP_FENCE, /* le64 a stream: what follows waits for so many PAGES messages */
	KM_OP_SYNC,  /* one multifd SYNC into every channel of the destination QEMU */
	KM_OP_MAIN,  /* bytes for the destination QEMU's main channel */
	KM_OP_RP,    /* bytes of its return path */
	KM_OP_LOADED,
	KM_OP_FAILED,
	KM_OP_VERIFY, /* block, first page, hashes */
	KM_OP_VERIFIED,
	KM_OP_GO,
	KM_OP_RUNNING,
	KM_OP_DEAD, /* the destination QEMU is gone for certain: the source may run */
	KM_OP_BYE,
	KM_OP_ABORT,
	KM_OP_PING,
	KM_OP_BLOCKS,  /* the RAMBlocks by number, before any page */
	KM_OP_OUTCOME, /* on a new connection: what became of this session's guest? */
	KM_OP_ARRIVAL,
	KM_OP_REACH, /* a byte a block: 1 where the destination can apply deltas */
	KM_OP_RESUME,
	KM_OP_RESUMED,
	KM_OP_DISK,
	KM_OP_DISK_DATA,
	KM_OP_LAST,
};

struct km_msg {
	enum km_op op;
	uint32_t len; /* of the payload */
	uint64_t seq;
	uint64_t sum; /* xxh3-64 of header (sum 0) and payload; over TLS 0 */
};

const char *km_op_name(enum km_op op);

/* Builds the header of a message whose payload needs no sum: TLS's records have their own. */
void km_wire_head(uint8_t head[KM_WIRE_HEADER_BYTES], enum km_op op, uint64_t seq, uint32_t len);
/* Builds the header of a message with this payload (may be NULL when len is 0). */
void km_wire_seal(uint8_t head[KM_WIRE_HEADER_BYTES], enum km_op op, uint64_t seq,
		  const void *payload, uint32_t len);
/* A message begins like this. */
bool km_wire_is_ours(const uint8_t first[4]);
/* Checks magic, version, opcode and length. */
int km_wire_open(const uint8_t head[KM_WIRE_HEADER_BYTES], struct km_msg *m, struct km_err *err);
/* Checks the payload against the header's sum. */
int km_wire_check(const uint8_t head[KM_WIRE_HEADER_BYTES], const struct km_msg *m,
		  const void *payload, struct km_err *err);

#endif
