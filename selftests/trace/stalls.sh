#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace stalls, against what the scheduler counts by itself (schedstat) and a hog
# that takes the vCPU's CPU for known times, in a test host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PROBES=5
BURSTS=20 BURST_MS=30 HALTS=30

# What runs in the host; each answer comes out as a line of JSON.
inside() {
	cd "$(mktemp -d)" || exit 1
	# The vCPU on CPU 1, the rest on CPU 0.
	taskset -p 1 $$ >/dev/null
	during() { # once the guest runs
		has_said "$@"
		"$out/hog" 1 $BURSTS $BURST_MS >hog
	}
	traced spin stalls $PROBES "$out/staller" spin $((BURSTS * BURST_MS * 15)) 1
	echo "@hog $(jq -s -c add hog)"
	# In the middle of a long burst the vCPU, which waits, is sent to the other CPU.
	during() {
		local hog thread
		has_said "$@"
		"$out/hog" 1 1 2000 >hog.moved &
		hog=$!
		until [ -s hog.moved ]; do sleep 0.05; done
		sleep 0.1
		# On 6.12 the VMM has a thread of KVM's, too.
		for thread in /proc/"$1"/task/*; do
			thread=${thread##*/}
			[ "$thread" = "$1" ] || [ "$(cat /proc/"$thread"/comm)" != staller ] ||
				taskset -p 1 "$thread" >/dev/null
		done
		wait $hog
	}
	traced moved stalls $PROBES "$out/staller" spin 6000 1
	# A fifth of a CPU for a guest that runs, whose group says how long it was kept from more.
	# Not for its VMM's first and last steps, which the group would count and no vCPU.
	echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/slow
	echo "20000 100000" >/sys/fs/cgroup/slow/cpu.max
	during() {
		has_said "$@"
		echo "$1" >/sys/fs/cgroup/slow/cgroup.procs
		sleep 2
		echo "@throttled $(sed -n 's/^throttled_usec //p' /sys/fs/cgroup/slow/cpu.stat)"
		echo "$1" >/sys/fs/cgroup/cgroup.procs
	}
	traced slow stalls $PROBES "$out/staller" spin 4000 1
	during() { :; }
	traced halt stalls $PROBES "$out/staller" halt $HALTS 20 1
	# 64 vCPUs that want the same CPU.
	traced many stalls $PROBES taskset 2 "$out/leaver" 1 $(yes 20 | head -64)
	# One that is killed, and one that has no vCPUs.
	during() { kill -9 "$1"; }
	traced killed stalls $PROBES "$out/staller" spin 60000 1 2>/dev/null
	sleep 60 &
	"$km" trace --vm $! stalls --seconds 1 >none 2>&1
	echo "@no-vm $? $(cat none)"
	kill $!
	"$out/leaver" 1 <go &
	exec 3>go
	until readlink /proc/$!/fd/* | grep -q kvm-vm; do sleep 0.1; done
	"$km" trace --vm $! stalls --seconds 1 >none 2>&1
	echo "@no-vcpus $? $(tr '\n' ' ' <none)"
	exec 3>&-
	wait $!
	killed_tracer stalls "$out/staller" spin 60000 1
	hide kvm/kvm_vcpu_wakeup
	listed lacking stalls
	unhide kvm/kvm_vcpu_wakeup
	listed list stalls
}

# jq: the sum of rows' times, by a pattern of what they are.
SUMS='def sum_of($p): [.rows[] | select(.what | test($p)) | .sum_ns] | add // 0;
	def near($a; $b): ($a - $b) | fabs <= $b / 10;
	def from($ns): [.histogram[] | select(.from_ns >= $ns) | .count] | add // 0;'

judge() { # KERNEL
	local guest hog
	guest=$(said_of spin-guest)
	hog=$(said_of hog)
	check "$1 run-queue delay is what the scheduler says" holds spin "$SUMS"'
		near(sum_of("^runnable"); $g.delay_ns)' --argjson g "${guest:-null}"
	# A burst is CPU time, so each wait is at least so long: in its bucket or above.
	check "$1 each burst is one long wait" holds spin "$SUMS"'.lost == 0 and
		(.rows[] | select(.what | test("^runnable")) | from(16777216) >= $n and
		.count == .timed and .timed == ([.histogram[].count] | add))' --argjson n $BURSTS
	check "$1 the hog is named, with its time" holds spin "$SUMS"'
		near(sum_of("^ran instead: hog, [0-9]+$"); $h.used_ns)' --argjson h "${hog:-null}"
	check "$1 all that ran instead adds up" holds spin "$SUMS"'
		sum_of("^ran instead: ") == sum_of("^runnable") and
		sum_of("not known") <= sum_of("^runnable") / 20'
	check "$1 also of a vCPU that is moved while it waits" holds moved "$SUMS"'
		near(sum_of("^runnable"); $g.delay_ns) and
		sum_of("^ran instead: hog, [0-9]+$") > 50000000 and
		sum_of("not known") <= sum_of("^runnable") / 20' \
		--argjson g "$(said_of moved-guest | grep . || echo null)"
	check "$1 a cgroup that is throttled is told from a CPU that others have" holds slow "$SUMS"'
		near(sum_of("^throttled"); $us * 1000) and sum_of("^throttled") > 1000000000 and
		sum_of("^runnable") < sum_of("^throttled") / 4' \
		--argjson us "$(said_of throttled | grep . || echo null)"
	check "$1 a spinning guest never halts" holds spin "$SUMS"'sum_of("^halted") == 0'
	guest=$(said_of halt-guest)
	check "$1 every halt is counted" holds halt '[.rows[] | select(.what | test("^halted")) |
		.count] | add == $n' --argjson n $HALTS
	check "$1 halts last as long as the guest's thread slept" holds halt "$SUMS"'
		sum_of("^halted") <= $g.halted_ns and
		near(sum_of("^halted") + sum_of("^runnable"); $g.halted_ns)' --argjson g "${guest:-null}"
	# Of the scheduler's clock nothing is left where a CPU idles, and a wait may be long
	# where the machine is busy: but most are nothing like a halt.
	check "$1 halting is not stalling" holds halt "$SUMS"'[.rows[] |
		select(.what | test("^runnable")) | .timed >= $n and from(16777216) < $n / 2] |
		length == 1 and all' --argjson n $HALTS
	check "$1 64 vCPUs" holds many '.lost == 0 and ([.rows[] |
		select(.what | test("^runnable")) | .vcpu] | unique | length) == 64'
	check "$1 a killed guest ends it, quietly" equals killed-left "0 "
	check "$1 a process without a guest" eval 'said_of no-vm | grep "^3 "'
	check "$1 a guest without vCPUs" eval 'said_of no-vcpus | grep "^0 .* nothing happened: the guest has no vCPUs yet"'
	check "$1 while it runs its programs are there" equals attached $PROBES
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 what a kernel lacks is left out by name" holds lacking \
		'.works and .lacks == "kvm/kvm_vcpu_wakeup"'
	check "$1 this one lacks nothing" holds list '.works and .lacks == ""'
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
on_kernels stalls 18
