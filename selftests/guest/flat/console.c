// SPDX-License-Identifier: GPL-2.0
/* Status lines on the first serial port (8250), polled. */
#include "flat.h"

#define COM1		0x3f8
#define LSR		(COM1 + 5)
#define LSR_DATA	0x01
#define LSR_EMPTY	0x20

void console_init(void)
{
	outb(COM1 + 1, 0);		/* no interrupts */
	outb(COM1 + 3, 0x80);		/* divisor latch */
	outb(COM1 + 0, 1);		/* 115200 */
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x03);		/* 8n1 */
	outb(COM1 + 2, 0x07);		/* FIFOs */
	outb(COM1 + 4, 0x03);
}

static void put(char c)
{
	u32 tries;

	/* Bounded: a port nobody drains must not stop the guest. */
	for (tries = 0; tries < 100000 && !(inb(LSR) & LSR_EMPTY); tries++)
		pause();
	outb(COM1, c);
}

/* Division by hand: there is no libgcc here, so no 64-bit division either. */
static u32 divide(u64 *n, u32 by)
{
	u32 high = *n >> 32, low = *n, rest, quotient_high;

	quotient_high = high / by;
	rest = high % by;
	__asm__("divl %2" : "+a"(low), "+d"(rest) : "r"(by));
	*n = (u64)quotient_high << 32 | low;
	return rest;
}

static void put_number(u64 n, u32 base)
{
	char digits[24];
	u32 len = 0;

	do {
		digits[len++] = "0123456789abcdef"[divide(&n, base)];
	} while (n);
	while (len)
		put(digits[--len]);
}

void print(const char *fmt, ...)
{
	__builtin_va_list ap;
	const char *s;

	__builtin_va_start(ap, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		switch (*++fmt) {
		case 's':
			for (s = __builtin_va_arg(ap, const char *); *s; s++)
				put(*s);
			break;
		case 'u':
			put_number(__builtin_va_arg(ap, u32), 10);
			break;
		case 'U':
			put_number(__builtin_va_arg(ap, u64), 10);
			break;
		case 'x':
			put_number(__builtin_va_arg(ap, u32), 16);
			break;
		default:
			put('?');
		}
	}
	__builtin_va_end(ap);
}

/* Any byte from outside asks for a status line now. */
int console_asked(void)
{
	int asked = 0;

	while (inb(LSR) & LSR_DATA) {
		inb(COM1);
		asked = 1;
	}
	return asked;
}

void die(const char *why)
{
	print("flat: PANIC %s\n", why);
	for (;;) {
		irq_off();
		__asm__ volatile("hlt");
	}
}

void trap(u32 a, u32 b);

/* Some exceptions push an error code first, so either word may be the address. */
void trap(u32 a, u32 b)
{
	print("flat: PANIC exception near 0x%x or 0x%x\n", a, b);
}
