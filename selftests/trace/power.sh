#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace power, against drivers of idle states and frequencies that keep accounts of
# their own, in a test host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PROBES=6
WAKES=60
CPU=/sys/devices/system/cpu/cpu1

# What cpuidle counts itself; at once, with no program to start.
accounts() { # NAME STATE
	local usage us
	read -r usage <$CPU/cpuidle/state"$2"/usage
	read -r us <$CPU/cpuidle/state"$2"/time
	echo "@$1 {\"usage\": $usage, \"us\": $us}"
}

only() { # STATE
	echo "$1" >$CPU/cpuidle/state0/disable
	echo $((1 - $1)) >$CPU/cpuidle/state1/disable
}

# A guest whose vCPU sleeps WAKES times, on CPU 1, which idles meanwhile.
from_state() { # NAME STATE
	local state=$2
	only "$2"
	# By traced, which has $name.
	before() { accounts "$name-before" "$state"; }
	during() {
		wait "$1"
		accounts "$name-after" "$state"
	}
	traced "$1" power $PROBES taskset 2 "$out/leaver" 20000 $WAKES
	before() { :; }
	during() { :; }
}

# The kernel sets it some time later.
frequency() { # KHZ
	echo "$1" >$CPU/cpufreq/scaling_max_freq
	until [ "$(head -1 /sys/kernel/debug/fakefreq/policy1 | cut -d ' ' -f 1)" = "$1" ]; do
		sleep 0.05
	done
}

inside() { # FAKEIDLE FAKEFREQ
	local busy
	cd "$(mktemp -d)" || exit 1
	# All but the guest on CPU 0.
	taskset -p 1 $$ >/dev/null
	traced driverless power $PROBES taskset 2 "$out/leaver" 20000 $WAKES
	insmod "$1" late_ms=3 || exit 1
	from_state shallow 0
	# Both threads of the guest want the CPU that another uses.
	taskset 2 sh -c 'while :; do :; done' &
	busy=$!
	traced busy power $PROBES taskset 2 "$out/leaver" 1000 50 100
	kill $busy
	from_state deep 1
	rmmod fakeidle

	insmod "$2" || exit 1
	echo performance >$CPU/cpufreq/scaling_governor
	frequency 800000
	during() {
		has_said "$@"
		echo 1 >/sys/kernel/debug/fakefreq/from
		frequency 3200000
		sleep 0.3
		frequency 1600000
		sleep 1
		frequency 3200000
		cat /sys/kernel/debug/fakefreq/policy1 >driver
		kill -9 "$1" # it stays as long as that took
	}
	traced changed power $PROBES "$out/staller" spin 100000 1 2>/dev/null
	echo "@driver {$(sed -n 's/^\(.*\) for \(.*\)/"\1": \2/p' driver | paste -sd ,)}"
	during() { :; }
	traced steady power $PROBES "$out/staller" spin 300 1
	killed_tracer power "$out/leaver" 1000 1
	hide power/cpu_idle
	hide power/cpu_frequency
	listed lacking power
	traced unknown power $((PROBES - 2)) taskset 2 "$out/leaver" 5000 20
	unhide power/cpu_idle
	unhide power/cpu_frequency
	listed list power
}

JQ='def row($what): .rows[] | select(.what == $what and (.vcpu == 0 or ($what | test("^CPU"))));
	def from($ns): [.histogram[] | select(.from_ns >= $ns) | .count] | add // 0;
	def sum_of($what): [row($what) | .sum_ns] | add // 0;'

# Every wake-up, and few others at the start. One that comes while the CPU is on its way out
# of idle finds it busy.
wakes() { # NAME STATE
	holds "$1" "$JQ"'.lost == 0 and ([.rows[] | select(.vcpu == 0) | .count] | add |
		. >= $n and . <= $n + 20) and (row("woken from idle, state " + $s) |
		.count >= $n * 0.7 and .timed == .count and .timed == ([.histogram[].count] | add))' \
		--argjson n $WAKES --arg s "$2"
}

# Beginning and end are not the same moments.
idles() { # NAME ROW
	holds "$1" "$JQ"'def near($a; $b): ($a - $b) | fabs <= $b / 5;
		row($what) | near(.count; $a.usage - $b.usage) and .count - .timed <= 1 and
		near(.sum_ns; 1000 * ($a.us - $b.us))' --arg what "$2" \
		--argjson a "$(said_of "$1-after" | grep . || echo null)" \
		--argjson b "$(said_of "$1-before" | grep . || echo null)"
}

judge() { # KERNEL
	check "$1 every wake-up from idle is counted" wakes shallow 0
	check "$1 from the other state, too" wakes deep 1
	check "$1 and where there is no driver" wakes driverless 1
	check "$1 each idle state is counted and timed as cpuidle does" \
		idles shallow "CPU 1 idle, state 0 (SHALLOW)"
	check "$1 of each name" idles deep "CPU 1 idle, state 1 (DEEP)"
	check "$1 who is disabled isn't there" holds deep '[.rows[] | select(.what |
		test("SHALLOW")) | .count] | (add // 0) == 0'
	# 3 ms, so in the bucket from 2 ms on.
	check "$1 waking from the deep one takes what it takes" holds deep "$JQ"'
		row("woken from idle, state 1") | from(2097152) >= .count * 0.9'
	check "$1 from the shallow one it doesn't" holds shallow "$JQ"'
		row("woken from idle, state 0") | from(2097152) <= .count / 2'
	check "$1 wake-ups on a busy CPU are known, by vCPU" holds busy '[.rows[] |
		select(.what == "woken where the CPU was busy" and .vcpu != null)] | sort_by(.vcpu) |
		length == 2 and .[0].count >= 45 and .[0].count <= 70 and
		.[1].count >= 90 and .[1].count <= 120'
	check "$1 only CPUs on which a vCPU ran" holds shallow \
		'[.rows[] | select(.what | test("^CPU 0 "))] == []'
	check "$1 a frequency lasts as long as the driver says" holds changed "$JQ"'
		(row("CPU 1 at 1600 MHz") | .count == 1 and .timed == 1 and
		(.sum_ns - $d."1600000" | fabs) <= 50000000)' \
		--argjson d "$(said_of driver | grep . || echo null)"
	check "$1 with those before and after" holds changed "$JQ"'
		(row("CPU 1 at 3200 MHz") | .count == 2 and .timed == 2) and
		(row("CPU 1 at 800 MHz") | .count == 1 and .timed == 1) and
		([.rows[] | select(.what | test("MHz")) | .sum_ns] | add / 1e9) as $s |
		$s <= .seconds and $s >= .seconds - 2'
	check "$1 none is shown that doesn't change" holds steady \
		'.n != 0 and [.rows[] | select(.what | test("MHz"))] == []'
	check "$1 it ends with its guest, quietly" equals shallow-left "0 "
	check "$1 while it runs its programs are there" equals attached $PROBES
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 what a kernel lacks is left out by name" holds lacking \
		'.works and .lacks == "power/cpu_idle, power/cpu_frequency"'
	check "$1 and no state is made up" holds unknown '[.rows[] | select(.vcpu == 0) | .what] ==
		["woken"] and [.rows[] | select(.what | test("^CPU"))] == []'
	check "$1 this one lacks nothing" holds list '.works and .lacks == ""'
}

if [ "${1:-}" = --inside ]; then
	inside "$2" "$3"
	exit
fi
run_host() { # KERNEL
	local idle freq
	idle=$("$root/selftests/vm/testmodule" "$here/fakeidle" "$1") &&
		freq=$("$root/selftests/kmod/fakefreq/build" "$1") || return 1
	log=$out/power.$1.log
	host "$1" power -- "$here/power.sh" --inside "$idle" "$freq"
}
on_kernels power 19
