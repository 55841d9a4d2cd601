#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The bpftrace scripts in bpf/, each against a guest that does known things, in a test host of
# each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

BPFTRACE=${BPFTRACE:-bpftrace}

# A script hangs on its tracepoints and functions, each with a program, besides BEGIN and END.
probes_are_there() { # PID PROBES
	[ "$(bpftool perf list | grep -c -E "^pid $1 .*(tracepoint|k(ret)?probe)")" -ge "$2" ]
}
hangs() { # PID SCRIPT
	await "$1" probes_are_there "$1" "$(grep -c -E '^(tracepoint|k(ret)?probe):' "$root/bpf/$2")"
}

# One Ctrl-C, as far as bpftrace is concerned. It may lose it: a signal that comes while it isn't in
# epoll_wait() is a flag that nobody looks at until another interrupts that
# (BPFtrace::poll_perf_events() of 0.17). USR1, at which it prints what it has, ends nothing.
ends() { # TRACER
	kill -INT "$1"
	while ! timeout 5 tail -f -s 0.1 --pid="$1" /dev/null; do kill -USR1 "$1"; done 2>/dev/null
	wait "$1"
}

watched() { # SCRIPT GUEST...
	local script=$1 pid tracer
	start_guest guest "${@:2}"
	# With types from BTF alone, as on a host without kernel headers.
	BPFTRACE_KERNEL_SOURCE='' "$BPFTRACE" -f json "$root/bpf/$script" $pid >answer 2>answer.err &
	tracer=$!
	hangs $tracer "$script"
	echo >&3
	during "$pid" guest
	wait $pid || echo "the guest failed" >&2
	exec 3>&-
	ends $tracer
	echo "@$script-ended $? $(tr '\n' ' ' <answer.err)"
	# One object of all maps.
	echo "@$script $(jq -s -c 'map(select(.type == "map" or .type == "hist" or
		.type == "stats") | .data) | add' answer)"
	echo "@$script-guest $(jq -s -c add guest)"
}

inside() {
	cd "$(mktemp -d)" || exit 1
	taskset -p 1 $$ >/dev/null
	watched exits.bt "$out/leaver" 1000 200 400
	during() { # once the guest runs
		has_said "$@"
		"$out/hog" 1 20 30 >hog
	}
	watched stalls.bt "$out/staller" spin 9000 1
	during() { :; }
	watched dirtying.bt "$out/dirtier" rounds 1000 2
	watched pause.bt taskset 2 "$out/pauser" 2 4 150
	watched power.bt taskset 2 "$out/leaver" 5000 100
	watched faults.bt "$out/toucher" 1000
	ready() { has_said "$@"; }
	watched net.bt "$out/sender" wait 10 100 500000
	echo "@after $(bpftool prog list | grep -c -E 'tracepoint|kprobe')"
}

judge() { # KERNEL
	local script guest
	for script in exits stalls dirtying pause power faults net; do
		check "$1 $script.bt runs until Ctrl-C" equals $script.bt-ended "0 "
	done
	# 123 is SVM_EXIT_IOIO.
	check "$1 exits.bt counts each" holds exits.bt '.["@exits"] |
		."0,123" == 200 and ."1,123" == 400'
	check "$1 and times them" holds exits.bt '[.["@ns"]["0,123"][].count] | add == 200'
	guest=$(said_of stalls.bt-guest | grep . || echo null)
	check "$1 stalls.bt adds up what the scheduler says" holds stalls.bt '.["@total_ns"]["0"] |
		(. - $g.delay_ns | fabs) <= $g.delay_ns / 10' --argjson g "$guest"
	check "$1 and names the hog" holds stalls.bt '(.["@last"] | to_entries |
		max_by(.value).key | test("^hog,"))'
	guest=$(said_of dirtying.bt-guest | grep . || echo null)
	check "$1 dirtying.bt counts faults" holds dirtying.bt '.["@faults"] |
		[."0", ."1"] == $g.faults' --argjson g "$guest"
	check "$1 and ioctls" holds dirtying.bt '.["@gets"] == $g.calls and
		.["@clears"] == $g.calls' --argjson g "$guest"
	# Not those of one vCPU alone, and not the last, which does not end. Others may have
	# needed the CPU for a while.
	check "$1 pause.bt sees each stop" holds pause.bt '([.["@pause_ns"][][] |
		select(.min >= 134217728).count] | add) == 4 and ([.["@next_exit"][]] | add) >= 4'
	check "$1 and how long it was" holds pause.bt '.["@total_ns"] as $ns |
		([$g[] | .run - .left] | add) as $least | $ns >= $least and $ns <= $least + 1000000000' \
		--argjson g "$(said_of pause.bt-guest | grep . || echo null)"
	# Halting without a driver is state 1. The guest sleeps 100 times; its VMM wakes it for
	# other things, too, mostly at the start.
	check "$1 power.bt tells wake-ups from idle" holds power.bt '[.["@wake_ns"]["0,1"][].count] |
		add | . >= 90 and . <= 120'
	check "$1 and how long the CPU was idle" holds power.bt '[.["@idle_ns"]["1,1"][].count] |
		add >= 100'
	guest=$(said_of faults.bt-guest | grep . || echo null)
	check "$1 faults.bt counts first touches" holds faults.bt '.["@guest_ns"] |
		[[."0", ."1"][] | [.[].count] | add] == $g.pages' --argjson g "$guest"
	check "$1 and what the VMM had to have for them" holds faults.bt '[.["@for_guest_ns"][].count] |
		add == $g.pages[0] - $g.there[0] + $g.pages[1] - $g.there[1]' --argjson g "$guest"
	guest=$(said_of net.bt-guest | grep . || echo null)
	check "$1 net.bt counts what is sent" holds net.bt '[.["@send_ns"][$g.slow |
		gsub("port | ->"; "") | gsub(" "; ",")][].count] | add == $g.calls' \
		--argjson g "$guest"
	# 33 ms and more, of the 100 for which its reader sleeps.
	check "$1 and what waits for room" holds net.bt '[.["@full_ns"][][] |
		select(.min >= 33554432) | .count] | add >= $g.calls' --argjson g "$guest"
	check "$1 no program is left" equals after 0
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
command -v "$BPFTRACE" >/dev/null || skip_all "there is no bpftrace"
on_kernels bpftrace 22 --env BPFTRACE="$BPFTRACE"
