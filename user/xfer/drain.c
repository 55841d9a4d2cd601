// SPDX-License-Identifier: GPL-2.0
#include "drain.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

void km_drain(int fd)
{
	char buf[65536];
	ssize_t n;

	do {
		n = read(fd, buf, sizeof(buf));
	} while (n > 0 || (n < 0 && errno == EINTR));
}

static void *drain_main(void *arg)
{
	km_drain((int)(intptr_t)arg);
	return NULL;
}

void km_drain_all(const int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		pthread_t t;

		if (!pthread_create(&t, NULL, drain_main, (void *)(intptr_t)fds[i]))
			pthread_detach(t);
	}
}
