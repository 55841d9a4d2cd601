#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What becomes of pages on a slow link: text is compressed, noise is not, and of pages
# that are written again and again only what has changed goes. Of working guests under KVM, whose
# memory is compared at both ends, and who check it themselves.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
. "$here/net"

[ -w /dev/kvm ] || skip_all "no /dev/kvm"
net_up 200mbit || skip_all "no right to make a link"

over() { # STATUS NAME
	[ "$1" = 0 ] || errors
	end "$a" "$b"
	rm -rf "$a" "$b"
	result "$1" "$2"
}

# A guest goes from $a to $b, and nothing is wrong with its memory.
moves() { # GUEST-OPTION... -- ARGUMENT-OF-RUN...
	local options=()
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	start "$a" --accel kvm --mem 64M "${options[@]}" && sleep 1 &&
		receive "$a" "$b" --peer-timeout 60s && run "$a" --verify --peer-timeout 60s "$@" &&
		wait "$receiver" || return 1
	receiver=''
	jq -c '.counters + .times' "$a/run.json" | sed 's/^/# /'
	is '.outcome == "moved" and .verify.passed and .verify.pages * 4096 >= .ram_bytes' &&
		"$guest/status" "$b" --progress 60 >"$b/status"
}

is() { # JQ: of the result
	[ "$(jq "$1" "$a/run.json")" = true ] && return 0
	echo "# not so: $1"
	return 1
}

# Anything that had content, as if it had gone raw.
raw='(.counters | (.raw_pages + .packed_pages + .delta_pages) * 4096)'

# On a link so slow that it pays on a busy machine, too (worth.h goes by the clock).
text() {
	# The file fills RAM but for what is zero, and the device model copies pages of it.
	slower && moves --data text --param ws=1M --param zero=20 --param dma=8M --param drate=2000 -- &&
		is '.counters | .packed_pages > .raw_pages' &&
		is '.counters | .packed_bytes < .packed_pages * 4096 / 2' &&
		is ".counters.wire_bytes < 0.7 * $raw"
	over $? "text is compressed"
}

noise() {
	moves --param ws=1M --param dma=8M --param drate=2000 -- --delta-memory 0 &&
		is '.counters | .packed_pages < .raw_pages / 20 and .delta_pages == 0' &&
		is ".counters.wire_bytes < 1.02 * $raw + 1000000" &&
		is '.counters.codec_ms < .times.total_ms / 20'
	over $? "noise goes as it is, and costs no more"
}

# 1024 pages, 16 bytes changed each time, 1500 a second where nobody else wants
# the CPU. Even a guest that gets a third of that is too fast for this link to carry them whole.
small_writes=(--param ws=4M --param bytes=16 --param rate=1500)
slower() { tc qdisc change dev "${ns}a" root tbf rate "${1:-50mbit}" burst 64k latency 20ms; }

# How many go as deltas depends on how much of the CPU the guest gets; wrong_page has some for certain.
small() { # NAME BACKING
	slower && moves --backing "$2" --param ws=8M --param bytes=16 --param rate=2000 -- --deadline 60s &&
		is '.counters | .delta_bytes <= .delta_pages * 1000'
	over $? "$1"
}

# Somebody writes to the destination's memory, to each page that the guest writes, while the source
# has a message with deltas in hand: they don't fit any more.
wrong_page() {
	local km=$root/build/faults/kmigrate gpa n=0 rc=1 status
	slower 10mbit && start "$a" --accel kvm --mem 16M "${small_writes[@]}" && receive "$a" "$b" &&
		gpa=$(grep -o 'written_gpa=[0-9a-fx]*' "$a/serial.log" | cut -d= -f2) || return 1
	KM_FAULT=delta go "$a" --to "$address:$port" --deadline 60s
	while status=$(sed 's/.*) //; s/ .*//' "/proc/$mover/stat" 2>/dev/null) && [ "$status" != Z ]; do
		sleep 0.1
		[ "$status" = T ] || continue
		sleep 1 # what is on its way arrives
		"$guest/poke" "$b/mon.sock" "$(qemu_of "$b")" $((gpa + 64 + n)) 1024 2>/dev/null
		n=$((n + 1))
		kill -CONT "$mover"
	done
	await_run
	status=$?
	[ $status = 0 ] && jq -c .counters "$a/run.json" | sed "s/^/# after $n times: /"
	[ $n -gt 0 ] && [ $status = 1 ] && grep -q 'is not what the source takes it for' "$a/run.err" &&
		[ "$(state "$a")" = running ] && [ -z "$(qemu_of "$b")" ] && rc=0
	over $rc "a page that is another one there: the guest stays"
}

begin 5
noise
text
small "small writes go as what has changed: shared memory" memfd
small "small writes go as what has changed: anonymous memory" anon
wrong_page
finish
