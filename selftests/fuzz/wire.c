// SPDX-License-Identifier: GPL-2.0
/* kmigrate's own messages: the header, and what PING and RUNNING carry (which a checksum guards,
 * so their parsers are called as a peer with a right checksum would). */
#include "fuzz.h"
#include "xfer/blackout.h"
#include "xfer/bytes.h"
#include "xfer/wire.h"

#define NOW 1000000000000ull

/* A question about the clock, its answer, marks of the pause. */
static size_t seed_of_pause(unsigned int i, uint8_t *payload)
{
	struct km_marks m = { 0 };

	if (i == 2) {
		for (unsigned int k = 0; k < KM_MARKS; k++)
			m.ns[k] = NOW + k;
		km_marks_build(&m, payload);
		return KM_MARKS_WIRE_BYTES;
	}
	km_put_le32(payload, i + 1);
	km_put_le32(payload + 4, 0);
	km_put_le64(payload + 8, NOW);
	km_put_le64(payload + 16, i ? NOW + 5 : 0);
	return KM_CLOCKS_BYTES;
}

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	uint8_t head[KM_WIRE_HEADER_BYTES];
	size_t len;

	if (i >= 3)
		return 0;
	len = seed_of_pause(i, buf + sizeof(head));
	km_wire_seal(head, i == 2 ? KM_OP_RUNNING : KM_OP_PING, i, buf + sizeof(head),
		     (uint32_t)len);
	memcpy(buf, head, sizeof(head));
	return sizeof(head) + len;
}

static void header(const uint8_t *head, const uint8_t *payload, size_t len)
{
	struct km_err err = { 0 };
	struct km_msg m;

	if (km_wire_open(head, &m, &err)) {
		must(err.text[0]);
		return;
	}
	must(m.op > 0 && m.op < KM_OP_LAST && m.len <= KM_WIRE_PAYLOAD_MAX);
	must(strcmp(km_op_name(m.op), "?"));
	if (m.len <= len)
		km_wire_check(head, &m, payload, NULL);
}

static void clocks(const uint8_t *buf, size_t len)
{
	uint8_t question[KM_CLOCKS_BYTES], answer[KM_CLOCKS_BYTES];
	struct km_clock_fit f;
	struct km_clocks c;

	for (int asks = 0; asks < 2; asks++) {
		km_clocks_init(&c, asks);
		must(km_clocks_ask(&c, NOW, question) == asks);
		if (km_clocks_hear(&c, buf, len, NOW + 7, answer)) {
			must(!asks && km_get_le64(answer + 16) == NOW + 7);
			fuzz_accepted++;
		}
		f = km_clocks_fit(&c, NOW + 7);
		must(!f.known || (asks && f.error_ns == 4));
		fuzz_accepted += f.known;
	}
}

/* Whatever the destination has marked, the parts add up to no more than the source has seen. */
static void marks(const uint8_t *buf, size_t len)
{
	struct km_clock_fit f = { .known = true, .error_ns = 1000 };
	struct km_marks here = { 0 }, there = { 0 };
	struct km_err err = { 0 };
	struct km_pause p;
	double sum = 0;

	if (km_marks_parse(&there, buf, len, &err)) {
		must(err.text[0]);
		return;
	}
	fuzz_accepted++;
	here.ns[KM_MARK_STOPPED] = NOW;
	here.ns[KM_MARK_ANSWERED] = NOW + KM_MARKS;
	km_blackout(&here, &there, &f, &p);
	for (unsigned int i = 0; i < p.nparts; i++) {
		must(p.part[i].took_ms >= 0);
		sum += p.part[i].took_ms;
	}
	must(p.nparts && sum - p.total_ms < 1e-9 && p.total_ms - sum < 1e-9);
	must(p.total_ms <= (KM_MARKS + 1) / 1e6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *payload;

	if (len < KM_WIRE_HEADER_BYTES)
		return 0;
	len -= KM_WIRE_HEADER_BYTES;
	payload = malloc(len ? len : 1);
	memcpy(payload, data + KM_WIRE_HEADER_BYTES, len);
	header(data, payload, len);
	clocks(payload, len);
	marks(payload, len);
	free(payload);
	return 0;
}
