// SPDX-License-Identifier: GPL-2.0
/*
 * IDE disks, by programmed I/O on the primary channel (ATA-7, 6.4 and 11.6.4; QEMU's
 * hw/ide/core.c): a sector is read, must be what was written there last, and is written anew.
 * What that was is in memory, so this also says whether the two moved together.
 */
#include "flat.h"

#define DATA	0x1f0
#define COUNT	0x1f2
#define LBA_LOW	0x1f3
#define LBA_MID	0x1f4
#define LBA_HIGH 0x1f5
#define DRIVE	0x1f6
#define STATUS	0x1f7		/* reading */
#define COMMAND	0x1f7		/* writing */
#define CONTROL	0x3f6

#define BSY	0x80
#define DRQ	0x08
#define ERR	0x01
#define READ	0x20
#define WRITE	0x30
#define NO_IRQ	0x02

#define SECTORS	256		/* of each disk that are written */
#define APART	128		/* 64 KiB, so that a mirror takes each by itself */
#define WORDS	128

static struct {
	u32 iter[2][SECTORS];	/* what each must hold: 0 = nobody has written it */
	u32 next, disk;
	u32 buf[WORDS];
} ide;

/* Each look takes QEMU's global lock, which who completes the request needs, too. */
static u8 await(u8 want)
{
	u32 n;
	u8 s;

	while ((s = inb(STATUS)) & BSY || ((s & want) != want && !(s & ERR)))
		for (n = 0; n < 100; n++)
			pause();
	return s;
}

static void command(u32 disk, u32 lba, u8 cmd)
{
	await(0);
	outb(CONTROL, NO_IRQ);
	outb(DRIVE, 0xe0 | disk << 4 | (lba >> 24 & 15));
	await(0);
	outb(COUNT, 1);
	outb(LBA_LOW, lba);
	outb(LBA_MID, lba >> 8);
	outb(LBA_HIGH, lba >> 16);
	outb(COMMAND, cmd);
	if (await(DRQ) & ERR)
		die("disk error");
}

static void read_sector(u32 disk, u32 lba)
{
	void *to = ide.buf;
	u32 n = WORDS;

	command(disk, lba, READ);
	__asm__ volatile("rep insl" : "+D"(to), "+c"(n) : "d"(DATA) : "memory");
}

static void write_sector(u32 disk, u32 lba)
{
	const void *from = ide.buf;
	u32 n = WORDS;

	command(disk, lba, WRITE);
	__asm__ volatile("rep outsl" : "+S"(from), "+c"(n) : "d"(DATA) : "memory");
	if (await(0) & ERR)
		die("disk write error");
}

static u32 word(u32 disk, u32 i, u32 iter, u32 w)
{
	return mix(params.seed + disk * 7919 + i * GOLDEN + iter) + w * GOLDEN;
}

static void check(u32 disk, u32 i)
{
	u32 iter = ide.iter[disk][i], w, want;

	for (w = 0; w < WORDS; w++) {
		want = word(disk, i, iter, w);
		if (ide.buf[w] == want)
			continue;
		counters.wrong++;
		print("flat: WRONG disk=%u sector=%u word=%u expected=0x%x got=0x%x "
		      "iteration=%u tick=%u\n", disk, i * APART, w, want, ide.buf[w], iter,
		      ticker.count);
		return;
	}
	counters.verified++;
}

void disk_work(void)
{
	u32 disk = ide.disk, i = ide.next, w;

	if (ide.iter[disk][i]) {
		read_sector(disk, i * APART);
		check(disk, i);
	}
	ide.iter[disk][i]++;
	for (w = 0; w < WORDS; w++)
		ide.buf[w] = word(disk, i, ide.iter[disk][i], w);
	write_sector(disk, i * APART);
	counters.disk++;
	ide.disk = disk + 1 < params.disks ? disk + 1 : 0;
	if (!ide.disk)
		ide.next = (i + 1) % SECTORS;
}
