// SPDX-License-Identifier: GPL-2.0
/* The texts in which QEMU's monitor shows its memory; the first byte says which. */
#include <errno.h>
#include "ctl/ramtext.h"
#include "fuzz.h"

#define ADDR 0x1000
#define TEN  "a234567890"
#define NAME254                                                                                 \
	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN \
		TEN TEN TEN "abcd"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const texts[] = {
		"b              Block Name    PSize     Offset       Used      Total\n"
		"                  pc.ram    4 KiB  0x0000000000000000 0x0000000180000000 0x0000000180000000\n"
		"   0000:00:02.0/vga.vram    4 KiB  0x0000000180080000 0x0000000001000000 0x0000000001000000\n"
		"             a name x 1 B    2 MiB  0x0000000181100000 0x0000000000020000 0x0000000000200000\n"
		"                            4 KiB  0x0000000181400000 0x0000000000001000 0x0000000000001000\n",
		"b Block Name PSize Offset Used Total HVA RO\r\n"
		"pc.ram    4 KiB  0x0 0x0000000180000000 0x0000000180000000 0x00007f2a5bfff000  rw\r\n"
		"pc.bios    4 KiB  0x180000000 0x40000 0x40000 0x00007f2c22e00000  ro\r\n",
		"mFlatView #2\n AS \"memory\", root: system\n AS \"cpu-memory-0\", root: system\n"
		" Root memory region: system\n"
		"  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM\n"
		"  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem\n"
		"  00000000000e0000-00000000000fffff (prio 0, romd): system.flash0 @0000000000020000\n"
		"  0000000100000000-00000001bfffffff (prio 0, nv-ram): a name @ b @00000000c0000000\n"
		"\nFlatView #3\n AS \"I/O\", root: io\n",
		"gHost virtual address for 0x1000 (pc.ram) is 0x7f2a5c000000\r\n",
		"gHost virtual address for 0x1000 (a (b) c) is 0x10\n",
		/* Names that just fit. */
		"gHost virtual address for 0x1000 (" NAME254 ") is 0x10\n",
		"b Block Name PSize Offset Used Total\n" NAME254 "    4 KiB  0x0 0x40000 0x40000\n",
		"rpc.ram\npc.ram",
		"r0000:00:02.0/vga.vram\nvga.vram",
	};

	return i < sizeof(texts) / sizeof(texts[0]) ? fuzz_text(buf, texts[i]) : 0;
}

static void blocks(const char *text)
{
	static struct km_blocks b;
	struct km_err err = { 0 };
	bool has_hva;

	if (km_ramtext_blocks(text, &b, &has_hva, &err)) {
		must(err.text[0]);
		return;
	}
	fuzz_accepted++;
	must(b.n >= 1 && b.n <= KM_BLOCKS_MAX);
	for (unsigned int i = 0; i < b.n; i++) {
		must(b.b[i].name[0] && memchr(b.b[i].name, '\0', sizeof(b.b[i].name)));
		must(has_hva || !b.b[i].hva);
		for (unsigned int k = 0; k < i; k++)
			must(strcmp(b.b[i].name, b.b[k].name));
	}
}

static void ranges(const char *text)
{
	struct km_err err = { 0 };
	struct km_range *r;
	size_t n;

	if (km_ramtext_ranges(text, &r, &n, &err)) {
		must(err.text[0] && !r);
		return;
	}
	fuzz_accepted++;
	must(n >= 1);
	for (size_t i = 0; i < n; i++)
		must(r[i].name[0] && memchr(r[i].name, '\0', sizeof(r[i].name)) &&
		     r[i].start <= r[i].last);
	free(r);
}

static void address(const char *text)
{
	char name[256];
	uint64_t hva;
	int rc = km_ramtext_gpa2hva(text, ADDR, name, &hva);

	must(!rc || rc == -EPROTO || rc == -ENXIO);
	if (rc)
		return;
	fuzz_accepted++;
	must(name[0] && memchr(name, '\0', sizeof(name)));
}

static void regions(char *text)
{
	char *region = strchr(text, '\n');

	if (!region)
		return;
	*region++ = '\0';
	if (!km_ramtext_same_region(text, region))
		return;
	fuzz_accepted++;
	must(*region && strlen(region) <= strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (!len)
		return 0;
	text = fuzz_string(data + 1, len - 1);
	switch (data[0]) {
	case 'b':
		blocks(text);
		break;
	case 'm':
		ranges(text);
		break;
	case 'g':
		address(text);
		break;
	case 'r':
		regions(text);
		break;
	}
	free(text);
	return 0;
}
