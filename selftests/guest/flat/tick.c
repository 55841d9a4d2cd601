// SPDX-License-Identifier: GPL-2.0
/*
 * A byte every few milliseconds on the debug console (port 0xe9), for a program outside to
 * put a time on. Nothing inside the guest can measure a migration's blackout: TSC, PIT,
 * ACPI timer, HPET and kvm-clock are all saved and restored with the guest, so they stand
 * still meanwhile, and the RTC with clock=host counts whole seconds. What the guest does
 * measure, by TSC, are the gaps while it runs: vCPUs stalled, throttled or starved.
 * The byte is '0' + tick % 64: a reader sees lost, doubled and repeated ticks.
 *
 * Ticks come by the PIT's interrupt. Where KVM interprets the guest's instructions
 * (a few MIPS) it does not inject interrupts into 32-bit protected mode; there, or with
 * tickmode=poll, the work loop looks at the TSC between two pages.
 */
#include "flat.h"

#define PIT_HZ		1193182u
#define PIT_CH0		0x40
#define PIT_MODE	0x43
#define DEBUGCON	0xe9
#define PIC1		0x20
#define PIC2		0xa0
#define LAPIC_SVR	((volatile u32 *)0xfee000f0)
#define LAPIC_LINT0	((volatile u32 *)0xfee00350)
#define SLOW_MIPS	10	/* below it is an interpreter */
#define CALIBRATE_MS	20

struct ticker ticker;

static u32 now(void)
{
	return rdtsc() >> 10;
}

static u32 pit_read(void)
{
	u32 low;

	outb(PIT_MODE, 0);		/* latch channel 0 */
	low = inb(PIT_CH0);
	return low | inb(PIT_CH0) << 8;
}

static void pit_program(u32 divisor)
{
	outb(PIT_MODE, 0x34);		/* channel 0, both bytes, mode 2 */
	outb(PIT_CH0, divisor & 0xff);
	outb(PIT_CH0, divisor >> 8);
}

/* TSC units in a tick, by the PIT; and roughly how fast instructions go. */
static void calibrate(void)
{
	u32 start, count, passed = 0, last, n = 20000, t0, t1;

	pit_program(0);			/* 65536 counts, 55 ms */
	last = pit_read();
	start = now();
	while (passed < PIT_HZ / 1000 * CALIBRATE_MS) {
		count = pit_read();
		passed += (last - count) & 0xffff;
		last = count;
	}
	ticker.period = (now() - start) * params.tick / CALIBRATE_MS;
	t0 = now();
	__asm__ volatile("1: decl %0; jnz 1b" : "+r"(n));
	t1 = now();
	/* 40000 instructions took (t1 - t0) units, of which a tick has .period */
	ticker.mips = 40 * ticker.period / ((t1 - t0 + 1) * params.tick);
}

struct gate {
	u16 low, selector, type, high;
};

static struct gate idt[48];

extern char irq_timer[], irq_spurious[], trap_any[];

static void set_gate(u32 n, const char *handler)
{
	idt[n].low = (u32)handler;
	idt[n].selector = 8;
	idt[n].type = 0x8e00;		/* present, 32-bit interrupt gate */
	idt[n].high = (u32)handler >> 16;
}

static void load_idt(void)
{
	struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (u32)idt };
	u32 i;

	for (i = 0; i < 32; i++)
		set_gate(i, trap_any);
	for (i = 32; i < ARRAY_SIZE(idt); i++)
		set_gate(i, irq_spurious);
	set_gate(32, irq_timer);
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void pic_init(void)
{
	/* The PIC's interrupts pass through the local APIC: "virtual wire", MultiProcessor
	 * Specification 1.4, 3.6.2.2. SeaBIOS does this, qboot doesn't. */
	*LAPIC_SVR = 0x1ff;
	*LAPIC_LINT0 = 0x700;
	outb(PIC1, 0x11);
	outb(PIC2, 0x11);
	outb(PIC1 + 1, 0x20);		/* vectors 0x20.. and 0x28.. */
	outb(PIC2 + 1, 0x28);
	outb(PIC1 + 1, 4);
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, 0xfe);		/* only the timer */
	outb(PIC2 + 1, 0xff);
}

void tick_init(void)
{
	calibrate();
	load_idt();
	ticker.irq = params.tickmode == TICK_IRQ ||
		     (params.tickmode == TICK_AUTO && ticker.mips >= SLOW_MIPS);
	ticker.last = now();
	ticker.looked = ticker.last;
	ticker.next = ticker.last + ticker.period;
	if (!ticker.irq)
		return;
	pic_init();
	pit_program(PIT_HZ * params.tick / 1000);
	irq_on();
}

static void tick(u32 t)
{
	u32 gap = t - ticker.last;

	if ((s32)gap < 0) {
		ticker.backward++;
		gap = 0;
	}
	if (gap > ticker.maxgap)
		ticker.maxgap = gap;
	ticker.rest += gap;
	ticker.time += ticker.rest / ticker.period;
	ticker.rest %= ticker.period;
	ticker.last = t;
	ticker.count++;
	outb(DEBUGCON, '0' + ticker.count % 64);
}

void tick_irq(void)
{
	outb(PIC1, 0x20);		/* end of interrupt */
	tick(now());
}

void tick_poll(void)
{
	u32 t;

	if (ticker.irq)
		return;
	t = now();
	if ((s32)(t - ticker.next) < 0 && (s32)(t - ticker.last) >= 0)
		return;
	tick(t);
	ticker.next += ticker.period;
	/* Late by more than a tick, or the TSC was set: begin anew, no burst of ticks. */
	if ((s32)(ticker.next - t) <= 0 || ticker.next - t > ticker.period)
		ticker.next = t + ticker.period;
}

/* Nothing to do before the next tick; SEEN is the last one the caller knows. */
void tick_idle(u32 seen)
{
	if (!ticker.irq) {
		pause();
		return;
	}
	irq_off();
	if (ticker.count == seen)
		irq_on_and_halt();
	else
		irq_on();
	ticker.looked = now();
}

/* Each time that the work loop comes round: a millisecond without it is a stall. */
void tick_look(void)
{
	u32 t = now(), gap = t - ticker.looked;

	if ((s32)gap > (s32)(ticker.period / params.tick))
		ticker.stalled += gap;
	ticker.looked = t;
}

u32 tick_stalled_ms(void)
{
	return ticker.stalled / (ticker.period / params.tick + 1);
}

u32 tick_gap_ms(void)
{
	return ticker.maxgap / (ticker.period / params.tick + 1);
}
