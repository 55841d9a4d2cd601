// SPDX-License-Identifier: GPL-2.0
/*
 * compare: are two stopped guests' memories equal, page by page? All that the guest's
 * physical address space shows as RAM or ROM (the VGA's memory included) is read by QEMU's
 * own pmemsave, so nothing of kmigrate takes part. With --range it is that part alone, which
 * the caller knows that nobody writes: then the guests may run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define PAGE		4096u
#define CHUNK		(32u << 20)
#define MAX_RANGES	64
#define MAX_ALLOWED	16
#define MAX_TOLD	32

struct range {
	unsigned long first, end;
};

struct side {
	struct client client;
	const char *path;
	char file[64];
	unsigned char *bytes;	/* of the chunk being looked at */
	struct range range[MAX_RANGES];
	int ranges;
};

static struct side a, b;
static unsigned long allowed[MAX_ALLOWED];
static int nallowed;
static struct range only;	/* --range, or empty */
static unsigned long pages, differ, tolerated;

static void die(const char *who, const char *why)
{
	fprintf(stderr, "compare: %s: %s\n", who, why);
	exit(2);
}

static void open_side(struct side *s, const char *path)
{
	json_t *reply;
	int fd;

	s->path = path;
	if (client_open(&s->client, path))
		die(path, s->client.error);
	reply = client_command(&s->client, "query-status", NULL);
	if (!reply || (!only.end && json_is_true(json_object_get(reply, "running"))))
		die(path, reply ? "the guest is running" : s->client.error);
	json_decref(reply);
	snprintf(s->file, sizeof(s->file), "/tmp/compare.XXXXXX");
	fd = mkstemp(s->file);
	if (fd < 0 || ftruncate(fd, CHUNK))
		die(s->file, strerror(errno));
	close(fd);
}

/* "  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM" */
static void add_range(struct side *s, const char *line)
{
	struct range *last = s->ranges ? &s->range[s->ranges - 1] : NULL;
	unsigned long first, end;
	char type[16];

	if (sscanf(line, " %lx-%lx (prio %*d, %15[a-z])", &first, &end, type) != 3 ||
	    (strcmp(type, "ram") && strcmp(type, "rom")))
		return;
	if (last && last->end == first) {
		last->end = end + 1;
		return;
	}
	if (s->ranges == MAX_RANGES)
		die(s->path, "too many memory ranges");
	s->range[s->ranges].first = first;
	s->range[s->ranges++].end = end + 1;
}

/* The flat view of the address space called "memory" (QEMU: info mtree -f). */
static void find_ranges(struct side *s)
{
	char *text = client_human(&s->client, "info mtree -f"), *line, *rest = NULL;
	int in_memory = 0;

	for (line = text ? strtok_r(text, "\r\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\r\n", &rest)) {
		if (!strncmp(line, "FlatView", 8))
			in_memory = 0;
		else if (strstr(line, "AS \"memory\""))
			in_memory = 1;
		else if (in_memory)
			add_range(s, line);
	}
	free(text);
	if (!s->ranges)
		die(s->path, "no memory found by info mtree");
}

/* The ranges as far as they lie in the one that was asked for. */
static void narrow(struct side *s)
{
	int i, left = 0;

	for (i = 0; i < s->ranges; i++) {
		struct range r = s->range[i];

		if (r.first < only.first)
			r.first = only.first;
		if (r.end > only.end)
			r.end = only.end;
		if (r.first < r.end)
			s->range[left++] = r;
	}
	s->ranges = left;
	if (!left)
		die(s->path, "no memory in that range");
}

static void load(struct side *s, unsigned long from, unsigned long size)
{
	json_t *arguments, *reply;
	int fd;

	arguments = json_pack("{s:I, s:I, s:s}", "val", (json_int_t)from, "size",
			      (json_int_t)size, "filename", s->file);
	reply = client_command(&s->client, "pmemsave", arguments);
	if (!reply)
		die(s->path, s->client.error);
	json_decref(reply);
	fd = open(s->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(s->file, strerror(errno));
	s->bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (s->bytes == MAP_FAILED)
		die(s->file, strerror(errno));
	close(fd);
}

static int is_allowed(unsigned long page)
{
	int i;

	for (i = 0; i < nallowed; i++)
		if (allowed[i] / PAGE == page / PAGE)
			return 1;
	return 0;
}

static void tell(unsigned long page, const unsigned char *x, const unsigned char *y)
{
	unsigned long i, first = PAGE, bytes = 0;

	for (i = 0; i < PAGE; i++) {
		if (x[i] == y[i])
			continue;
		bytes++;
		if (first == PAGE)
			first = i;
	}
	printf("compare: %s gpa=0x%lx offset=0x%lx a=%02x b=%02x bytes=%lu\n",
	       is_allowed(page) ? "allowed" : "DIFFERS", page, first, x[first], y[first], bytes);
}

static void compare_chunk(unsigned long from, unsigned long size)
{
	unsigned long at;

	load(&a, from, size);
	load(&b, from, size);
	for (at = 0; at < size; at += PAGE) {
		pages++;
		if (!memcmp(a.bytes + at, b.bytes + at, PAGE))
			continue;
		if (is_allowed(from + at))
			tolerated++;
		else
			differ++;
		if (differ <= MAX_TOLD)
			tell(from + at, a.bytes + at, b.bytes + at);
	}
	munmap(a.bytes, size);
	munmap(b.bytes, size);
}

static void compare(void)
{
	unsigned long at, size;
	int i;

	if (a.ranges != b.ranges ||
	    memcmp(a.range, b.range, sizeof(a.range[0]) * (size_t)a.ranges))
		die(b.path, "memory lies elsewhere than at the other side");
	for (i = 0; i < a.ranges; i++) {
		for (at = a.range[i].first; at < a.range[i].end; at += size) {
			size = a.range[i].end - at;
			if (size > CHUNK)
				size = CHUNK;
			compare_chunk(at, size);
		}
	}
}

static void remove_files(void)
{
	if (a.file[0])
		unlink(a.file);
	if (b.file[0])
		unlink(b.file);
}

static void option(const char *name, const char *value)
{
	if (!strcmp(name, "--range")) {
		if (sscanf(value, "%li-%li", (long *)&only.first, (long *)&only.end) != 2 ||
		    only.first % PAGE || only.end % PAGE || only.first >= only.end)
			die(value, "a range is FIRST-END, of whole pages");
		return;
	}
	if (nallowed == MAX_ALLOWED)
		die("--allow", "too many");
	allowed[nallowed++] = strtoul(value, NULL, 0);
}

int main(int argc, char **argv)
{
	for (; argc > 2 && (!strcmp(argv[1], "--allow") || !strcmp(argv[1], "--range"));
	     argv += 2, argc -= 2)
		option(argv[1], argv[2]);
	if (argc != 3 || argv[1][0] == '-') {
		fputs("usage: compare [--allow GUEST-PHYSICAL-ADDRESS]... [--range FIRST-END] "
		      "QMP-SOCKET-A QMP-SOCKET-B\nExit status: 0 equal, 1 some page differs, "
		      "2 no comparison.\n", stderr);
		return 2;
	}
	atexit(remove_files);
	open_side(&a, argv[1]);
	open_side(&b, argv[2]);
	find_ranges(&a);
	find_ranges(&b);
	if (only.end) {
		narrow(&a);
		narrow(&b);
	}
	compare();
	client_close(&a.client);
	client_close(&b.client);
	printf("compare: pages=%lu differ=%lu allowed=%lu\n", pages, differ, tolerated);
	return differ ? 1 : 0;
}
