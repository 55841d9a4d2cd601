// SPDX-License-Identifier: GPL-2.0
/* What a monitor says: events, answers and nonsense, all there at once, and then the
 * end.  The reader is static, so its file is taken in whole. */
#include "../../user/ctl/qmp.c" // NOLINT

#include "fuzz.h"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const says[] = {
		"{\"event\": \"STOP\", \"timestamp\": {}}\r\n{\"return\": {\"status\": \"paused\"}, \"id\": 1}\r\n",
		"{\"return\": \"a } b \\\" c \\\\\\r\\nd {[\", \"id\": 1}\r\n{\"event\": \"X\"}{\"event\": \"Y\"}",
		("{\n  \"id\": 1,\n  \"error\": {\n \"class\": \"CommandNotFound\",\n \"desc\": \"\\u001b[31m\"}\n}\n"
		 "{\"return\": [1, [2, {\"x\": null}]], \"id\": 2}\n"),
		"{\"id\": 7, \"return\": {}}{\"error\": {\"desc\": \"no\"}}",
	};

	return i < sizeof(says) / sizeof(says[0]) ? fuzz_text(buf, says[i]) : 0;
}

static void talk(int fd)
{
	struct km_qmp q = { .fd = fd, .events = json_array() };
	struct km_err err = { 0 };
	json_t *v;
	int rc = 0;

	for (int i = 0; i < 2 && !rc; i++) {
		rc = km_qmp_exec(&q, "query-status", NULL, &v, 1000, &err);
		fuzz_accepted += !rc || rc == -EREMOTEIO || rc == -EOPNOTSUPP;
		must(!rc == !!v && (!rc || err.text[0]));
		json_decref(v);
	}
	while (!km_qmp_event(&q, &v, 1000, &err)) {
		must(json_is_object(v) && json_object_get(v, "event"));
		json_decref(v);
	}
	must(q.len <= q.size && q.size <= QMP_MESSAGE_MAX);
	close(fd);
	json_decref(q.reply);
	json_decref(q.events);
	free(q.buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		abort();
	if (len && write(fd[1], data, len) != (ssize_t)len)
		abort();
	/* No more from there, but what it is told still finds room. */
	shutdown(fd[1], SHUT_WR);
	talk(fd[0]);
	close(fd[1]);
	return 0;
}
