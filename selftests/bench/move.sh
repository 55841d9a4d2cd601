#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark of whole moves, made short: that it measures, in the form that it promises, and
# that the guest it relies on sees a page that is not as it should be. The figures are not judged:
# other tests run meanwhile.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../ktap.sh"
guest=$here/../guest
dir=$(mktemp -d) || exit 1
trap '"$guest/stop" "$dir/guest"; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

measure() {
	WORKLOADS=idle ENGINES='precopy kmigrate' LINKS=200mbit RUNS=1 MEM=64M LIMIT=60 \
		RESULT=$dir/bench.json "$here/move" >"$dir/table" 2>"$dir/err"
	echo $? >"$dir/status"
	[[ $(cat "$dir/status") =~ ^[014]$ ]] || { cat "$dir/err"; return 1; }
}

# jq 1.6 is content with no input at all.
holds() { [ -s "$dir/bench.json" ] && jq -e "$1" "$dir/bench.json" >/dev/null || { cat "$dir/err"; return 1; }; } # FILTER

refuses() { # REGEX NAME=VALUE
	local said rc
	said=$(env "$2" "$here/move" 2>&1)
	rc=$?
	[ $rc = 2 ] && [ "$(wc -l <<<"$said")" = 1 ] && grep -q -E -- "$1" <<<"$said" ||
		{ echo "$rc: $said"; return 1; }
}

has_done() { # KEY LEAST
	[ "$("$guest/status" "$dir/guest" "$1" 2>/dev/null || echo 0)" -ge "$2" ]
}
has_worked() { has_done sweeps 1 && has_done writes 1000 && has_done dma 1000; }

# What the quick guest writes is what the thorough sweep of all its memory wants.
quick_guest() {
	make -s -C "$guest" >&2 || return 1
	"$guest/start" flat --dir "$dir/guest" --mem 32M --accel kvm --ready 120 --param quick=1 \
		--param ws=1M --param bytes=64 --param vary=1 --param order=scatter --param rate=2000 \
		--param dma=1M --param drate=500 --param sweep=4000 --param status=200 || return 1
	for _ in {1..150}; do
		has_worked && break
		sleep 0.2
	done
	"$guest/status" "$dir/guest" | tr '\n' ' '
	[ "$("$guest/status" "$dir/guest" wrong)" = 0 ] && "$guest/status" "$dir/guest" --progress 20 &&
		has_worked
}

finds_spoiled() {
	local gpa
	gpa=$(grep -aoE 'written_gpa=0x[0-9a-f]+' "$dir/guest/serial.log" | cut -d= -f2)
	"$guest/poke" "$dir/guest/qmp.sock" "$(cat "$dir/guest/pid")" "$gpa" || return 1
	for _ in {1..100}; do
		grep -aq "WRONG page=$(printf '0x%x' $((gpa / 4096))) word=0 " "$dir/guest/serial.log" && return
		sleep 0.1
	done
	tail -n 3 "$dir/guest/serial.log"
	return 1
}

[ "$(id -u)" = 0 ] && [ -w /dev/kvm ] || skip_all "takes root and /dev/kvm"
plan 8
check "an idle guest goes by QEMU's pre-copy and by kmigrate, live and paused" measure
check "a row for each move, with all that is promised, no wrong page" holds '
	([.[] | [.engine, .paused]] | sort) ==
		[["kmigrate", false], ["kmigrate", true], ["precopy", false], ["precopy", true]] and
	all(.[]; .workload == "idle" and .link == "200mbit" and .completed and .wrong == 0 and
		.verified >= (if .paused then 1 else 2000 end) and .compared * 4096 > 25e6 and
		.cpu_s > .vcpu_s)'
# Half of what nobody writes is random and has to go, the rest is zero.
check "what went over the link, in the time that this takes" holds '
	all(.[]; (.compared * 4096) as $ram | .wire_bytes > $ram * 0.45 and .wire_bytes < $ram * 0.8 and
		.total_s > .wire_bytes / 25e6 * 0.9 and .total_s < 40)'
check "a pause by the ticks, none of a paused guest" holds '
	all(.[]; if .paused then .pause_ms == null else .pause_ms > 5 and .pause_ms < 20000 end)'
check "the table has both engines, and says what was not measured" \
	grep -q -z 'precopy.*kmigrate.*by the best.*not measured' "$dir/table"
check "an unknown engine: one line, exit 2" refuses 'nonsense: the engines' ENGINES=nonsense
check "the guest: what its quick work wrote is what its sweep wants" quick_guest
check "the guest: its quick work finds a spoiled page" finds_spoiled
finish
