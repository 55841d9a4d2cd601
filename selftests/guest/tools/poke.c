// SPDX-License-Identifier: GPL-2.0
/*
 * poke: changes one byte of a guest's memory behind everybody's back (through
 * /proc/PID/mem), as a migration that loses a page does; or one in each of so many pages that
 * follow each other. For testing the tests.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

/* QEMU's own answer to where guest physical GPA is, or 0. */
static unsigned long host_address(struct client *c, const char *gpa)
{
	unsigned long address = 0;
	char line[64], *text, *at;

	snprintf(line, sizeof(line), "gpa2hva %s", gpa);
	text = client_human(c, line);
	at = text ? strstr(text, " is 0x") : NULL;
	if (at)
		address = strtoul(at + 4, NULL, 16);
	else
		fprintf(stderr, "poke: %s: %s\n", gpa, text ? text : c->error);
	free(text);
	return address;
}

static int flip(const char *pid, unsigned long address)
{
	unsigned char byte;
	char path[64];
	int fd, bad;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	bad = pread(fd, &byte, 1, (off_t)address) != 1;
	byte ^= 0x10;
	bad = bad || pwrite(fd, &byte, 1, (off_t)address) != 1;
	close(fd);
	return bad ? -1 : 0;
}

static int flip_all(const char *pid, unsigned long address, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		if (flip(pid, address + i * 4096))
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long address = 0;
	struct client c;

	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: poke QMP-SOCKET PID GUEST-PHYSICAL-ADDRESS [PAGES]\n");
		return 2;
	}
	if (client_open(&c, argv[1]))
		fprintf(stderr, "poke: %s: %s\n", argv[1], c.error);
	else
		address = host_address(&c, argv[3]);
	client_close(&c);
	if (!address)
		return 1;
	if (flip_all(argv[2], address, argc == 5 ? strtoul(argv[4], NULL, 0) : 1)) {
		fprintf(stderr, "poke: process %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	return 0;
}
