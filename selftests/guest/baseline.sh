#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# baseline.sh: do the guests themselves survive a migration by plain QEMU, with no kmigrate
# anywhere, and do they notice when something is wrong? Run it where KVM works:
#
#	selftests/vm/host --timeout 900 -- selftests/guest/baseline.sh
#
# (QEMU 7.2's TCG loses dirty pages when it migrates; without KVM this skips.)
# KTAP on standard output, figures as comments. FLAT_MOVES, LINUX_MOVES: how many of each.
set -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
flat_moves=${FLAT_MOVES:-10} linux_moves=${LINUX_MOVES:-4}
work=$(mktemp -d /tmp/baseline.XXXXXX) || exit 1
number=0 failures=0 recorder=''

declare -A options=(
	[flat]="--mem 128M --param ws=16M --param rate=5000 --param dma=16M --param drate=4000"
	[linux]="--mem 192M --param rate=5000 --vcpus 1"
)

cleanup() {
	[ -z "$recorder" ] || kill "$recorder" 2>/dev/null
	"$here/stop" "$work"/*
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

note() { echo "# $*"; }

result() { # STATUS NAME
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failures=$((failures + 1))
	fi
}

uptime_ms() {
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0"
}

value() { # DIR KEY
	"$here/status" "$1" "$2"
}

boot() { # KIND DIR
	local began
	began=$(uptime_ms)
	# shellcheck disable=SC2086 # several words
	"$here/start" "$1" --dir "$2" ${options[$1]} --ready 120 || return
	note "$1 boot_s=$(bc_ms $(($(uptime_ms) - began))) $(grep -a ': ready' "$2/serial.log")"
	"$here/status" "$2" --progress 20 >/dev/null
}

bc_ms() { # MILLISECONDS
	echo "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
}

capabilities() { # true|false
	echo '{"capabilities":[{"capability":"events","state":true},{"capability":"multifd","state":'"$1"'}]}'
}

# One migration from the guest in FROM to a new QEMU in TO. With COMPARE the destination
# stays paused until both memories have been compared.
move() { # KIND FROM TO MULTIFD COMPARE
	local kind=$1 from=$2 to=$3 caps paused=''
	local parameters='{"max-bandwidth":2000000000,"downtime-limit":300}'
	caps=$(capabilities "$4")
	[ "$5" = no ] || paused=--paused
	# shellcheck disable=SC2086
	"$here/start" "$kind" --dir "$to" ${options[$kind]} --incoming $paused || return
	"$here/qmp" "$to/qmp.sock" migrate-set-capabilities "$caps" \
		-- migrate-incoming "{\"uri\":\"unix:$to/migration\"}" >/dev/null || return
	"$here/qmp" "$from/qmp.sock" --wait-event MIGRATION:completed \
		--unless-event MIGRATION:failed --timeout 120 \
		migrate-set-capabilities "$caps" -- migrate-set-parameters "$parameters" \
		-- migrate "{\"uri\":\"unix:$to/migration\"}" >/dev/null || return
	[ "$5" = no ] && return
	arrived "$to" && "$here/compare" --allow 0xe8000 "$from/qmp.sock" "$to/qmp.sock" |
		sed 's/^/# /' || return
	"$here/qmp" "$to/qmp.sock" cont >/dev/null
}

# The source is done a moment before the destination has loaded everything.
arrived() { # DIR
	local i
	for i in {1..100}; do
		"$here/qmp" "$1/qmp.sock" query-status | grep -q '"status": *"paused"' && return
		sleep 0.1
	done
	note "the destination never loaded: $i"
	return 1
}

figures() { # FROM
	"$here/qmp" "$1/qmp.sock" query-migrate |
		grep -oE '"(total-time|downtime|dirty-sync-count|transferred)": *[0-9]+' |
		tr -d '" ' | tr '\n' ' '
}

# The same guest moves COUNT times in a row, from QEMU to QEMU.
moves() { # KIND COUNT
	local kind=$1 i from=$work/$1.0 to how multifd compare ok before
	for ((i = 1; i <= $2; i++)); do
		to=$work/$kind.$i multifd=false compare=no how=precopy
		[ $((i % 2)) = 1 ] || { multifd=true how=multifd; }
		[ $((i % 4)) -lt 2 ] || compare=yes
		: >"$work/t"; mkdir -p "$to"; : >"$to/ticks"
		"$here/ticks" --gap 100000 "$from/ticks" "$to/ticks" >"$work/gaps" &
		recorder=$!
		before=$("$here/status" "$from")
		move "$kind" "$from" "$to" "$multifd" "$compare"; ok=$?
		[ $ok != 0 ] || "$here/status" "$to" --progress 30 >"$work/after"; ok=$((ok + $?))
		kill "$recorder"; wait "$recorder"; recorder=''
		note "$how compare=$compare $(figures "$from")$(cat "$work/gaps")"
		grep -q 'lost=0 repeated=0 overlap=0' "$work/gaps" || ok=$((ok + 1))
		result $ok "$kind move $i by $how wrong=$(grep -h ^wrong= "$work/after" | cut -d= -f2)"
		note "before: ${before//$'\n'/ }"
		note "after: $(tr '\n' ' ' <"$work/after")"
		"$here/stop" "$from"
		[ $ok = 0 ] || { grep -aH WRONG "$from/serial.log" "$to/serial.log" | head -n 40 | sed 's/^/# /'; return; }
		from=$to
	done
}

# A byte changed behind the guest's back must be found, and only that one.
spoiled() { # KIND WHERE
	local dir=$work/spoiled.$1.$2 gpa found
	"$here/start" "$1" --dir "$dir" --mem 128M --param ws=8M --param rate=5000 \
		--param sweep=20000 --ready 120 || { result 1 "$1 starts"; return; }
	gpa=$(grep -aoE "$2_gpa=0x[0-9a-f]+" "$dir/serial.log" | cut -d= -f2)
	"$here/poke" "$dir/qmp.sock" "$(cat "$dir/pid")" "$gpa"
	for _ in {1..300}; do
		grep -aq WRONG "$dir/serial.log" && break
		sleep 0.1
	done
	found=$(grep -a -m 1 WRONG "$dir/serial.log")
	"$here/status" "$dir" >/dev/null 2>&1
	[ $? = 1 ] && [ -n "$found" ]
	result $? "$1 finds a spoiled page that was $2 at $gpa"
	note "$found"
	"$here/stop" "$dir"
}

main() {
	echo "KTAP version 1"
	[ -w /dev/kvm ] || { echo "1..0 # SKIP no /dev/kvm"; exit 4; }
	echo "1..$((flat_moves + linux_moves + 4))"
	boot flat "$work/flat.0" && moves flat "$flat_moves"
	"$here/stop" "$work"/flat.*
	boot linux "$work/linux.0" && moves linux "$linux_moves"
	"$here/stop" "$work"/linux.*
	spoiled flat written
	spoiled flat filled
	spoiled linux written
	spoiled linux filled
	[ $number = $((flat_moves + linux_moves + 4)) ] || failures=$((failures + 1))
	[ $failures = 0 ]
}

main
