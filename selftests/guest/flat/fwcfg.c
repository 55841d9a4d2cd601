// SPDX-License-Identifier: GPL-2.0
/*
 * fw_cfg by DMA (QEMU: docs/specs/fw_cfg.rst): the device model copies a file into guest
 * RAM while the vCPU waits in one outl. All fields are big endian.
 */
#include "flat.h"

#define FW_CFG_DMA_LOW	0x518		/* writing the low half of the address starts */
#define FW_CFG_SELECT	0x510
#define FW_CFG_DATA	0x511
#define FW_CFG_ID	0x0001
#define FW_CFG_FILE_DIR	0x0019
#define CTL_ERROR	1
#define CTL_READ	2
#define CTL_SKIP	4
#define CTL_SELECT	8

struct dma_access {
	u32 control, length, address_high, address;
};

struct dir_entry {
	u32 size;
	u16 select, reserved;
	char name[56];
};

static volatile struct dma_access dma;

static void dma_run(u32 control, void *to, u32 len)
{
	dma.control = __builtin_bswap32(control);
	dma.length = __builtin_bswap32(len);
	dma.address_high = 0;
	dma.address = __builtin_bswap32((u32)to);
	outl(FW_CFG_DMA_LOW, __builtin_bswap32((u32)&dma));
	/* Done when outl returns, but the specification says to wait. */
	while (dma.control & ~__builtin_bswap32(CTL_ERROR))
		pause();
	if (dma.control)
		die("fw_cfg DMA error");
}

static int same_name(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static u8 read_byte(u16 key, u32 at)
{
	u8 v = 0;

	__asm__ volatile("outw %0, %1" : : "a"(key), "Nd"((u16)FW_CFG_SELECT));
	do {
		v = inb(FW_CFG_DATA);
	} while (at--);
	return v;
}

int fwcfg_find(const char *name, struct fwcfg_file *f)
{
	static struct dir_entry e;
	u32 count, i;

	if (read_byte(0, 0) != 'Q' || !(read_byte(FW_CFG_ID, 0) & 2))
		return 0;
	dma_run(CTL_SELECT | CTL_READ | FW_CFG_FILE_DIR << 16, &count, sizeof(count));
	count = __builtin_bswap32(count);
	for (i = 0; i < count; i++) {
		dma_run(CTL_READ, &e, sizeof(e));
		if (!same_name(e.name, name))
			continue;
		f->key = __builtin_bswap16(e.select);
		f->size = __builtin_bswap32(e.size);
		return 1;
	}
	return 0;
}

/* The next read begins SKIP bytes into the file. */
void fwcfg_select(const struct fwcfg_file *f, u32 skip)
{
	dma_run(CTL_SELECT | CTL_SKIP | f->key << 16, 0, skip);
}

void fwcfg_read(void *to, u32 len)
{
	dma_run(CTL_READ, to, len);
}

/* Past an item's end there are zeros; the signature, item 0, has four bytes. */
void fwcfg_clear(void *to, u32 len)
{
	dma_run(CTL_SELECT | CTL_SKIP, 0, 4);
	dma_run(CTL_READ, to, len);
}
