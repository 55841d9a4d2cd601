#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Attacks the commit (invariants I4 and I5): either kmigrate, or the destination's QEMU, is
# killed or seems dead at each moment that matters (user/xfer/fault.h), and afterwards the
# guest runs at exactly one end, the one that run, status and resolve name.  All the time a
# sampler watches that it never runs at both.
#
# It is about who runs, not about pages: native.sh and hosts.sh compare those.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
guest=$here/../guest km=$root/build/faults/kmigrate
dir=$(mktemp -d) nr=0 failed=0 port=0 receiver='' mover='' sampler=''
export KMIGRATE_STATE_DIR=$dir/state
a=$dir/a b=$dir/b
patience=5s

cleanup() {
	[ -z "$sampler" ] || kill "$sampler" 2>/dev/null
	pkill -9 -f "qemu-system.*$dir/" 2>/dev/null
	[ -z "$receiver" ] || kill -9 "$receiver" 2>/dev/null
	[ -z "$mover" ] || kill -9 "$mover" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

# A second monitor: kmigrate holds the first.
state() { "$guest/qmp" "$1/mon.sock" query-status 2>/dev/null | jq -r .status; }
qemu_of() { pgrep -f "qemu-system.*$1/qmp.sock"; }

# Running here, there, and still here: that can't be a guest on its way.
watch_both() {
	while sleep 0.1; do
		[ "$(state "$a")" = running ] && [ "$(state "$b")" = running ] &&
			[ "$(state "$a")" = running ] && touch "$dir/both"
	done
}

setup() { # FAULT-OF-RUN FAULT-OF-RECEIVE
	rm -rf "$a" "$b" "$dir/both" "$KMIGRATE_STATE_DIR"
	mkdir -p "$a" "$b" "$KMIGRATE_STATE_DIR"
	"$guest/start" flat --dir "$a" --mem 32M --backing memfd --name "${dir##*/}" --ready 120 \
		-- -qmp "unix:$a/mon.sock,server=on,wait=off" >&2 || return 1
	KM_FAULT=$2 "$km" receive --json --listen 127.0.0.1 --port 0 --replace "$a=$b" \
		--peer-timeout $patience >"$b/receive.log" 2>"$b/receive.err" &
	receiver=$!
	for _ in $(seq 100); do
		port=$(jq -r 'select(.event == "listening").port' "$b/receive.log" 2>/dev/null)
		[ -n "$port" ] && break
		sleep 0.1
	done
	watch_both &
	sampler=$!
	KM_FAULT=$1 "$km" run --vm "$a/qmp.sock" --to "127.0.0.1:$port" --json \
		--peer-timeout $patience >"$a/run.json" 2>"$a/run.err" &
	mover=$!
}

# Until the process has stopped itself at its moment.
stopped() { # PID
	for _ in $(seq 600); do
		[ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)" = T ] && return 0
		sleep 0.05
	done
	echo "# it never came to that moment"
	return 1
}

# What is wanted within 30 s, and then for good: A = runs at the source and there is no other
# QEMU; B = runs at the destination, and the source's stands still.
at() { # A|B
	local sa sb
	for _ in $(seq 150); do
		sa=$(state "$a") sb=$(state "$b")
		case $1 in
		A) [ "$sa" = running ] && [ -z "$(qemu_of "$b")" ] && break ;;
		B) [ "$sb" = running ] && [ "$sa" = postmigrate ] && break ;;
		esac
		sleep 0.2
	done
	sleep 0.5
	sa=$(state "$a") sb=$(state "$b")
	echo "# source ${sa:-gone}, destination ${sb:-gone}"
	case $1 in
	A) [ "$sa" = running ] && [ -z "$(qemu_of "$b")" ] ;;
	B) [ "$sb" = running ] && [ "$sa" = postmigrate ] ;;
	esac
}

# Both journals agree with where the guest is.
journal_says() { # SIDE STATE
	"$km" status --json | jq -e --arg s "$1" --arg w "$2" \
		'.moves | map(select(.side == $s)) | length == 1 and .[0].state == $w' >/dev/null &&
		return 0
	echo "# the $1's journal: $("$km" status --json | jq -c .moves)"
	return 1
}

says() { # moved|stayed
	local i
	for i in $(seq 100); do
		journal_says source "$1" >/dev/null && journal_says destination "$1" >/dev/null &&
			return 0
		sleep 0.2
	done
	journal_says source "$1"
	journal_says destination "$1"
}

ended() { # EXIT: of run
	local rc
	wait "$mover"
	rc=$?
	mover=''
	[ $rc = "$1" ] && return 0
	echo "# run ended with $rc, not $1: $(cat "$a/run.err")"
	return 1
}

finish() { # STATUS NAME
	local ok=$1
	nr=$((nr + 1))
	kill "$sampler" 2>/dev/null
	wait "$sampler" 2>/dev/null
	[ ! -e "$dir/both" ] || { echo "# it ran at both ends"; ok=1; }
	if [ "$ok" = 0 ]; then
		echo "ok $nr $2"
	else
		sed 's/^/# /' "$a/run.err" "$b/receive.err" 2>/dev/null
		echo "not ok $nr $2"
		failed=1
	fi
	pkill -9 -f "qemu-system.*$dir/" 2>/dev/null
	for p in $receiver $mover; do kill -9 "$p" && wait "$p"; done 2>/dev/null
	pkill -9 -f "kmigrate.*$dir/" 2>/dev/null # a guard that still answers
	receiver='' mover='' sampler=''
}

kill_run() { # MOMENT WHERE JOURNAL
	setup "$1" '' && stopped $mover && kill -9 $mover && at "$2" && says "$3"
	finish $? "run killed: $1"
}

kill_receive() { # MOMENT WHERE JOURNAL EXIT
	setup '' "$1" && stopped $receiver && kill -9 $receiver && ended "$4" && at "$2" && says "$3"
	finish $? "receive killed: $1"
}

kill_qemu() { # MOMENT-OF-RUN
	setup "$1" '' && stopped $mover && kill -9 "$(qemu_of "$b")" && kill -CONT $mover &&
		ended 1 && at A && says stayed
	finish $? "destination's QEMU killed: $1"
}

# run seems dead for longer than receive's patience, and then goes on.
stall_run() { # MOMENT WHERE JOURNAL EXIT
	setup "$1" '' && stopped $mover && sleep 8 && kill -CONT $mover && ended "$4" && at "$2" &&
		says "$3"
	finish $? "run stalled: $1"
}

stall_receive() { # MOMENT
	setup '' "$1" && stopped $receiver && ended 1 && [ "$(state "$a")" = running ] &&
		kill -CONT $receiver && at A && says stayed
	finish $? "receive stalled: $1"
}

# The one case that nobody can decide alone: GO was heard by somebody who does not answer.
in_doubt() {
	local id
	setup '' go-heard && stopped $receiver && ended 4 && journal_says source 'in doubt' &&
		id=$(jq -r .id "$a/run.json") && [ "$(state "$a")" = postmigrate ] &&
		! "$km" resolve "$id" --side source --wait 1s 2>/dev/null &&
		kill -CONT $receiver && at B &&
		"$km" resolve "$id" --side source >/dev/null && at B && says moved
	finish $? "in doubt, then resolved: the guest had moved"
}

# Nobody is left to finish: run and its guard are both killed.
left_behind() { # MOMENT WHERE JOURNAL
	local id
	setup "$1" '' && stopped $mover && pkill -9 -P $mover && kill -9 $mover &&
		id=$("$km" status --json --open | jq -r '.moves[] | select(.side == "source").id') &&
		[ -n "$id" ] && "$km" resolve "$id" --side source >/dev/null && at "$2" && says "$3"
	finish $? "run and its guard killed, then resolved: $1"
}

echo "TAP version 13"
echo "1..22"
make -s -C "$guest" >&2 || exit 1
kill_run set-up A stayed
kill_run stopped A stayed
kill_run loaded A stayed
kill_run completed A stayed
kill_run decided A stayed
kill_run go-sent B moved
kill_receive qemu-started A stayed 1
kill_receive fence A stayed 1
kill_receive load-done A stayed 1
kill_receive go-heard B moved 0
kill_receive cont-done B moved 0
kill_receive running-said B moved 0
kill_qemu set-up
kill_qemu loaded
kill_qemu decided
stall_run loaded A stayed 1
stall_run decided A stayed 1
stall_run go-sent B moved 0
stall_receive fence
stall_receive load-done
in_doubt
left_behind completed A stayed
exit $failed
