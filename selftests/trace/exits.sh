#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace exits, against a guest whose exits are known, in a test host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PROBES=2

# How often the cursor goes home, and how often the last line is seen.
on_screen() { # LINES
	script -q -c "stty rows $1 cols 80; '$km' trace --vm $pid exits --live --seconds 3" \
		/dev/null </dev/null >screen
	echo "@screen-$1 $(grep -o $'\033\\[H' screen | wc -l) $(grep -c 'nothing happened' screen)"
}

# What runs in the host; each answer goes to a file there and comes out as a line of JSON.
inside() {
	local pid tracer
	cd "$(mktemp -d)" || exit 1
	traced counts exits $PROBES "$out/leaver" 3000 200 400

	killed_tracer exits "$out/leaver" 1000 1
	start_guest /dev/null "$out/leaver" 1000 1
	"$km" trace --vm $pid exits --seconds 60 >text &
	tracer=$!
	attached $tracer $PROBES
	kill -INT $tracer
	wait $tracer
	echo "@interrupted $? $(head -1 text)"
	echo "@live $("$km" trace --vm $pid exits --live --seconds 3 | grep -c '^exits, ')"
	on_screen 10
	on_screen 2
	listed list exits
	echo "@nobody $(setpriv --reuid 65534 --clear-groups "$km" trace --list --json |
		jq -r '.questions[0].why_not')"
	# All questions, of which one can't be asked.
	hide sock/inet_sock_set_state
	echo "@all $("$km" trace --vm $pid --seconds 1 2>&1 | grep -E '^(kmigrate|[a-z]+,)' | tr '\n' ' ')"
	unhide sock/inet_sock_set_state
	# As on a kernel that was built without types.
	mount -t tmpfs tmpfs /sys/kernel/btf
	echo "@no-btf $("$km" trace --vm $pid exits 2>&1) $?"
	umount /sys/kernel/btf
	echo "@no-caps $(setpriv --bounding-set -sys_admin,-bpf,-perfmon "$km" trace --vm $pid \
		exits 2>&1) $?"
	"$km" trace --vm $pid exits --seconds 60 >text &
	tracer=$!
	attached $tracer $PROBES
	kill -9 $pid
	wait $tracer
	echo "@died $? $(head -1 text)"
	exec 3>&-
	wait $pid 2>/dev/null
	modprobe -r kvm_amd kvm
	echo "@no-kvm $("$km" trace --list --json | jq -r '.questions[0].why_not')"
}

judge() { # KERNEL
	check "$1 the question works" holds list '.works'
	check "$1 each vCPU's exits, exactly" holds counts '[.rows[] | select(.what == "io")] |
		map({(.vcpu | tostring): .count}) | add == {"0": 200, "1": 400}'
	check "$1 each is timed" holds counts '.lost == 0 and ([.rows[] |
		select(.what == "io") | .count == .timed and .timed == ([.histogram[].count] | add)] |
		all)'
	# 3 ms each, on a clock that may only be late.
	check "$1 none is shorter than it was" holds counts '[.rows[] | select(.what == "io") |
		.sum_ns >= .count * 3000000 and .histogram[0].from_ns >= 2097152] | all'
	check "$1 the last exit is counted and not timed" holds counts '[.rows[] |
		select(.what == "hlt") | .count == 1 and .timed == 0] | length == 2 and all'
	check "$1 it ends with its guest, quietly" equals counts-left "0 "
	check "$1 Ctrl-C shows what was seen" eval 'said_of interrupted | grep "^0 exits, "'
	check "$1 while it runs its programs are there" equals attached $PROBES
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 without rights" eval 'said_of nobody | grep "needs root"'
	check "$1 of all questions those that can be asked" eval 'said_of all | grep -E \
		"^kmigrate trace: net is left out: .*inet_sock_set_state exits, .* dirtying, .* faults, "'
	check "$1 without BTF" eval 'said_of no-btf | grep "has no BTF .* 3$"'
	check "$1 without capabilities" eval 'said_of no-caps | grep "needs root .* 3$"'
	check "$1 a guest that dies" eval \
		'said_of died | grep "^0 exits, .* s, until the process was gone$"'
	check "$1 live, a block each second" eval '[ "$(said_of live)" -ge 3 ]'
	check "$1 and at a terminal in place" eval 'said_of screen-10 | grep "^[4-9] [3-9]$"'
	check "$1 as far as there is room" eval 'said_of screen-2 | grep "^[4-9] 0$"'
	check "$1 without KVM" eval 'said_of no-kvm | grep "no tracepoint kvm/kvm_exit"'
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
on_kernels exits 18
