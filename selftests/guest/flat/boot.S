/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry of the flat guest: Multiboot 0.6.96 section 3.2 leaves us in 32-bit protected
 * mode, paging off, interrupts off, EAX = magic, EBX = information. A GDT and a stack
 * are ours to set up.
 *
 * No iret anywhere: where KVM has no hardware to run on it interprets instructions, and
 * its interpreter refuses iret outside real mode (arch/x86/kvm/emulate.c, em_iret).
 */
#define MB_MAGIC	0x1badb002
#define MB_FLAGS	0x00000003	/* page aligned modules, memory map */

	.section .multiboot, "a"
	.align	4
	.long	MB_MAGIC
	.long	MB_FLAGS
	.long	-(MB_MAGIC + MB_FLAGS)

	.text
	.globl	start
start:
	cld
	movl	$stack_top, %esp
	lgdt	gdt_pointer
	ljmp	$8, $1f
1:	movl	$16, %ecx
	movl	%ecx, %ds
	movl	%ecx, %es
	movl	%ecx, %fs
	movl	%ecx, %gs
	movl	%ecx, %ss
	pushl	%ebx
	pushl	%eax
	call	main
2:	cli
	hlt
	jmp	2b

/* Interrupt 0x20: the timer. Returns by popf and ret, see above. */
	.globl	irq_timer
irq_timer:
	pushal
	cld
	call	tick_irq
	popal
leave_irq:
	pushl	%eax
	movl	4(%esp), %eax		/* EIP */
	xchgl	%eax, 12(%esp)		/* takes the place of EFLAGS */
	movl	%eax, 8(%esp)		/* and EFLAGS that of CS, which never changes */
	popl	%eax
	leal	4(%esp), %esp
	popfl
	ret

/* A spurious interrupt of the PIC (8259A: IRQ 7 with no ISR bit) is not acknowledged. */
	.globl	irq_spurious
irq_spurious:
	jmp	leave_irq

/* Exceptions end the guest; which one does not matter, where it happened does. */
	.globl	trap_any
trap_any:
	pushl	4(%esp)
	pushl	4(%esp)
	call	trap
	jmp	2b

	.section .rodata
	.align	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* code, flat 4 GiB */
	.quad	0x00cf93000000ffff	/* data, flat 4 GiB */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.bss
	.align	4096
	.skip	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
