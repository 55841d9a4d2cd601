// SPDX-License-Identifier: GPL-2.0
/*
 * What mark_page_dirty_in_slot() calls by itself, by one of ftrace's direct calls: ftrace's usual way
 * to a hook, with all registers saved that a hook might look at, takes longer than what is
 * to be done for a page.
 *
 * The call is the function's first instruction. So here its arguments are in the registers
 * in which it has got them, and it wants to find them there afterwards; it expects nothing
 * else that not any function would preserve. So this file is compiled without those three
 * registers (-ffixed-*, see Kbuild): the code reads the arguments, and never writes there.
 * The hooked function's own return address is above the return into it: at the canonical
 * frame address (__builtin_dwarf_cfa(), which needs no frame pointer).
 *
 * A function that is called would write there. So none is: km_direct_slowly() is jumped to at
 * the end, as it has no arguments, with the stack as it was at first. Kbuild sees to that,
 * and keeps sanitizers and their like out; selftests/kmod/run.sh looks what calls there are.
 * (preempt_enable() is none: what it may call preserves everything.)
 *
 * Where the CPU's return stack is stuffed by call depth, the call that ftrace patched in is
 * not accounted for: it is then stuffed a little too soon.
 */
#include <linux/ftrace.h>
#include <linux/linkage.h>
#include <asm/frame.h>

#include "count.h"
#include "direct.h"

#ifdef KM_DIRECT

/* Calls km_count_slowly() with what km_direct_dirty() was called with. */
void km_direct_slowly(void);

asm(
"	.pushsection .text.unlikely, \"ax\", @progbits\n"
"	.type	km_direct_slowly, @function\n"
"	.globl	km_direct_slowly\n"
"km_direct_slowly:\n"
"	movq	8(%rsp), %rcx\n"
	FRAME_BEGIN
"	pushq	%rdi\n"
"	pushq	%rsi\n"
"	pushq	%rdx\n"
"	call	km_count_slowly\n"
"	popq	%rdx\n"
"	popq	%rsi\n"
"	popq	%rdi\n"
	FRAME_END
	ASM_RET
"	.size	km_direct_slowly, . - km_direct_slowly\n"
"	.popsection\n"
);

/* Aligned, so that it is within one page of memory: less to look up after each VM exit. */
void notrace __aligned(512) km_direct_dirty(const struct kvm *kvm,
					    const struct kvm_memory_slot *slot, gfn_t gfn)
{
	/* The slot may be NULL, and most slots aren't logging. */
	if (!slot || !kvm_slot_dirty_track_enabled(slot))
		return;
	if (unlikely(!km_count_quickly(slot, gfn, __builtin_dwarf_cfa())))
		km_direct_slowly();
}

#endif
