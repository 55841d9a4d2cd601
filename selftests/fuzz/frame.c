// SPDX-License-Identifier: GPL-2.0
/* A peer that says anything on a socket: messages until one is bad or the end comes.
 * The first byte tells to give the messages right checksums, or else nothing behind
 * the first check would ever be reached. */
#include <sys/socket.h>
#include <unistd.h>
#include "fuzz.h"
#include "xfer/bytes.h"
#include "xfer/frame.h"

static size_t put_message(uint8_t *buf, enum km_op op, const char *text)
{
	size_t len = strlen(text);

	km_wire_seal(buf, op, 1, text, (uint32_t)len);
	memcpy(buf + KM_WIRE_HEADER_BYTES, text, len);
	return KM_WIRE_HEADER_BYTES + len;
}

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	size_t len = 1;

	if (i >= 3)
		return 0;
	buf[0] = (uint8_t)i;
	len += put_message(buf + len, KM_OP_HELLO, "{\"id\": \"x\", \"argv\": [\"qemu\", \"-S\"]}");
	len += put_message(buf + len, KM_OP_PING, "");
	len += put_message(buf + len, KM_OP_BLOCKS,
			   "{\"blocks\": [{\"name\": \"a\", \"bytes\": 4096}]}");
	if (i > 1)
		len += put_message(buf + len, KM_OP_ABORT, "[1]");
	return len;
}

/* Seals each message anew as long as its length fits. */
static void seal_again(uint8_t *p, size_t len)
{
	while (len >= KM_WIRE_HEADER_BYTES) {
		uint32_t n = km_get_le32(p + 8);
		unsigned int op = km_get_le16(p + 6);

		if (n > len - KM_WIRE_HEADER_BYTES || !op || op >= KM_OP_LAST)
			return;
		km_wire_seal(p, (enum km_op)op, km_get_le64(p + 16), p + KM_WIRE_HEADER_BYTES, n);
		p += KM_WIRE_HEADER_BYTES + n;
		len -= KM_WIRE_HEADER_BYTES + n;
	}
}

static void hear(int fd)
{
	struct km_err err = { 0 };
	struct km_conn c;
	enum km_op op;
	json_t *j;

	km_conn_init(&c, fd, 1000);
	while (!km_recv_json(&c, &op, &j, &err)) {
		must(op > 0 && op < KM_OP_LAST && op != KM_OP_PING && json_is_object(j));
		must(c.cap <= KM_WIRE_PAYLOAD_MAX + 1);
		json_decref(j);
		fuzz_accepted++;
	}
	must(err.text[0]);
	km_conn_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fd[2];

	if (!len)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		abort();
	/* A socket holds more than FUZZ_MAX bytes: nobody waits. */
	if (len > 1) {
		uint8_t *copy = malloc(len - 1);

		memcpy(copy, data + 1, len - 1);
		if (data[0] & 1)
			seal_again(copy, len - 1);
		if (write(fd[1], copy, len - 1) != (ssize_t)len - 1)
			abort();
		free(copy);
	}
	close(fd[1]);
	hear(fd[0]);
	return 0;
}
