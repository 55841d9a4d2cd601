/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few instructions and types that the flat guest needs. No standard headers:
 * <stdint.h> of a 64-bit machine wants 32-bit glibc headers under -m32.
 */
#ifndef FLAT_PC_H
#define FLAT_PC_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;

#define PAGE_SIZE	4096u
#define PAGE_SHIFT	12
#define PAGE_WORDS	(PAGE_SIZE / 4)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static inline void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline u8 inb(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline u32 inl(u16 port)
{
	u32 v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline u64 rdtsc(void)
{
	u64 v;

	__asm__ volatile("rdtsc" : "=A"(v));
	return v;
}

static inline void irq_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void irq_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/* sti takes effect after the next instruction (SDM vol. 2, STI), so no tick is missed. */
static inline void irq_on_and_halt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

static inline void pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

#endif
