#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace pause, against guests that are kept from running for known times: by a VMM of
# its own, by QEMU (stop, cont), and by a move from one QEMU to another. In a test host of each
# kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PROBES=4
ROUNDS=4 MS=120 VCPUS=3
guest=$here/../guest

ask() { # NAME PID: in the background, TRACER is set
	"$km" trace --vm "$2" pause --seconds 600 --json >"$1" 2>"$1.err" &
	tracer=$!
	attached $tracer $PROBES
}

answer() { # NAME TRACER
	kill -INT "$2"
	wait "$2"
	echo "@$1 $(jq -c '.answers[0]' "$1")"
}

now_ns() { # by CLOCK_MONOTONIC
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0000000"
}

flat() { # DIR [OPTION...]
	local d=$1
	shift
	"$guest/start" flat --dir "$d" --mem 32M --backing memfd --name moving --ready 120 "$@" \
		-- -qmp "unix:$d/mon.sock,server=on,wait=off" >&2
}

# The times that this script saw around each command.
stop_and_cont() {
	local from out until back
	flat "$PWD/a" || return
	ask qemu "$(cat a/pid)"
	for _ in 1 2 3; do
		sleep 0.5
		from=$(now_ns)
		"$guest/qmp" a/mon.sock stop >/dev/null
		out=$(now_ns)
		sleep 0.4
		until=$(now_ns)
		"$guest/qmp" a/mon.sock cont >/dev/null
		back=$(now_ns)
		echo "[{\"from\": $from, \"out\": $out, \"until\": $until, \"back\": $back}]"
	done >qemu.stops
	answer qemu $tracer
	echo "@qemu-stops $(jq -s -c add qemu.stops)"
}

# A guest that is moved; its QEMUs are asked at both ends, which have one clock here.
move() {
	local source receiver destination
	mkdir b
	KMIGRATE_STATE_DIR=$PWD "$km" receive --json --listen 127.0.0.1 --port 4777 --insecure \
		--replace "$PWD/a=$PWD/b" >receive.log 2>&1 &
	receiver=$!
	until grep -q listening receive.log; do sleep 0.1; done
	ask source "$(cat a/pid)"
	source=$tracer
	# The destination's QEMU is there before the guest is.
	KMIGRATE_STATE_DIR=$PWD KM_FAULT=set-up "$root/build/faults/kmigrate" run \
		--vm "$PWD/a/qmp.sock" --to 127.0.0.1 --insecure --json >run.json 2>run.err &
	run=$!
	until [ "$(sed 's/.*) //; s/ .*//' /proc/$run/stat)" = T ]; do sleep 0.1; done
	ask destination "$(pgrep -f "qemu-system.*$PWD/b/qmp.sock")"
	destination=$tracer
	kill -CONT $run
	wait $run || cat run.err
	wait $receiver || cat receive.log
	sleep 1
	answer source $source
	answer destination $destination
	echo "@run $(jq -c .pause run.json)"
	pkill -9 qemu-system
}

inside() {
	cd "$(mktemp -d)" || exit 1
	traced many pause $PROBES "$out/pauser" $VCPUS $ROUNDS $MS
	traced one pause $PROBES "$out/pauser" 1 $ROUNDS $MS
	traced lots pause $PROBES "$out/pauser" 64 1 300
	# Of 70 stops there is room for 64.
	traced full pause $PROBES "$out/pauser" 1 70 5
	traced io pause $PROBES "$out/leaver" 3000 50
	stop_and_cont
	move
	killed_tracer pause "$out/pauser" 1 1000 10
	hide kvm/kvm_vcpu_wakeup
	traced lacking pause $((PROBES - 1)) "$out/pauser" 1 1 $MS
	unhide kvm/kvm_vcpu_wakeup
	listed list pause
}

# Stops but the first, which had begun before the watch, and the last, which does not end.
JQ='def stops: [.rows[] | select(.what | test("^stop [0-9]+, .*: nobody ran"))];
	def over: [stops[] | select((.what | test("before|not over")) | not)];
	def parts($n): [.rows[] | select(.what | startswith("stop \($n): "))];
	def nobody($why): [.rows[] | select(.what == "nobody ran: " + $why)][0];'

# Where vCPUs share CPUs the last one may have left some time before it was asked to.
known() { # NAME ROUNDS
	holds "$1" "$JQ"'.lost == 0 and (stops | length) == $n + 2 and
		(stops[0].what | test("or before")) and (stops[-1].what | test("not over")) and
		stops[-1].count == 1 and stops[-1].timed == 0 and
		([over, $g] | transpose | map(.[0] as $s | .[1] as $t |
			$s.at_ns >= $t.asked - 30000000 and $s.at_ns <= $t.left and
			$s.at_ns + $s.sum_ns >= $t.run and
			$s.at_ns + $s.sum_ns <= $t.run + 250000000) | length == $n and all)' \
		--argjson n "$2" --argjson g "$(said_of "$1-guest" | grep . || echo null)"
}

judge() { # KERNEL
	check "$1 each stop of all vCPUs, when it was" known many $ROUNDS
	check "$1 and of a single one" known one $ROUNDS
	check "$1 and of 64" known lots 1
	check "$1 each vCPU has its part in each, and its next exit" holds many "$JQ"'
		. as $all | [range(2; $n + 2) | . as $i | $all | parts($i) | length == $v and
			([.[].vcpu] | sort == [range($v)]) and
			all(.at_ns <= ($all | stops[$i - 1].at_ns) and .timed == 1 and
			(.what | test("left for [a-z_]+, next [a-z_]+$")))] | length == $n and all' \
		--argjson n $ROUNDS --argjson v $VCPUS
	check "$1 a VM of which one vCPU runs has no pause" holds many "$JQ"'
		(stops | length) == $n + 2' --argjson n $ROUNDS
	check "$1 what finds no room is counted" holds full "$JQ"'
		(stops | length) == 65 and .lost == 7'
	check "$1 waiting for the VMM is no stop" holds io "$JQ"'
		(nobody("in the VMM") | .count == 50 and .timed == 50 and
			.sum_ns >= 150000000 and .histogram[0].from_ns >= 2097152) and
		(over | length) == 0'
	# /proc/uptime is 10 ms coarse, and cut off; the guest sleeps between ticks of 5 ms.
	check "$1 QEMU: stop, sleep, cont" holds qemu "$JQ"'([over, $g] | transpose | map(.[0] as $s |
		.[1] as $t | $s.at_ns >= $t.from - 10000000 and $s.at_ns <= $t.out + 10000000 and
		$s.at_ns + $s.sum_ns >= $t.until and
		$s.at_ns + $s.sum_ns <= $t.back + 250000000) | length == 3 and all)' \
		--argjson g "$(said_of qemu-stops | grep . || echo null)"
	check "$1 a move: at the source it does not end" holds source "$JQ"'
		(stops[-1].what | test("not over"))'
	check "$1 at the destination there is a first run, and its first exit" holds destination "$JQ"'
		(stops[0].what | test("or before")) and
		(parts(1) | length == 1 and (.[0].what | test("left for [?], next [a-z_]+$")))'
	# STOP comes when the VMM knows that all have stopped, which the report leaves out of the
	# pause only where it can't tell when that was decided; the guest may have slept before. And
	# it runs before its VMM has answered that it does, which is the last part (resume).
	check "$1 from the last run here to the first there: what run says" holds source "$JQ"'
		(stops[-1].at_ns) as $left | ($d | stops[0] | .at_ns + .sum_ns) as $first |
		($r.total_ms - ([$r.parts[] | select(.name == "stop" or .name == "resume").took_ms] |
			add // 0)) as $least |
		(($first - $left) / 1000000) as $ms | $ms >= $least - 5 and $ms <= $r.total_ms + 250' \
		--argjson d "$(said_of destination | grep . || echo null)" \
		--argjson r "$(said_of run | grep . || echo null)"
	check "$1 ends with its guest, quietly" equals one-left "0 "
	check "$1 while it runs its programs are there" equals attached $PROBES
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 without kvm_vcpu_wakeup it tells stops, and what it lacks" known lacking 1
	check "$1 by name" holds lacking '.lacks == "kvm/kvm_vcpu_wakeup"'
	check "$1 this one lacks nothing" holds list '.works and .lacks == ""'
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
make -s -C "$guest" >&2 || exit 1
on_kernels pause 17
