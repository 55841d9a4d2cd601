// SPDX-License-Identifier: GPL-2.0
/* The monitor's texts about memory, of QEMU 7.2 and 8.0, whole and damaged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "ctl/ramtext.h"

static const char blocks72[] =
	"              Block Name    PSize              Offset               Used              Total\n"
	"                  pc.ram    4 KiB  0x0000000000000000 0x0000000180000000 0x0000000180000000\n"
	"   0000:00:02.0/vga.vram    4 KiB  0x0000000180080000 0x0000000001000000 0x0000000001000000\n"
	"    /rom@etc/acpi/tables    4 KiB  0x0000000181100000 0x0000000000020000 0x0000000000200000\n"
	"             a name x 1 B    2 MiB  0x0000000181100000 0x0000000000020000 0x0000000000200000\n"
	"                            4 KiB  0x0000000181400000 0x0000000000001000 0x0000000000001000\n";

static const char blocks80[] =
	"              Block Name    PSize              Offset               Used              Total"
	"                HVA  RO\r\n"
	"                  pc.ram    4 KiB  0x0000000000000000 0x0000000180000000 0x0000000180000000"
	" 0x00007f2a5bfff000  rw\r\n"
	"                 pc.bios    4 KiB  0x0000000180000000 0x0000000000040000 0x0000000000040000"
	" 0x00007f2c22e00000  ro\r\n";

static void blocks(bool *ok)
{
	static struct km_blocks b;
	struct km_err err = { 0 };
	bool hva;

	CHECK(!km_ramtext_blocks(blocks72, &b, &hva, &err) && !hva && b.n == 4);
	CHECK(!strcmp(b.b[0].name, "pc.ram") && b.b[0].used_bytes == 0x180000000 && !b.b[0].hva);
	CHECK(!strcmp(b.b[1].name, "0000:00:02.0/vga.vram") && b.b[1].gpa == UINT64_MAX);
	CHECK(b.b[2].used_bytes == 0x20000); /* not the total */
	CHECK(!strcmp(b.b[3].name, "a name x 1 B"));
	CHECK(!km_ramtext_blocks(blocks80, &b, &hva, &err) && hva && b.n == 2);
	CHECK(b.b[0].hva == 0x7f2a5bfff000 && b.b[1].hva == 0x7f2c22e00000);
	CHECK(!strcmp(b.b[1].name, "pc.bios") && b.b[1].used_bytes == 0x40000);
}

#define HEAD "Block Name PSize Offset Used Total\n"

static void bad_blocks(bool *ok)
{
	static const char *const bad[] = {
		"",
		"unknown command: 'info ramblock'\n",
		HEAD,
		HEAD "pc.ram 4 KiB 0x0 0x1000\n",
		HEAD "pc.ram 4 KiB 0x0 0x2000 0x1000\n", /* more used than there is */
		HEAD "pc.ram 4 KiB 0x0 0xzz 0x1000\n",
		HEAD "pc.ram 4 KiB 0x0 4096 0x1000\n",
		HEAD "pc.ram 4 KiB 0x0 0x11111111111111111 0x1000\n",
		HEAD "pc.ram four 0x0 0x1000 0x1000\n",
		HEAD "0x0 0x1000 0x1000\n",
		HEAD "a 4 KiB 0x0 0x1000 0x1000\na 4 KiB 0x0 0x1000 0x1000\n",
		"Block Name Used HVA\npc.ram 4 KiB 0x0 0x1000 0x1000\n",
	};
	static struct km_blocks b;
	static char many[KM_BLOCKS_MAX * 64];
	struct km_err err;
	bool hva;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		if (!km_ramtext_blocks(bad[i], &b, &hva, &err))
			printf("# accepted: %s\n", bad[i]);
		CHECK(km_ramtext_blocks(bad[i], &b, &hva, &err) == -EPROTO && err.text[0]);
	}
	strcpy(many, HEAD);
	for (int i = 0; i <= KM_BLOCKS_MAX; i++)
		sprintf(many + strlen(many), "b%d 4 KiB 0x0 0x1000 0x1000\n", i);
	CHECK(km_ramtext_blocks(many, &b, &hva, &err) == -E2BIG);
}

static const char mtree[] =
	"FlatView #0\n AS \"i440FX\", root: bus master container\n Root memory region: (none)\n"
	"  No rendered FlatView\n\n"
	"FlatView #1\n AS \"cpu-smm-0\", root: memory\n Root memory region: memory\n"
	"  0000000000000000-000000000009ffff (prio 0, ram): wrong\n\n"
	"FlatView #2\n AS \"memory\", root: system\n AS \"cpu-memory-0\", root: system\n"
	" Root memory region: system\n"
	"  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM\n"
	"  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem\n"
	"  00000000000c0000-00000000000dffff (prio 1, rom): pc.rom KVM\n"
	"  00000000000e0000-00000000000fffff (prio 0, romd): system.flash0 @0000000000020000\n"
	"  0000000000100000-00000000bfffffff (prio 0, ram): pc.ram @0000000000100000 KVM KVM\n"
	"  00000000f0000000-00000000f0ffffff (prio 1, ramd): 0000:01:00.0 BAR 0 mmaps[0]\n"
	"  0000000100000000-00000001bfffffff (prio 0, nv-ram): a name @ b @00000000c0000000\n"
	"  0000000200000000-00000001bfffffff (prio 0, ram): backwards\n"
	"  0000000300000000-00000003bfffffff (prio 0, ram): x @zz\n\n"
	"FlatView #3\n AS \"I/O\", root: io\n Root memory region: io\n"
	"  0000000000000000-0000000000000007 (prio 0, ram): late\n\n";

static void ranges(bool *ok)
{
	struct km_err err = { 0 };
	struct km_range *r;
	size_t n;

	CHECK(!km_ramtext_ranges(mtree, &r, &n, &err) && n == 4);
	CHECK(!strcmp(r[0].name, "pc.ram") && r[0].last == 0x9ffff && !r[0].offset);
	CHECK(!strcmp(r[1].name, "pc.rom"));
	CHECK(!strcmp(r[2].name, "system.flash0") && r[2].offset == 0x20000);
	CHECK(!strcmp(r[3].name, "pc.ram") && r[3].start == 0x100000 && r[3].offset == 0x100000);
	free(r);
	CHECK(km_ramtext_ranges("unknown command\n", &r, &n, &err) == -EPROTO && !r);
	CHECK(km_ramtext_ranges("", &r, &n, &err) == -EPROTO && !r);
}

static void addresses(bool *ok)
{
	char name[256];
	uint64_t hva = 0;

	CHECK(!km_ramtext_gpa2hva("Host virtual address for 0x1000 (pc.ram) is 0x7f2a5c000000\r\n",
				  0x1000, name, &hva));
	CHECK(hva == 0x7f2a5c000000 && !strcmp(name, "pc.ram"));
	CHECK(!km_ramtext_gpa2hva("Host virtual address for 0x0 (a (b) c) is 0x10\n", 0, name,
				  &hva));
	CHECK(!strcmp(name, "a (b) c"));
	CHECK(km_ramtext_gpa2hva("Memory at address 0xa0000is not RAM\n", 0xa0000, name, &hva) ==
	      -ENXIO);
	CHECK(km_ramtext_gpa2hva("No memory is mapped at address 0xff\n", 0xff, name, &hva) ==
	      -ENXIO);
	/* An answer about another address is no answer. */
	CHECK(km_ramtext_gpa2hva("Host virtual address for 0x2000 (pc.ram) is 0x10\n", 0x1000, name,
				 &hva) == -EPROTO);
	CHECK(km_ramtext_gpa2hva("Host virtual address for 0x0 () is 0x10\n", 0, name, &hva) ==
	      -EPROTO);
	CHECK(km_ramtext_gpa2hva("Host virtual address for 0x0 (x) is (nil)\n", 0, name, &hva) ==
	      -EPROTO);
	CHECK(km_ramtext_gpa2hva("Host virtual address for 0x0 (x) is 0x1 2\n", 0, name, &hva) ==
	      -EPROTO);
	CHECK(km_ramtext_gpa2hva("", 0, name, &hva) == -EPROTO);
}

static void regions(bool *ok)
{
	CHECK(km_ramtext_same_region("pc.ram", "pc.ram"));
	CHECK(km_ramtext_same_region("0000:00:02.0/vga.vram", "vga.vram"));
	CHECK(km_ramtext_same_region("/objects/m", "/objects/m"));
	CHECK(!km_ramtext_same_region("/objects/m", "m"));
	CHECK(!km_ramtext_same_region("xpc.ram", "pc.ram"));
	CHECK(!km_ramtext_same_region("pc.ram", "0000:00:02.0/pc.ram"));
	CHECK(!km_ramtext_same_region("pc.ram", ""));
}

/* Bytes changed and texts cut: never a crash, never a name without an end. */
static void damaged(bool *ok)
{
	static struct km_blocks b;
	unsigned int seed = 2;
	char text[sizeof(mtree)];
	struct km_range *r;
	char name[256];
	uint64_t hva;
	size_t n;
	bool has;

	for (int i = 0; i < 30000; i++) {
		const char *from = i % 3 == 0 ? mtree : i % 3 == 1 ? blocks72 : blocks80;
		size_t len = strlen(from);

		memcpy(text, from, len + 1);
		for (int k = rand_r(&seed) % 8; k >= 0; k--)
			text[(size_t)rand_r(&seed) % len] = "\n 0xf@(),:\xff-K"[rand_r(&seed) % 13];
		text[len - (size_t)rand_r(&seed) % (len / 2)] = '\0';
		if (!km_ramtext_blocks(text, &b, &has, NULL))
			for (unsigned int k = 0; k < b.n; k++)
				CHECK(memchr(b.b[k].name, 0, sizeof(b.b[k].name)) &&
				      b.b[k].name[0]);
		if (!km_ramtext_ranges(text, &r, &n, NULL))
			for (size_t k = 0; k < n; k++)
				CHECK(memchr(r[k].name, 0, 256) && r[k].start <= r[k].last);
		free(r);
		km_ramtext_gpa2hva(text, 0, name, &hva);
	}
}

static const struct ktap_case cases[] = {
	{ "lists of RAM blocks", blocks },
	{ "lists that are none", bad_blocks },
	{ "info mtree -f", ranges },
	{ "gpa2hva", addresses },
	{ "names of blocks and regions", regions },
	{ "damaged texts", damaged },
};

KTAP_MAIN(cases)
