#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A link that breaks while the guest works is redialled, and the move goes on: cut, stalled, reset,
# once and again, all connections or one; and when it does not come back, or the other end is gone,
# nothing is left behind. Of a working guest under KVM that checks its memory itself; each move that
# ends well compares every page, too.
# shellcheck disable=SC2046,SC2086 # ports are words
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
. "$here/net"

[ -w /dev/kvm ] || skip_all "no /dev/kvm"
# The first round takes six seconds and more.
net_up 80mbit || skip_all "no right to make a link"
trap 'kill $recorder 2>/dev/null; cleanup; net_down' EXIT
patience=4s recorder=''

# 8 MiB of the guest's 64 are rewritten, and checked, all the time.
begin_move() { # ARGUMENT-OF-RUN...
	rm -rf "$a" "$b" "$dir/both" "$KMIGRATE_STATE_DIR"
	start "$a" --accel kvm --mem 64M --param ws=1M --param dma=8M --param drate=500 &&
		receive "$a" "$b" --peer-timeout $patience || return
	watch_both &
	sampler=$!
	: >"$b/ticks"
	"$guest/ticks" --gap 100000 "$a/ticks" "$b/ticks" >"$dir/gaps" &
	recorder=$!
	go "$a" --to "$address:$port" --peer-timeout $patience --verify --streams 3 "$@"
	for _ in $(seq 300); do
		[ "$(carried)" -gt 2000000 ] && return 0
		kill -0 "$mover" 2>/dev/null || break
		sleep 0.1
	done
	echo "# no pages flow"
	return 1
}

# Bytes that run's connections have carried.
carried() {
	ss -Htin dst "$address" | grep -o 'bytes_acked:[0-9]*' |
		awk -F: '{ n += $2 } END { print n + 0 }'
}

is() { # JQ: of the result
	[ "$(jq "$1" "$a/run.json")" = true ] && return 0
	echo "# not so: $1: $(jq -c '{redials, redialled_because, times, counters, error}' "$a/run.json")"
	return 1
}

# For how many ms the vCPUs of these QEMUs were runnable and had no CPU.
starved() { # PID...
	grep -lsx 'CPU [0-9]*/.*' $(printf '/proc/%s/task/*/comm ' "$@") | sed 's/comm$/schedstat/' |
		xargs cat | awk '{ ns += $2 } END { printf "%d", ns / 1e6 }'
}

# While there was no link, for longer than that, the guest worked: it stood still for the pause,
# which has --verify in it, and when the machine's other work left it no CPU.
unpaused() {
	local gap waited pause
	pause=$(jq ".times.pause_ms | floor" "$a/run.json")
	waited=$(starved "$(cat "$a/pid")" "$(qemu_of "$b")")
	kill $recorder
	wait $recorder
	recorder=''
	gap=$(sed -n 's/.*maxgap_ms=\([0-9]*\).*/\1/p' "$dir/gaps")
	echo "# the longest gap in its ticks: $gap ms; its vCPU had no CPU for $waited ms; $(jq -c '[.redials, .times, .counters.resent_pages]' "$a/run.json")"
	[ "${gap:-9999}" -lt $((1500 + pause + waited)) ]
} 2>/dev/null

# After so many redials (or more: a busy machine may be silent for too long), with every page right.
moved() { # REDIALS
	ended 0 && at B && says moved && is ".redials >= $1 and .times.redial_ms > 0" &&
		is '.verify.passed and .verify.pages * 4096 >= .ram_bytes' && unpaused &&
		"$guest/status" "$b" --progress 60 >"$b/status"
}

stayed() { # EXIT TEXT
	ended "$1" && goes_on "$2"
}
goes_on() { # TEXT: the guest, at the source, and why
	at A && plug && says stayed && grep -q "$1" "$a/run.err" &&
		"$guest/status" "$a" --progress 60 >"$a/status" && is '.times.redial_ms > 0'
}

done_with() { # STATUS NAME
	[ -z "$recorder" ] || kill $recorder
	recorder=''
	plug
	mend_streams
	over "$1" "$2"
}

# Until all four connections are others than those.
renewed() { # PORT...
	local port now
	for _ in $(seq 200); do
		now=$(ports)
		for port; do [[ $now != *"$port"* ]] || now=''; done
		[ "$(wc -w <<<"$now")" = 4 ] && return 0
		sleep 0.1
	done
	echo "# it has not redialled: $now"
	return 1
}

cut_off() {
	begin_move && unplug && sleep 7 && plug && moved 1 && is '.counters.resent_pages > 0' &&
		is '.times.redial_ms > 2000'
	done_with $? "the link is cut for five seconds"
}

again() {
	local old
	begin_move && old=$(ports) && unplug && sleep 6 && plug && renewed $old && old=$(ports) &&
		tear $old && renewed $old && moved 2
	done_with $? "it is cut, and later reset"
}

one_stream() {
	local old
	begin_move && old=$(ports) && tear $(tail -1 <<<"$old") && moved 1
	done_with $? "one stream is reset"
}

# The acknowledgements first: TCP has something to say again, and of that it is told of the route.
one_vanishes() {
	local stream
	begin_move && stream=$(ports | tail -1) &&
		ip -n "$ns" rule add pref 100 ipproto tcp dport "$stream" blackhole && sleep 0.3 &&
		ip rule add pref 100 to "$address" ipproto tcp sport "$stream" blackhole && moved 1
	done_with $? "one stream's packets vanish"
}

control() {
	local old
	begin_move && old=$(ports) && tear $(head -1 <<<"$old") && moved 1
	done_with $? "the control connection is reset"
}

# It did not notice anything when the source is back.
unnoticed() {
	begin_move && kill -STOP "$receiver" && sleep 7 && kill -CONT "$receiver" && moved 1
	done_with $? "the receiver stands still for longer than it is waited for"
}

# Each connection ends after so many bytes of the source's.
leaky() {
	local ok=1 between=''
	rm -rf "$dir/heard" && mkdir "$dir/heard"
	to_proxy() {
		"$here/proxy" 0 "$address:$port" "$dir/heard" 8000000 truncate &
		between=$!
		until [ -s "$dir/heard/port" ]; do sleep 0.05; done
	}
	rm -rf "$a" "$b" "$dir/both" "$KMIGRATE_STATE_DIR"
	start "$a" --accel kvm --mem 64M --param ws=1M --param dma=8M --param drate=500 &&
		receive "$a" "$b" --peer-timeout $patience && to_proxy &&
		go "$a" --to "127.0.0.1:$(cat "$dir/heard/port")" --peer-timeout $patience --verify \
			--streams 3 && ended 0 && at B && is '.redials >= 1 and .verify.passed' && ok=0
	[ -z "$between" ] || { kill $between; wait $between; } 2>/dev/null
	done_with $ok "each connection ends after 8 MB"
}

# The guest stays, and the other end has nothing left when the time is over.
in_vain() {
	begin_move --retry-for 3s && unplug && stayed 1 "redialled for [34] s in vain"
	done_with $? "the link does not come back: stayed"
}

not_wanted() {
	local since
	begin_move --retry-for 0 && since=$SECONDS && unplug && ended 1 &&
		[ $((SECONDS - since)) -lt 20 ] && at A && plug && says stayed &&
		is '.redials == 0 and .times.redial_ms == 0'
	done_with $? "--retry-for 0: the move fails at once"
}

receiver_dies() {
	begin_move && unplug && sleep 5 && kill -9 "$receiver" && plug &&
		stayed 1 "in vain: cannot reach .*: Connection refused"
	done_with $? "the receiver is killed meanwhile: stayed"
}

cancelled() {
	begin_move && unplug && sleep 5 && kill -INT "$mover" && plug && stayed 130 cancelled
	done_with $? "run is cancelled meanwhile: stayed"
}

# A guest that stands still is not kept waiting for a link; who has stopped it may let it go on.
stopped_guest() {
	begin_move && unplug && sleep 5 && "$guest/qmp" "$a/mon.sock" stop >/dev/null &&
		plug && ended 1 && [ "$(state "$a")" = paused ] &&
		"$guest/qmp" "$a/mon.sock" cont >/dev/null &&
		goes_on "when the guest had been stopped"
	done_with $? "the guest is stopped meanwhile: the move ends at once, and the guest stays"
}

begin 12
cut_off
again
one_stream
one_vanishes
control
unnoticed
leaky
in_vain
not_wanted
receiver_dies
cancelled
stopped_guest
finish
