#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A working guest under KVM goes ten times from QEMU to QEMU of one test host. Its CPU
# writes, and so does the device model (fw_cfg DMA), whose writes KVM's dirty log does not
# see. While the guest stands still `kmigrate run --verify` compares its RAM, page by page,
# and the guest checks its own all the time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
guest=$here/../guest km=$here/../../build/kmigrate
moves=${MOVES:-10} work=/tmp/vmm port=0

fail() { # NUMBER WHY
	echo "# $2"
	sed 's/^/# /' "$work"/*/*.err 2>/dev/null
	tail -n 3 "$work"/g*/serial.log | sed 's/^/# /'
	echo "not ok $1 move $1"
	exit 1
}

receive() { # FROM TO
	mkdir -p "$2"
	"$km" receive --json --listen 127.0.0.1 --port 0 --peer-timeout 60s --replace "$1=$2" \
		>"$2/receive.log" 2>"$2/receive.err" &
	receiver=$!
	for _ in $(seq 300); do
		port=$(jq -r 'select(.event == "listening").port' "$2/receive.log" 2>/dev/null)
		[ -n "$port" ] && return 0
		sleep 0.1
	done
	return 1
}

# All of RAM must have been compared, not some of it.
verified() { # FILE
	[ "$(jq '.outcome == "moved" and .verify.passed and
		.verify.pages * 4096 >= .ram_bytes' "$1")" = true ]
}

state() { "$guest/qmp" "$1/qmp.sock" query-status | jq -r .status; }

move() { # NUMBER
	local from=$work/g$(($1 - 1)) to=$work/g$1 copied written
	copied=$("$guest/status" "$from" dma) || fail "$1" "the guest is not well before"
	written=$("$guest/status" "$from" writes) || fail "$1" "the guest is not well before"
	receive "$from" "$to" || fail "$1" "the receiver does not listen"
	timeout 300 "$km" run --vm "$from/qmp.sock" --to "127.0.0.1:$port" --verify --json \
		--peer-timeout 60s >"$to/run.json" 2>"$to/run.err" || fail "$1" "run ended with $?"
	wait "$receiver" || fail "$1" "receive ended with $?"
	jq -c '{outcome, verify, times, counters}' "$to/run.json" | sed 's/^/# /'
	verified "$to/run.json" || fail "$1" "not all pages were compared and alike"
	[ "$(state "$from")" = postmigrate ] || fail "$1" "the source is $(state "$from")"
	"$guest/stop" "$from"
	"$guest/status" "$to" --progress 120 >"$to/status" || fail "$1" "the guest is not well"
	echo "# $(tr '\n' ' ' <"$to/status")"
	[ "$("$guest/status" "$to" dma)" -gt "$copied" ] || fail "$1" "no page copied meanwhile"
	[ "$("$guest/status" "$to" writes)" -gt "$written" ] || fail "$1" "no page written meanwhile"
	echo "ok $1 move $1: memory compared, the guest found no page wrong"
}

if [ "${1:-}" = inside ]; then
	"$guest/start" flat --dir $work/g0 --mem 64M --backing memfd --name vmm --ready 300 \
		--param ws=8M --param rate=2000 --param dma=8M --param drate=2000 --vga ||
		fail 1 "the guest does not start"
	for ((i = 1; i <= moves; i++)); do
		move "$i"
	done
	"$guest/stop" "$work/g$moves"
	exit 0
fi

echo "TAP version 13"
make -s -C "$guest" >&2 && "$here/../vm/kernels" 6.12 >&2 || exit 1
echo "1..$((moves + 1))"
"$here/../vm/host" --kernel 6.12 --timeout 1800 --env "MOVES=$moves" -- "$0" inside
rc=$?
if [ $rc = 0 ]; then
	echo "ok $((moves + 1)) the host's kernel does not complain"
else
	echo "not ok $((moves + 1)) the host ended with $rc (90: its kernel complains)"
fi
exit $rc
