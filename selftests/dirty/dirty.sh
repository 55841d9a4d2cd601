#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate dirty and top, against a guest that dirties known pages, in a test host of each
# kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
km=$root/build/kmigrate out=$root/build/selftests/dirty
. "$here/../ktap.sh"
. "$here/../said.sh"

start_writer() {
	rm -f go first
	mkfifo go
	"$out/writer" 100 200 400 800 <go >first &
	writer=$!
	exec 3>go
	until [ -s first ]; do kill -0 $writer || exit 1; sleep 0.1; done
}

stop_writer() {
	exec 3>&-
	wait $writer || echo "the writer failed" >&2
}

# Whose the log of a VM is: enum kmigrate_logging, from a session of its own.
nothing_is_logged() { # PID
	for _ in $(seq 50); do
		[ "$("$km" dirty --vm "$1" --observe --seconds 1 --json | jq .pages)" = 0 ] && return
	done
	echo "still logged" >&2
	return 1
}

inside() {
	local other
	cd "$(mktemp -d)" || exit 1
	start_writer
	echo "@first $(cat first)"
	say measured "$km" dirty --vm $writer --seconds 5 --interval 1s --json
	say off nothing_is_logged $writer
	# Longer than a round of the writer's even on a busy machine: a page counts once a harvest, so
	# of rounds that are about as long as the interval one vCPU's may count and another's not.
	say shares "$km" dirty --vm $writer --seconds 10 --interval 500ms --json
	say text "$km" dirty --vm $writer --seconds 2
	say observed "$km" dirty --vm $writer --seconds 1 --observe --json

	"$km" dirty --vm $writer --seconds 60 >first.out 2>first.err &
	other=$!
	sleep 3
	say busy "$km" dirty --vm $writer --seconds 1
	say top-beside "$km" top --iterations 1 --delay 2s --json
	kill -9 $other
	wait $other 2>/dev/null
	say killed nothing_is_logged $writer

	"$km" dirty --vm $writer --seconds 60 >int.out 2>&1 &
	other=$!
	sleep 3
	kill -INT $other
	wait $other
	echo "@interrupted $? $(grep -c '^dirtied' int.out)"

	qemu-system-x86_64 -accel tcg -m 32 -name tcg-guest -display none -S \
		-qmp unix:qmp.sock,server=on,wait=off -pidfile pid &
	until [ -s pid ] && [ -S qmp.sock ]; do sleep 0.1; done
	say top "$km" top --iterations 2 --delay 2s --json
	say top-text "$km" top --iterations 1 --delay 2s
	say tcg "$km" dirty --vm tcg-guest --seconds 1 --json
	say nobody setpriv --reuid 65534 --clear-groups "$km" top
	say bad-interval "$km" dirty --vm $writer --interval 1ms

	"$km" dirty --vm $writer --seconds 60 >gone.out 2>&1 &
	other=$!
	sleep 3
	kill -9 $writer
	exec 3>&-
	wait $writer 2>/dev/null
	wait $other
	echo "@gone $? $(cat gone.out)"

	start_writer
	say unload rmmod kmigrate
	say no-module "$km" dirty --vm $writer --seconds 1
	say no-module-top "$km" top
	say no-module-qemu "$km" dirty --vm tcg-guest --seconds 1
	stop_writer
	kill "$(cat pid)"
	wait
}

# Of one value, and with the first page's address.
holds_one() { holds "$1" "$2" ".[0] | ($3)" --argjson first "$(said_of first)"; } # WHAT STATUS FILTER

# 4 s of 5 lie between the first harvest and the last, each of which finds every page.
try() { # KERNEL
	log=$out/$1.log
	check "$1 a host runs it" run_host "$1"
	check "$1 driven by the module" holds_one measured 0 '.source == "kmigrate.ko" and
		.state == "driven" and .mechanism == "write-protect"'
	check "$1 the working set, to the page" holds_one measured 0 '.windows[] |
		select(.window_ms == 1000) | .unique_pages >= 1500 and .unique_pages <= 1508'
	check "$1 scales that were not measured say nothing" holds_one measured 0 '[.windows[] |
		select(.window_ms < 1000 or .window_ms > 10000) | .unique_pages == null] | all'
	# The end may cut one of the writer's rounds, each vCPU at another page of its own.
	check "$1 by vCPU 1:2:4:8 within 5 %" holds_one shares 0 '(.pages_by_vcpu | add) as $all |
		.pages_by_vcpu == [range(4) as $i | (100 * pow(2; $i)) as $round |
		($all * $round / 1500) as $due | .pages_by_vcpu[$i] |
		select(. > 0.95 * $due - $round and . < 1.05 * $due + $round)] and
		$all > 10 * 1500'
	check "$1 the regions, each with its pages" holds_one measured 0 '[.regions[] |
		select(.address >= $first) | {address, dirtied_10s}] | sort_by(.address) ==
		[{address: $first, dirtied_10s: 512}, {address: ($first + 2097152), dirtied_10s: 512},
		{address: ($first + 4194304), dirtied_10s: 476}]'
	check "$1 what it cost" holds_one measured 0 '.cost | .harvests >= 3 and .harvest_ms > 0 and
		.interval_ms == 1000 and .kernel_bytes > 0'
	check "$1 afterwards the log is off" says off '^0 '
	check "$1 as text" says text '^0 .*mechanism: write-protect~.*by vCPU .*WORKING SET.*100 ms .*HOTTEST AT.*cost .*write faults'
	check "$1 observing sees nothing of a guest that doesn't log" holds_one observed 0 '.pages == 0 and
		.state == "observed" and (.vmm_logs | not)'
	check "$1 two at a time: one line, exit 3" says busy '^3  kmigrate dirty: .*another session tracks'
	check "$1 top reads along with another" holds_one top-beside 0 '.guests[0] | .state == "driven" and
		.pages > 0 and .unmeasured_because == null'
	check "$1 killed, it leaves the log off" says killed '^0 '
	check "$1 Ctrl-C shows what was seen" says interrupted '^0 1$'
	check "$1 top: the busiest first, and why one can't be measured" holds_one top 0 '.guests |
		.[0].pages_per_s > 100 and .[1].vm == "tcg-guest" and
		(.[1].unmeasured_because | contains("no KVM VM"))'
	check "$1 top as text" says top-text '^0 +PID +NAME .*driven~.*tcg-guest '
	check "$1 a guest without KVM: QEMU's own figure" holds_one tcg 0 '.source == "qemu" and
		.seconds == 1 and (.why_qemu | contains("no KVM VM"))'
	check "$1 without rights: one line, exit 3" says nobody '^3  kmigrate top: .*needs root'
	check "$1 an interval out of range: exit 2" says bad-interval '^2  kmigrate dirty: .*interval'
	check "$1 the guest goes meanwhile: one line" says gone '^1 kmigrate dirty: .*gone$'
	check "$1 the module can go" says unload '^0 '
	check "$1 no module and no QEMU: one line, exit 3" says no-module '^3  kmigrate dirty: kmigrate.ko is not loaded.*no QMP socket'
	check "$1 no module, top: one line, exit 3" says no-module-top '^3  kmigrate top: kmigrate.ko is not loaded'
	check "$1 no module, QEMU: it says so" says no-module-qemu "^0 .*QEMU's calc-dirty-rate.*kmigrate.ko is not loaded"
}

run_host() { # KERNEL
	local module
	module=$("$root/selftests/vm/kmodule" "$1") || return 1
	"$root/selftests/vm/host" --kernel "$1" --timeout 400 --name "dirty-${1/./-}" \
		--module "$module" -- "$here/dirty.sh" --inside >"$log" 2>&1
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
[ $# -gt 0 ] || set -- 6.1 6.12
plan $((24 * $#))
mkdir -p "$out"
kmod=$here/../kmod
${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -pthread -I"$kmod" \
	-o "$out/writer" "$here/writer.c" "$kmod/vmm.c" "$kmod/memory.c" || exit 1
for kernel in "$@"; do
	try "$kernel"
done
finish
