#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A working guest under KVM goes ten times from QEMU to QEMU: on this machine, over a link
# that gives it time to work meanwhile, or in a test host where there is no /dev/kvm. Its CPU
# writes, and so does the device model (fw_cfg DMA), whose writes KVM's dirty log does not
# see. While the guest stands still `kmigrate run --verify` compares its RAM, page by page,
# and the guest checks its own all the time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
. "$here/net"
moves=${MOVES:-10}

fail() { # NUMBER WHY
	echo "# $2"
	errors
	tail -n 3 "$dir"/g*/serial.log | sed 's/^/# /'
	result 1 "move $1"
	exit 1
}

# All of RAM must have been compared, not some of it.
verified() { # FILE
	[ "$(jq '.outcome == "moved" and .verify.passed and
		.verify.pages * 4096 >= .ram_bytes' "$1")" = true ]
}

move() { # NUMBER
	local from=$dir/g$(($1 - 1)) to=$dir/g$1 copied written
	copied=$("$guest/status" "$from" dma) || fail "$1" "the guest is not well before"
	written=$("$guest/status" "$from" writes) || fail "$1" "the guest is not well before"
	receive "$from" "$to" --peer-timeout 60s || fail "$1" "no receiver"
	run "$from" --verify --peer-timeout 60s || fail "$1" "run ended with $?"
	wait "$receiver" || fail "$1" "receive ended with $?"
	receiver=''
	jq -c '{outcome, verify, times, counters}' "$from/run.json" | sed 's/^/# /'
	verified "$from/run.json" || fail "$1" "not all pages were compared and alike"
	[ "$(state "$from")" = postmigrate ] || fail "$1" "the source is $(state "$from")"
	end "$from"
	"$guest/status" "$to" --progress 120 >"$to/status" || fail "$1" "the guest is not well"
	echo "# $(tr '\n' ' ' <"$to/status")"
	[ "$("$guest/status" "$to" dma)" -gt "$copied" ] || fail "$1" "no page copied meanwhile"
	[ "$("$guest/status" "$to" writes)" -gt "$written" ] || fail "$1" "no page written meanwhile"
	result 0 "move $1: memory compared, the guest found no page wrong"
}

ten() {
	start "$dir/g0" --mem 64M --ready 300 --accel kvm --param ws=8M --param rate=2000 \
		--param dma=8M --param drate=2000 --vga || fail 1 "the guest does not start"
	for ((i = 1; i <= moves; i++)); do
		move "$i"
	done
}

in_host() {
	local rc
	"$here/../vm/kernels" 6.12 >&2 || exit 1
	"$here/../vm/host" --kernel 6.12 --timeout 1800 --env "MOVES=$moves" -- "$0" inside
	rc=$? nr=$moves
	[ $rc = 0 ] || echo "# the host ended with $rc (90: its kernel complains)"
	result $rc "the host's kernel does not complain"
}

if [ "${1:-}" = inside ]; then
	ten
	exit 0
fi

if [ -w /dev/kvm ]; then
	begin "$moves"
	net_up 200mbit || echo "# no right to make a link: as fast as the machine"
	ten
else
	begin $((moves + 1))
	in_host
fi
finish
