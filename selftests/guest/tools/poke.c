// SPDX-License-Identifier: GPL-2.0
/*
 * poke: changes single bytes of a guest's memory behind everybody's back (through
 * /proc/PID/mem), as a migration that loses a page does. For testing the tests.
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

static int poke(struct client *c, const char *pid, const char *gpa)
{
	unsigned long address = host_address(c, gpa);

	if (!address)
		return -1;
	if (flip(pid, address)) {
		fprintf(stderr, "poke: process %s: %s\n", pid, strerror(errno));
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct client c;
	int rc = 0;

	if (argc < 4) {
		fprintf(stderr, "usage: poke QMP-SOCKET PID GUEST-PHYSICAL-ADDRESS...\n");
		return 2;
	}
	if (client_open(&c, argv[1])) {
		fprintf(stderr, "poke: %s: %s\n", argv[1], c.error);
		rc = -1;
	}
	for (int i = 3; !rc && i < argc; i++)
		rc = poke(&c, argv[2], argv[i]);
	client_close(&c);
	return rc ? 1 : 0;
}
