#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace dirtying, against a guest that dirties known pages while they are tracked,
# in a test host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PROBES=10
HUGE=6 NEW=30000
EVENTS=/sys/kernel/tracing/events

inside() {
	cd "$(mktemp -d)" || exit 1
	# Another guest does the same meanwhile, and isn't counted.
	during() { "$out/dirtier" rounds 500 2 </dev/null >/dev/null; }
	traced small dirtying $PROBES "$out/dirtier" rounds 1000 3
	during() { :; }
	traced large dirtying $PROBES "$out/dirtier" rounds 6000 15
	echo $HUGE >/proc/sys/vm/nr_hugepages
	traced huge dirtying $PROBES "$out/dirtier" huge $HUGE 2
	# The kernel's own count, of each lock that readers and writers share.
	local trigger='hist:keys=lock_addr if flags == 3 || flags == 5'
	before() { echo "$trigger" >$EVENTS/lock/contention_begin/trigger; }
	traced contended dirtying $PROBES "$out/dirtier" contend $NEW
	echo "@locks $(sed -n 's/^{.*hitcount: *//p' $EVENTS/lock/contention_begin/hist | tr '\n' ' ')"
	echo "!$trigger" >$EVENTS/lock/contention_begin/trigger
	before() { :; }
	hide kvmmmu/fast_page_fault
	hide lock/contention_begin
	traced lacking dirtying $((PROBES - 3)) "$out/dirtier" rounds 100 2
	unhide kvmmmu/fast_page_fault
	unhide lock/contention_begin
	killed_tracer dirtying "$out/dirtier" rounds 10 1
	listed list dirtying
}

JQ='def sum_of($what): [.rows[] | select(.what == $what) | .sum_ns] | add // 0;
	def counts($what): [.rows[] | select(.what == $what)] | sort_by(.vcpu) | map(.count);
	def median_from: .timed as $n | reduce .histogram[] as $b ({seen: 0};
		.seen += $b.count | if .from == null and .seen * 2 > $n then .from = $b.from_ns
		else . end) | .from;'

faults_of() { # WHAT
	holds "$1" "$JQ"'.lost == 0 and counts("write-protect fault") ==
		[$g.faults[] | select(. > 0)] and
		counts("fault put right without mmu_lock") == counts("write-protect fault")' \
		--argjson g "$(said_of "$1-guest" | grep . || echo null)"
}

judge() { # KERNEL
	local guest
	check "$1 each fault of each vCPU is counted, once" faults_of small
	check "$1 and of many" faults_of large
	guest=$(said_of large-guest | grep . || echo null)
	check "$1 each is timed, within the time that the guest wrote" holds large '[.rows[] |
		select(.what == "write-protect fault") | .timed == .count and .sum_ns > 0 and
		.sum_ns <= $g.write_ns and .timed == ([.histogram[].count] | add)] | all' \
		--argjson g "$guest"
	check "$1 each ioctl is counted" holds large "$JQ"'
		counts("KVM_GET_DIRTY_LOG") == [$g.calls] and
		counts("KVM_CLEAR_DIRTY_LOG") == [$g.calls]' --argjson g "$guest"
	check "$1 and the pages that they were about" holds large "$JQ"'
		counts("page armed again") == [$g.faults | add]' --argjson g "$guest"
	# By the VMM's own clock. What passes before the ioctl begins may be long now and then,
	# so it is the median whose bucket is looked for.
	check "$1 ioctls last as long as the VMM says" holds large "$JQ"'
		sum_of("KVM_GET_DIRTY_LOG") <= $g.get_ns and
		sum_of("KVM_CLEAR_DIRTY_LOG") <= $g.clear_ns and
		([.rows[] | select(.what == "KVM_CLEAR_DIRTY_LOG")][0] | median_from) as $m |
		$m <= $g.clear_median_ns and 2 * $m >= $g.clear_median_ns * 0.9' \
		--argjson g "$guest"
	check "$1 each huge page is split once" holds huge "$JQ"'
		counts("huge page split") == [$n]' --argjson n $HUGE
	check "$1 faults on what was split" faults_of huge
	check "$1 nobody waits for mmu_lock that nobody wants" holds huge "$JQ"'
		counts("waiting for mmu_lock") == []'
	check "$1 waits for mmu_lock and no other, as many as the kernel counts" holds contended "$JQ"'
		(counts("waiting for mmu_lock") | add) as $n | $n > 0 and ($l | index($n)) != null' \
		--argjson l "[$(said_of locks | sed 's/ *$//; s/ /, /g')]"
	check "$1 and each is timed" holds contended '[.rows[] |
		select(.what == "waiting for mmu_lock") | .timed == .count and .sum_ns > 0] | all'
	check "$1 the first touch of a page is no such fault" holds contended "$JQ"'
		(counts("write-protect fault") | add // 0) < $n / 10' --argjson n $NEW
	check "$1 it ends with its guest, quietly" equals large-left "0 "
	check "$1 while it runs its programs are there" equals attached $PROBES
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 what a kernel lacks is left out by name" holds lacking "$JQ"'
		.lacks == "kvmmmu/fast_page_fault, lock/contention_begin" and
		counts("write-protect fault") == [200, 100] and
		counts("fault put right without mmu_lock") == []'
	check "$1 this one lacks nothing" holds list '.works and .lacks == ""'
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
on_kernels dirtying 17
