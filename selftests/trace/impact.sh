#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace impact, against what a guest sees by its own clock, what its VMM and the
# scheduler know, and what the other questions say, in a test host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PROBES=8

# In a host whose clock stands still while the host itself has no CPU: else a guest would miss
# time that the host's kernel knows nothing of. With one CPU, as that clock goes on for each.
# What runs in the host; each answer comes out as a line of JSON.
inside() {
	cd "$(mktemp -d)" || exit 1
	# Stopped by its VMM, and kept from its CPU by another.
	during() {
		has_said "$@"
		"$out/hog" 0 12 30 >hog
	}
	traced ticks impact $PROBES "$out/ticker" 3000 0 10 40
	during() { :; }
	# A fifth of a CPU for the guest, whose group says how long it was kept from more.
	echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/slow
	echo "20000 100000" >/sys/fs/cgroup/slow/cpu.max
	before() { echo $pid >/sys/fs/cgroup/slow/cgroup.procs; }
	traced slow impact $PROBES "$out/ticker" 2000 0
	before() { :; }
	echo "@throttled $(sed -n 's/^throttled_usec //p' /sys/fs/cgroup/slow/cpu.stat)"
	traced halt impact $PROBES "$out/ticker" halt 1000 0 4 50
	traced touches impact $PROBES "$out/toucher" 3000
	traced writes impact $PROBES "$out/dirtier" rounds 1000 4
	traced many impact $PROBES "$out/leaver" 1 $(yes 20 | head -64)
	killed_tracer impact "$out/ticker" 60000 0
	hide kvm/kvm_pml_full
	listed lacking impact
	unhide kvm/kvm_pml_full
	listed list impact
}

# jq: the sum of rows' times, by a pattern of what they are.
SUMS='def sum_of($p): [.rows[] | select(.what | test($p)) | .sum_ns] | add // 0;
	def near($a; $b): ($a - $b) | fabs <= $b / 20;
	def stalls: sum_of("^(no CPU|stopped|in )");'

judge() { # KERNEL
	local guest
	guest=$(said_of ticks-guest)
	# The guest knows nothing of causes: what they add up to is what it missed.
	check "$1 the causes add up to what the guest has missed" holds ticks "$SUMS"'.lost == 0 and
		$g.gaps_ns > 500000000 and near(stalls; $g.gaps_ns)' --argjson g "${guest:-null}"
	# By the VMM's clock until it has the CPU again, which is no stop any more.
	check "$1 stops by the VMM" holds ticks "$SUMS"'
		sum_of("^stopped") >= 10 * 40000000 and sum_of("^stopped") <= $g.stopped_ns and
		near(sum_of("^stopped"); 10 * 40000000)' --argjson g "${guest:-null}"
	check "$1 waits for a CPU" holds ticks "$SUMS"'
		near(sum_of("^no CPU: runnable"); $g.delay_ns)' --argjson g "${guest:-null}"
	check "$1 nothing else of it comes near" holds ticks "$SUMS"'
		stalls - sum_of("^stopped|^no CPU: runnable") < stalls / 4 and
		sum_of("^no CPU: throttled|^halted|tracking$") == 0'
	guest=$(said_of slow-guest)
	# It doesn't see what comes after its last look: up to what is left of a period.
	check "$1 also of a guest that is throttled" holds slow "$SUMS"'
		$g.gaps_ns > 1000000000 and stalls >= 0.95 * $g.gaps_ns and
		stalls <= 1.05 * $g.gaps_ns + 80000000' --argjson g "${guest:-null}"
	check "$1 by as much as its cgroup says" holds slow "$SUMS"'
		($us * 1000 - sum_of("^no CPU: throttled")) | fabs <= $us * 100' \
		--argjson us "$(said_of throttled | grep . || echo null)"
	check "$1 halts keep a guest from nothing, unless it is stopped" holds halt "$SUMS"'
		near(sum_of("^halted"); 1000000000 - 4 * 50000000) and
		near(sum_of("^stopped"); $g.stopped_ns) and
		stalls - sum_of("^stopped") < 10000000' \
		--argjson g "$(said_of halt-guest | grep . || echo null)"
	check "$1 first touches" holds touches '[.rows[] | select(.what | test("first touch")) |
		.count] | add >= ($g.pages | add)' --argjson g "$(said_of touches-guest | grep . || echo null)"
	check "$1 writes to pages that are tracked" holds writes '[.rows[] |
		select(.what | test("tracking")) | .count] | add >= 3000'
	check "$1 64 vCPUs" holds many '.lost == 0 and ([.rows[] | .vcpu] | unique | length) == 64'
	check "$1 while it runs its programs are there" equals attached $PROBES
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 what a kernel lacks is left out by name" holds lacking \
		'.works and .lacks == "kvm/kvm_pml_full"'
	check "$1 this one lacks nothing" holds list '.works and .lacks == ""'
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
on_kernels impact 14 --accel tcg-count --cores 1
