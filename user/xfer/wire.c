// SPDX-License-Identifier: GPL-2.0
#include "wire.h"

#include <errno.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "bytes.h"

#define MAGIC 0x474d4b01u /* "\1KMG" */

enum { H_MAGIC = 0, H_ABI = 4, H_OP = 6, H_LEN = 8, H_ZERO = 12, H_SEQ = 16, H_SUM = 24 };

const char *km_op_name(enum km_op op)
{
	static const char *const names[] = {
		"?",	  "HELLO",  "WELCOME",	"REFUSE", "STREAM",    "PAGES",
		"ACK",	  "FENCE",  "SYNC",	"MAIN",	  "RP",	       "LOADED",
		"FAILED", "VERIFY", "VERIFIED", "GO",	  "RUNNING",   "DEAD",
		"BYE",	  "ABORT",  "PING",	"BLOCKS", "OUTCOME",   "ARRIVAL",
		"REACH",  "RESUME", "RESUMED",	"DISK",	  "DISK_DATA",
	};

	return op > 0 && op < KM_OP_LAST ? names[op] : "?";
}

static uint64_t checksum(const uint8_t head[KM_WIRE_HEADER_BYTES], const void *payload, size_t len)
{
	/* The header, up to its sum, seeds the payload's hash. */
	return XXH3_64bits_withSeed(payload, len, XXH3_64bits(head, H_SUM));
}

void km_wire_head(uint8_t head[KM_WIRE_HEADER_BYTES], enum km_op op, uint64_t seq, uint32_t len)
{
	km_put_le32(head + H_MAGIC, MAGIC);
	km_put_le16(head + H_ABI, KM_WIRE_ABI);
	km_put_le16(head + H_OP, (uint16_t)op);
	km_put_le32(head + H_LEN, len);
	km_put_le32(head + H_ZERO, 0);
	km_put_le64(head + H_SEQ, seq);
	km_put_le64(head + H_SUM, 0);
}

void km_wire_seal(uint8_t head[KM_WIRE_HEADER_BYTES], enum km_op op, uint64_t seq,
		  const void *payload, uint32_t len)
{
	km_wire_head(head, op, seq, len);
	km_put_le64(head + H_SUM, checksum(head, payload, len));
}

bool km_wire_is_ours(const uint8_t first[4])
{
	return km_get_le32(first) == MAGIC;
}

int km_wire_open(const uint8_t head[KM_WIRE_HEADER_BYTES], struct km_msg *m, struct km_err *err)
{
	unsigned int op = km_get_le16(head + H_OP);

	if (head[0] == 22 && head[1] == 3) /* a handshake's record: RFC 8446, 5.1 */
		return km_err_set(err, -EPROTO,
				  "the peer speaks TLS, and this end was told --insecure");
	if (!km_wire_is_ours(head))
		return km_err_set(err, -EPROTO, "the peer does not speak kmigrate's protocol");
	if (km_get_le16(head + H_ABI) != KM_WIRE_ABI)
		return km_err_set(err, -EPROTO,
				  "the peer speaks protocol %u, this kmigrate %u: install the "
				  "same version at both ends",
				  km_get_le16(head + H_ABI), KM_WIRE_ABI);
	m->len = km_get_le32(head + H_LEN);
	m->seq = km_get_le64(head + H_SEQ);
	m->sum = km_get_le64(head + H_SUM);
	if (!op || op >= KM_OP_LAST || m->len > KM_WIRE_PAYLOAD_MAX || km_get_le32(head + H_ZERO))
		return km_err_set(err, -EPROTO, "bad message: opcode %u, %u bytes", op, m->len);
	m->op = (enum km_op)op;
	return 0;
}

int km_wire_check(const uint8_t head[KM_WIRE_HEADER_BYTES], const struct km_msg *m,
		  const void *payload, struct km_err *err)
{
	if (checksum(head, payload, m->len) != m->sum)
		return km_err_set(err, -EBADMSG, "%s message with a wrong checksum",
				  km_op_name(m->op));
	return 0;
}
