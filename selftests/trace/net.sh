#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace net, against a sender whose reader sleeps known times, and on a link that
# loses packets, in a test host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PROBES=5
N=10 MS=100 BYTES=1000000
RETRANSMIT=/sys/kernel/tracing/events/tcp/tcp_retransmit_skb

watch=--pid
ready() { has_said "$@"; }

inside() {
	cd "$(mktemp -d)" || exit 1
	traced wait net $PROBES "$out/sender" wait $N $MS $BYTES
	traced again net $PROBES "$out/sender" again $N $MS $BYTES
	modprobe sch_netem && tc qdisc add dev lo root netem loss 10% || exit 1
	# The kernel's own count; another process sends meanwhile and isn't counted.
	echo hist:keys=sport >$RETRANSMIT/trigger
	during() { echo | "$out/sender" wait 20 0 200000 >other; }
	traced lossy net $PROBES "$out/sender" wait 20 0 200000
	during() { :; }
	tc qdisc del dev lo root
	echo "@other $(jq -s -c add other)"
	echo "@counted $(sed -n 's/^{ sport: *\([0-9]*\) } hitcount: *\([0-9]*\).*/{"\1": \2}/p' \
		$RETRANSMIT/hist | jq -s -c add)"
	echo '!hist:keys=sport' >$RETRANSMIT/trigger
	killed_tracer net "$out/sender" wait 1 1 1
	hide tcp/tcp_retransmit_skb
	listed lacking net
	unhide tcp/tcp_retransmit_skb
	listed list net
	echo "@gone $("$km" trace --pid 4194303 net 2>&1) $?"
	echo "@both $("$km" trace --pid 1 --vm 1 net 2>&1) $?"
}

JQ='def row($what): .rows[] | select(.what == $what);
	def from($ns): [.histogram[] | select(.from_ns >= $ns) | .count] | add // 0;'

of_guest() { # NAME FILTER [ARGUMENT OF JQ...]
	holds "$1" "$JQ $2" --argjson g "$(said_of "$1-guest" | grep . || echo null)" \
		--argjson n $N --argjson slept $((N * MS * 1000000)) "${@:3}"
}

judge() { # KERNEL
	check "$1 each send is counted and timed, as the sender does" of_guest wait '.lost == 0 and
		(row("sending, " + $g.slow) | .count == $n and .timed == $n and
		.timed == ([.histogram[].count] | add) and
		.sum_ns <= $g.ns and .sum_ns >= $g.ns * 0.9)'
	# Most of the time at once, but room may come and go a few times.
	check "$1 the buffer is full while the reader sleeps" of_guest wait '
		row("sending, " + $g.slow) as $s | row("buffer full, " + $g.slow) |
		.count == .timed and .sum_ns >= $slept * 0.9 and .sum_ns <= $s.sum_ns and
		from(33554432) >= $n'
	check "$1 who asks not to wait has it full until the next send" of_guest again '
		row("buffer full, " + $g.slow) | .sum_ns >= $slept * 0.9 and from(33554432) >= $n and
		.count - .timed <= 1'
	check "$1 and each of its calls is counted" of_guest again '
		row("sending, " + $g.slow) | .count == $g.calls and .sum_ns <= $g.ns'
	check "$1 another stream is apart, and not full" of_guest wait '
		(row("sending, " + $g.quick) | .count == $n) and
		([row("buffer full, " + $g.quick)] | length) == 0'
	# The end of a stream may be lost as well: that is sent again when its process is gone, and
	# counted by the kernel only.
	check "$1 packets are sent again as often as the kernel counts" of_guest lossy '
		$k[$g.local | tostring] as $all | row("retransmitted, " + $g.slow) | .count > 0 and
		.count <= $all and .count >= $all - 3 and .timed == 0' \
		--argjson k "$(said_of counted | grep . || echo null)"
	check "$1 of this process alone" holds lossy '[.rows[] | select(.what |
		test("port " + ($o.local | tostring)))] == []' \
		--argjson o "$(said_of other | grep . || echo null)"
	check "$1 it ends with its process, quietly" equals wait-left "0 "
	check "$1 while it runs its programs are there" equals attached $PROBES
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 what a kernel lacks is left out by name" holds lacking \
		'.works and .lacks == "tcp/tcp_retransmit_skb"'
	check "$1 this one lacks nothing" holds list '.works and .lacks == ""'
	check "$1 a process that is not there" eval 'said_of gone | grep "no process 4194303 3$"'
	check "$1 whom to watch is said once" eval 'said_of both | grep -- "--vm .* or --pid.* 2$"'
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
on_kernels net 14
