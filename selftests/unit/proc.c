// SPDX-License-Identifier: GPL-2.0
/* /proc: lines of maps and net/unix, and this process as the example. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ktap.h"
#include "ctl/proc.h"
#include "ctl/vms.h"

static void map_lines(bool *ok)
{
	static const char *const bad[] = {
		"", "x", "7f00-7f00 rw-p 0 00:00 0", "7f01-7f00 rw-p 0 00:00 0",
		"7f00-7f01 rw-p 0 00:00", "7f00-7f01 rw 0 00:00 0", "7f00 7f01 rw-p 0 00:00 0",
	};
	struct km_map m;

	CHECK(km_maps_parse("7f2a5bfff000-7f2bdbfff000 rw-s 00001000 00:01 37       /memfd:x (deleted)",
			    &m));
	CHECK(m.start == 0x7f2a5bfff000 && m.end == 0x7f2bdbfff000 && m.offset == 0x1000);
	CHECK(m.read && m.write && !m.exec && m.shared && m.inode == 37 && m.minor == 1);
	CHECK(km_map_backing(&m) == KM_BACKING_SHARED);
	CHECK(km_maps_parse("7f00-8f00 rw-p 00000000 00:00 0", &m) && !m.shared);
	CHECK(km_map_backing(&m) == KM_BACKING_ANON);
	CHECK(km_maps_parse("7f00-8f00 r-xp 00000000 fe:01 99 /bin/x", &m) && !m.write && m.exec);
	CHECK(km_map_backing(&m) == KM_BACKING_PRIVATE_FILE && m.major == 0xfe);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!km_maps_parse(bad[i], &m));
}

static void own_maps(bool *ok)
{
	int fd = memfd_create("kmigrate-unit", 0);
	struct km_map *maps;
	bool found = false;
	size_t n;
	char *p;

	CHECK(fd >= 0 && !ftruncate(fd, 8192));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	CHECK(!km_maps_read(getpid(), &maps, &n) && n > 10);
	for (size_t i = 0; i < n; i++) {
		CHECK(!i || maps[i].start >= maps[i - 1].end);
		if (maps[i].start == (uint64_t)(uintptr_t)p)
			found = maps[i].shared && maps[i].offset == 4096 && maps[i].inode;
	}
	CHECK(found);
	free(maps);
	munmap(p, 4096);
	close(fd);
	CHECK(km_maps_read(0x7ffffffe, &maps, &n) < 0 && !maps && !n);
}

/* A heap that grew between two reads of the file. */
static void grown_maps(bool *ok)
{
	char text[] = "1000-2000 r--p 00000000 fe:01 99 /bin/x\n"
		      "3000-5000 rw-p 00000000 00:00 0 [heap]\n"
		      "3000-9000 rw-p 00000000 00:00 0 [heap]\n"
		      "a000-b000 rw-p 00000000 00:00 0";
	struct km_map *maps;
	size_t n;

	CHECK(!km_maps_of(text, &maps, &n) && n == 3);
	CHECK(maps[0].end == 0x2000 && maps[1].start == 0x3000 && maps[1].end == 0x9000);
	CHECK(maps[2].start == 0xa000);
	free(maps);
}

static void unix_lines(bool *ok)
{
	const char *text =
		"Num       RefCount Protocol Flags    Type St Inode Path\n"
		"ffff8881: 00000002 00000000 00010000 0001 01 12345 /run/a b.sock\n"
		"0000000000000000: 00000003 00000000 00000000 0001 03 12346 /run/a b.sock\n"
		"0000000000000000: 00000003 00000000 00000000 0001 03 12347\n"
		"junk\n\n"
		"0000000000000000: 00000002 00000000 00010000 0001 01 18446744073709551615 @abs\n";
	struct km_unix u;

	CHECK(km_unix_next(&text, &u) && u.listening && !u.connected && u.inode == 12345);
	CHECK(!strcmp(u.path, "/run/a b.sock"));
	CHECK(km_unix_next(&text, &u) && !u.listening && u.connected);
	CHECK(km_unix_next(&text, &u) && !u.path[0] && u.inode == 12347);
	CHECK(km_unix_next(&text, &u) && !strcmp(u.path, "@abs") && u.inode == UINT64_MAX);
	CHECK(!km_unix_next(&text, &u));
}

static void own_fds(bool *ok)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	struct km_fds f;

	km_fds_read(getpid(), &f);
	CHECK(f.readable && !f.kvm_vm && !f.vfio);
	CHECK(km_fds_socket(&f, s) && km_fds_has_socket(&f, km_fds_socket(&f, s)));
	CHECK(!km_fds_socket(&f, 9999) && !km_fds_has_socket(&f, 0));
	km_fds_free(&f);
	close(s);
	km_fds_read(0x7ffffffe, &f);
	CHECK(!f.readable && !f.nsockets);
	CHECK(km_proc_same_root(getpid()) && !km_proc_same_root(0x7ffffffe));
}

static void own_argv(bool *ok)
{
	struct km_err err = { 0 };
	char **argv;

	CHECK(!km_argv_read(getpid(), &argv, &err) && strstr(argv[0], "proc") && !argv[1]);
	km_argv_free(argv);
	CHECK(km_argv_read(0x7ffffffe, &argv, &err) == -ESRCH && !argv && err.text[0]);
	km_argv_free(NULL);
}

static const struct ktap_case cases[] = {
	{ "lines of maps", map_lines },
	{ "maps of a process", own_maps },
	{ "maps that grew meanwhile", grown_maps },
	{ "lines of net/unix", unix_lines }, { "descriptors of a process", own_fds },
	{ "argv of a process", own_argv },
};

KTAP_MAIN(cases)
