/* SPDX-License-Identifier: GPL-2.0 */
/* A QMP server in a thread: for each connection it plays a script. */
#ifndef FAKEQMP_H
#define FAKEQMP_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FAKE_GREETING                                                                              \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "         \
	"\"package\": \"fake\"}, \"capabilities\": [\"oob\"]}}\r\n"

struct fake {
	char path[108];
	int listener;
	pthread_t thread;
	void (*serve)(struct fake *f, int fd);
	int requests; /* read so far */
};

static inline int fake_listen(const char *path, int backlog)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.107s", path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, backlog))
		abort();
	return fd;
}

static inline void fake_say(int fd, const char *text)
{
	for (size_t len = strlen(text); len;) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* One request line; its "id" as text ("" when there is none). */
static inline int fake_read(struct fake *f, int fd, char *line, size_t size, char id[32])
{
	size_t n = 0;
	const char *p;

	id[0] = '\0';
	while (n < size - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	if (!n)
		return -1;
	f->requests++;
	p = strstr(line, "\"id\":");
	if (p)
		sscanf(p + 5, "%31[0-9]", id);
	return 0;
}

static inline void fake_answer(int fd, const char *id, const char *value)
{
	char text[4096];

	snprintf(text, sizeof(text), "{\"return\": %s, \"id\": %s}\r\n", value, id);
	fake_say(fd, text);
}

/* Greets and answers qmp_capabilities. */
static inline void fake_hello(struct fake *f, int fd)
{
	char line[4096];
	char id[32];

	fake_say(fd, FAKE_GREETING);
	if (!fake_read(f, fd, line, sizeof(line), id))
		fake_answer(fd, id, "{}");
}

static inline void *fake_main(void *arg)
{
	struct fake *f = arg;
	int fd;

	while ((fd = accept(f->listener, NULL, NULL)) >= 0) {
		f->serve(f, fd);
		close(fd);
	}
	return NULL;
}

static inline void fake_start(struct fake *f, void (*serve)(struct fake *f, int fd))
{
	snprintf(f->path, sizeof(f->path), "/tmp/kmigrate-unit-%d.sock", (int)getpid());
	f->serve = serve;
	f->requests = 0;
	f->listener = fake_listen(f->path, 5);
	if (pthread_create(&f->thread, NULL, fake_main, f))
		abort();
}

static inline void fake_stop(struct fake *f)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listener);
	unlink(f->path);
}

#endif
