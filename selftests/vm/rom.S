/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The firmware of the Bochs host: 64 KiB below 4 GiB, as `bochs` builds it. All that it
 * does is to start the kernel that Bochs has put into memory (optramimage1), by the PVH
 * entry (xen/include/public/arch-x86/hvm/start_info.h): no BIOS, boot loader or disk.
 *
 * At IMAGE lie, as `pvh` wrote them: the kernel's entry, the image's end, start_info.
 */
#define IMAGE	0xf00000
#define BLOCK	0x20000			/* BX_MEM_BLOCK_LEN, memory/memory-bochs.h */

#define MTRR_DEF_TYPE	0x2ff
#define MTRR_ON_WB	0xc06		/* enabled, fixed ones too, write-back */

	.code16
	.section .text, "ax"
start:					/* the first byte of all */
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	%cs:gdt_pointer - start
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$8, $flat

	.code32
flat:
	movl	$16, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss

	/*
	 * Bochs allots memory in blocks as they are touched first, one behind the other,
	 * but load_RAM() (memory/misc_mem.cc) reads the whole image behind the first one:
	 * touched in ascending order, they come to lie where the image is.
	 */
	movl	$IMAGE, %esi
	movl	4(%esi), %edi
1:	movl	(%esi), %eax
	addl	$BLOCK, %esi
	cmpl	%edi, %esi
	jb	1b

	/* Linux doesn't use PAT where the firmware left MTRRs off. */
	movl	$MTRR_DEF_TYPE, %ecx
	xorl	%edx, %edx
	movl	$MTRR_ON_WB, %eax
	wrmsr

	movl	$IMAGE + 16, %ebx
	jmp	*IMAGE

	.align	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

	/* Where the CPU starts: CS:IP = F000:FFF0, based at 4 GiB - 64 KiB. */
	.section .reset, "ax"
	.code16
	jmp	start
	.balign	16, 0
