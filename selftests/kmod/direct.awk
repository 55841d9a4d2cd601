# SPDX-License-Identifier: GPL-2.0
# What kmod/direct.c must be compiled to, from objdump -dr: km_direct_dirty() doesn't write
# rdi, rsi, rdx, and calls nothing but what preserves them. Complains, or else says nothing.
function bad(why) { print "km_direct_dirty " why ": " instruction; complaints++ }

/^[0-9a-f]+ <.*>:$/ { inside = $2 == "<km_direct_dirty>:"; next }
!inside || NF == 0 { next }
# A relocation, of the instruction before.
$2 ~ /^R_X86_64_/ {
	if (called && $3 !~ /^(__SCT__preempt_schedule_notrace|preempt_schedule_notrace_thunk)/)
		bad("calls " $3)
	if (instruction ~ /\tjmp / && $3 ~ /^km_direct_slowly/)
		jumps++
	called = 0
	next
}
{
	if (called)
		bad("calls")
	if (/\tjmp .*<km_direct_slowly>/)
		jumps++
	instruction = $0
	instructions++
	called = /\tcall/
	if (/\t(cmp|test|bt)[bwlq]? /)
		next
	if (/[, ]%([re]?[ds]i|[ds]il|[re]?dx|d[lh])( *(#.*)?)$/ ||
	    /\t(rep|(movs|stos|lods)[bwlq] *%|i?mul[bwlq]? [^,]*$|i?div|cqto|cltd|cwtd|rdtsc|rdmsr|cpuid|xchg.*%(r[ds]i|rdx))/)
		bad("writes a register of the arguments")
}
END {
	if (!instructions || !jumps) {
		print "no km_direct_dirty that jumps to km_direct_slowly"
		exit 1
	}
	exit complaints > 0
}
