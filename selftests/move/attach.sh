#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Moves to a QEMU that somebody else has started with -incoming defer (receive --attach): it
# runs by GO alone, whether it was started with -S or not; it is gone after a failure once a
# migration has begun, and waits on, unchanged, while none has.
#
# It is about who runs; pages are compared where the guest stands still (see native.sh).
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"

# ---- the two ends ----

start() { # DIR [OPTION...]: of guest/start
	mkdir -p "$1"
	rm -f "$1/pid" # of one that was killed: it may be a zombie
	"$guest/start" flat --dir "$1" --mem 32M --backing memfd --name "${dir##*/}" "${@:2}" \
		-- -qmp "unix:$1/mon.sock,server=on,wait=off" "${more[@]}" >&2
}
more=()

source_guest() { start "$a" --ready 120; }

# What must be the same afterwards.
settings() {
	"$guest/qmp" "$b/mon.sock" query-migrate-capabilities &&
		"$guest/qmp" "$b/mon.sock" query-migrate-parameters
}

waiting() { # [OPTION...]: a QEMU in B
	start "$b" --incoming "$@" && settings >"$dir/before"
}

# It waits, nothing has begun, nothing is changed.
still_waits() {
	for _ in $(seq 50); do
		settings | cmp -s - "$dir/before" && break
		sleep 0.1
	done
	[ "$(state "$b")" = inmigrate ] && settings | diff "$dir/before" - &&
		"$guest/qmp" "$b/mon.sock" query-yank | jq -e 'all(.type != "migration")' >/dev/null &&
		return 0
	echo "# the QEMU is $(state "$b")"
	return 1
}

# A shell has SIGINT ignored by what it starts in the background.
there=(env --default-signal=INT)
attach() { # [ARGUMENT...]
	listen "$b" --attach "$b/qmp.sock" --peer-timeout $patience "$@"
}

run() { # [ARGUMENT...]: in the background
	local options
	secured "$@"
	watch_both &
	sampler=$!
	"$km" run --vm "$a/qmp.sock" --to "127.0.0.1:$port" --json --peer-timeout $patience \
		"${options[@]}" "$@" \
		>"$a/run.json" 2>"$a/run.err" &
	mover=$!
}

received() { # EXIT [TEXT]: of receive, and a part of its one line
	local rc
	for _ in $(seq 300); do
		kill -0 $receiver 2>/dev/null || break
		sleep 0.1
	done
	kill -9 $receiver 2>/dev/null && echo "# receive did not end"
	wait $receiver
	rc=$?
	receiver=''
	[ $rc = "$1" ] && { [ -z "${2:-}" ] || {
		[ "$(wc -l <"$b/receive.err")" = 1 ] && grep -qF -- "$2" "$b/receive.err"
	}; } && return 0
	echo "# receive ended with $rc: $(cat "$b/receive.err")"
	return 1
}

gone() { # B's QEMU
	for _ in $(seq 100); do
		[ -z "$(qemu_of "$b")" ] && return 0
		sleep 0.1
	done
	echo "# its QEMU is there"
	return 1
}

fresh() {
	rm -rf "$a" "$b" "$dir/both" "$KMIGRATE_STATE_DIR"
	mkdir -p "$a" "$b" "$KMIGRATE_STATE_DIR"
	more=()
}

over() { # STATUS NAME
	local ok=$1 p
	nr=$((nr + 1))
	[ -z "$sampler" ] || { kill "$sampler"; wait "$sampler"; } 2>/dev/null
	[ ! -e "$dir/both" ] || { echo "# it ran at both ends"; ok=1; }
	[ "$ok" = 0 ] || { sed 's/^/# /' "$a/run.err" "$b/receive.err" 2>/dev/null; failed=1; }
	[ "$ok" = 0 ] && echo "ok $nr $2" || echo "not ok $nr $2"
	pkill -9 -f "qemu-system.*$dir/" 2>/dev/null
	for p in $receiver $mover; do kill -9 "$p" && wait "$p"; done 2>/dev/null
	pkill -9 -f "kmigrate.*$dir/" 2>/dev/null # a guard that still answers
	receiver='' mover='' sampler=''
}

# ---- moves ----

verified() {
	local pid
	fresh
	source_guest && "$guest/qmp" "$a/mon.sock" stop >/dev/null && waiting --paused &&
		pid=$(qemu_of "$b") && attach && run --verify && ended 0 && received 0 &&
		[ "$(state "$b")" = paused ] && [ "$(qemu_of "$b")" = "$pid" ] &&
		jq -e '.verify.passed and .verify.pages > 8000' "$a/run.json" >/dev/null &&
		jq -se --argjson p "$pid" '.[1].outcome == "moved" and .[1].pid == $p' \
			"$b/receive.log" >/dev/null && says moved
	over $? "a guest that stands still: every page is there"
}

moves() { # NAME RUN-ARGUMENTS OPTION...: the guest runs
	local name=$1 args=$2
	fresh
	shift 2
	# shellcheck disable=SC2086
	source_guest && waiting "$@" && attach && run $args && ended 0 && received 0 && at B &&
		says moved && settings | diff "$dir/before" -
	over $? "$name"
}

# The folder of its socket, while it listens there.
folder() {
	local pid inode
	pid=$(qemu_of "$b")
	for inode in $(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n'); do
		awk -v i="$inode" '$7 == i && /\/in-[^/]*\/mig$/ { print substr($8, 1, length($8) - 4) }' \
			/proc/net/unix
	done | sort -u
}

# QEMU's own autostart would run it here, before GO.
loaded_and_stands() {
	local from
	fresh
	source_guest && waiting && KM_FAULT=load-done attach && run && stopped $receiver &&
		sleep 1 && [ "$(state "$b")" = paused ] && kill -CONT $receiver && ended 0 && at B
	over $? "started without -S: stands until GO"

	fresh
	source_guest && waiting && KM_FAULT=fence attach && run && stopped $receiver &&
		from=$(folder) && [ -d "$from" ] && kill -CONT $receiver && ended 0 &&
		received 0 && [ ! -e "$from" ]
	over $? "the folder of its sockets goes"
}

other_user() {
	fresh
	chmod 711 "$dir"
	more=(-runas nobody) # both
	source_guest && waiting && attach && run && ended 0 && at B && says moved
	over $? "a QEMU of another user"
}

# ---- deaths ----

kill_receive() { # MOMENT WHERE JOURNAL EXIT
	fresh
	source_guest && waiting && KM_FAULT=$1 attach && run && stopped $receiver &&
		kill -9 $receiver && ended "$4" && at "$2" && says "$3" &&
		{ [ "$2" = A ] || [ "$1" = load-done ] || settings | diff "$dir/before" -; }
	over $? "receive killed: $1"
}

# Its settings are changed and no migration has begun.
kill_prepared() {
	fresh
	source_guest && waiting && KM_FAULT=prepared attach && run && stopped $receiver &&
		! settings | cmp -s - "$dir/before" && kill -9 $receiver && ended 1 &&
		[ "$(state "$a")" = running ] && says stayed && still_waits
	over $? "receive killed: prepared, and the QEMU waits on"
}

kill_run() { # MOMENT
	fresh
	source_guest && waiting && attach && KM_FAULT=$1 run && stopped $mover &&
		kill -9 $mover && at A && received 1 && says stayed
	over $? "run killed: $1"
}

# It can't be told to quit.
deaf() {
	local pid
	fresh
	source_guest && waiting && pid=$(qemu_of "$b") && attach && KM_FAULT=set-up run &&
		stopped $mover && kill -STOP "$pid" && kill -9 $mover && received 1 && gone && at A
	over $? "a QEMU that does not quit is killed"
}

cont_by_others() {
	fresh
	source_guest && waiting && KM_FAULT=fence attach && run && stopped $receiver &&
		"$guest/qmp" "$b/mon.sock" cont >/dev/null && kill -CONT $receiver && ended 1 &&
		rm -f "$dir/both" && received 1 "told to run by somebody else" && at A && says stayed
	over $? "somebody else's cont before GO: the source keeps the guest"
}

resolve() { # as if this host had lost both processes
	local id
	id=$("$km" status --json --open | jq -r '.moves[] | select(.side == "destination").id')
	[ -n "$id" ] && "$km" resolve "$id" --side destination >/dev/null
}

left_behind() {
	fresh
	source_guest && waiting && KM_FAULT=load-done attach && run && stopped $receiver &&
		pkill -9 -P $receiver && kill -9 $receiver && ended 1 && [ -n "$(qemu_of "$b")" ] &&
		resolve && gone && says stayed
	over $? "receive and its guard killed, then resolved: the QEMU is gone"
}

# Another QEMU has the monitor's path by then.
successor() {
	fresh
	source_guest && waiting && KM_FAULT=load-done attach && run && stopped $receiver &&
		pkill -9 -P $receiver && kill -9 $receiver && ended 1 && kill -9 "$(qemu_of "$b")" &&
		gone && waiting && resolve && says stayed && still_waits
	over $? "the same, and its successor is left alone"
}

# ---- nothing has begun ----

interrupted() {
	fresh
	source_guest && waiting && attach && kill -INT $receiver && received 130 && still_waits &&
		attach && run && ended 0 && at B && says moved
	over $? "no source comes, SIGINT: the QEMU waits, and another receive has it"
}

ends_early() {
	fresh
	waiting && attach && kill -9 "$(qemu_of "$b")" && received 1 "ended"
	over $? "the QEMU ends before a source comes"
}

# It is no source that may come here: the right one may.
wrong_key() {
	fresh
	new_psk "$dir/other"
	source_guest && waiting && attach && run --psk-file "$dir/other" && ended 1 &&
		grep -q "has another pre-shared key; waiting on" "$b/receive.err" && still_waits &&
		rm "$KMIGRATE_STATE_DIR"/* && { kill "$sampler"; wait "$sampler"; run && ended 0; } && at B && says moved
	over $? "a source with a wrong key, then one with the right one"
}

other_guest() { # NAME TEXT OPTION...: of the QEMU that waits
	local name=$1 text=$2
	fresh
	shift 2
	source_guest && waiting "$@" && attach && run && ended 1 &&
		grep -qF "$text" "$a/run.err" && received 3 "$text" && [ "$(state "$a")" = running ] &&
		still_waits
	over $? "$name"
}

# It can't make its socket, and says so: another migration may come.
socket_refused() {
	local folder
	fresh
	chmod 711 "$dir"
	source_guest && more=(-runas nobody) && waiting && KM_FAULT=prepared attach && run &&
		stopped $receiver &&
		folder=$(find /run/kmigrate -maxdepth 1 -name 'in-*' -user nobody -newer "$dir/before") &&
		[ -d "$folder" ] && chown root "$folder" && kill -CONT $receiver && ended 1 &&
		received 3 "refused migrate-incoming" && [ ! -e "$folder" ] && still_waits
	over $? "QEMU refuses the migration: it waits"
}

refuses() { # EXIT TEXT ARGUMENT...: one line, and nothing listens
	local want=$1 text=$2 out rc options
	shift 2
	secured "$@"
	out=$(timeout 60 "$km" receive --listen 127.0.0.1 --port 0 "${options[@]}" "$@" 2>&1)
	rc=$?
	[ $rc = "$want" ] && [ "$(printf '%s\n' "$out" | wc -l)" = 1 ] && [[ $out == *"$text"* ]] &&
		return 0
	echo "# exit $rc: $out"
	return 1
}

refused() {
	fresh
	start "$b" --ready 60 && refuses 3 "does not wait for a migration" --attach "$b/qmp.sock" &&
		[ "$(state "$b")" = running ]
	over $? "refused: a guest that runs"

	fresh
	more=(-incoming "unix:$b/theirs")
	start "$b" && refuses 3 "from somebody else" --attach "$b/qmp.sock" &&
		[ "$(state "$b")" = inmigrate ]
	over $? "refused: a QEMU that listens by itself"

	fresh
	waiting && {
		sleep 60 | python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(999)
open(sys.argv[2], "w"); sys.stdin.read()' "$b/qmp.sock" "$dir/held" &
		until [ -e "$dir/held" ]; do sleep 0.1; done
		refuses 3 "another client" --attach "$b/qmp.sock" && still_waits
	}
	over $? "refused: a monitor that somebody else has"

	refuses 3 "no such socket" --attach "$dir/nothing"
	over $? "refused: no monitor"
	refuses 2 "--attach" --attach "$b/qmp.sock" --replace x=y &&
		refuses 2 "--attach" --attach "$b/qmp.sock" --append -S
	over $? "wrong usage: --attach with --replace or --append"
}

echo "TAP version 13"
echo "1..33"
make -s -C "$guest" >&2 || exit 1
verified
moves "a guest that runs, QEMU started with -S" "" --paused
moves "a guest that runs, QEMU started without -S" ""
secure=(--insecure)
moves "QEMU's own engine" "--engine qemu"
secure=(--psk-file "$dir/psk")
loaded_and_stands
other_user
kill_prepared
kill_receive qemu-started A stayed 1
kill_receive fence A stayed 1
kill_receive load-done A stayed 1
kill_receive go-heard B moved 0
kill_receive cont-done B moved 0
kill_receive running-said B moved 0
kill_run set-up
kill_run loaded
deaf
cont_by_others
left_behind
successor
interrupted
ends_early
wrong_key
other_guest "another guest's UUID: the QEMU waits" "UUID" --name "${dir##*/}-x"
other_guest "another machine: the QEMU waits" "pc-i440fx-7.1" --machine pc-i440fx-7.1
other_guest "less RAM: the QEMU waits" "32 MiB of RAM" --mem 16M
other_guest "more vCPUs: the QEMU waits" "1 vCPUs" --vcpus 2
socket_refused
refused
exit $failed
