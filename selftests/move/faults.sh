#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Something goes wrong, at any moment of a move: whatever it is, afterwards one guest runs, or one
# stands still and the move is in doubt, and `resolve` settles that; never two, and no page of it is
# wrong. MOVES=200 (`make check-faults`) are some of each kind; SEED= repeats a run's choices, but
# not its moments: those depend on the machine. FAULTS="stall kill_run" tries these only.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/move/ends
. "$here/ends"
. "$here/net"
# Slow enough for a fault to find pages on their way.
net_up 200mbit || skip_all "no right to make network namespaces"
moves=${MOVES:-8} seed=${SEED:-$RANDOM} between='' full=''
trap 'umount "$full" 2>/dev/null; cleanup; net_down' EXIT
read -r -a faults <<<"${FAULTS:-kill_run kill_receive kill_there kill_here stop_run stop_receive \
	stop_there stop_here unplugged stall one_stream flip truncate clock full_disk no_files no_memory \
	cancelled quit_there}"
clock=(LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 FAKETIME_NO_CACHE=1
	FAKETIME_DONT_FAKE_MONOTONIC=1 "FAKETIME_TIMESTAMP_FILE=$dir/time")

here() { cat "$a/pid"; }
there() { qemu_of "$b"; }
kill_run() { kill -9 "$mover"; }
kill_receive() { kill -9 "$receiver"; }
kill_there() { kill -9 "$(there)"; }
kill_here() { kill -9 "$(here)"; }
# Five seconds are what --peer-timeout allows, so either may come of it.
stop() { kill -STOP "$1" && sleep 5 && kill -CONT "$1"; }
stop_run() { stop "$mover"; }
stop_receive() { stop "$receiver"; }
stop_there() { stop "$(there)"; }
stop_here() { stop "$(here)"; }
unplugged() { unplug; }
stall() { unplug && sleep 2 && plug; }
one_stream() {
	local port
	port=$(stream_ports | head -1)
	[ -z "$port" ] || ip rule add pref 100 to "$address" ipproto tcp sport "$port" blackhole
}
flip() { :; } # what is between does it by itself, at some byte
truncate() { :; }
clock() { echo "$([ $((RANDOM % 2)) = 0 ] && echo + || echo -)$((RANDOM * 10))" >"$dir/time"; }
full_disk() { head -c 1M /dev/zero >"$full/zeros" 2>/dev/null; }
no_files() { prlimit --pid "$1" --nofile=3; }
no_memory() { prlimit --pid "$receiver" --as=1048576; }
cancelled() { "$guest/qmp" "$a/mon.sock" migrate_cancel >/dev/null; }
quit_there() { "$guest/qmp" "$b/mon.sock" quit >/dev/null; }

# Somebody on the way who damages what he carries, between a run and its receiver.
meddler() { # WHAT
	rm -rf "$dir/heard" && mkdir "$dir/heard"
	"$here/proxy" 0 "$address:$port" "$dir/heard" $((RANDOM * 300)) "$1" &
	between=$!
	until [ -s "$dir/heard/port" ]; do sleep 0.05; done
	to=127.0.0.1:$(cat "$dir/heard/port")
}

begin_move() { # FAULT
	local runs=()
	fresh || return
	case $1 in
	clock) echo +0 >"$dir/time" && runs=(env "${clock[@]}") ;;
	full_disk) mkdir "$KMIGRATE_STATE_DIR" && mount -t tmpfs -o size=256k tmpfs "$KMIGRATE_STATE_DIR" && full=$KMIGRATE_STATE_DIR ;;
	esac
	receive "$a" "$b" --peer-timeout $patience || return
	to=$address:$port
	case $1 in flip | truncate) meddler "$1" ;; esac
	around=("${runs[@]}")
	go "$a" --to "$to" --peer-timeout $patience --retry-for 5s
	around=()
}

# From when the destination's QEMU is there; now and then before.
moment() {
	local ms=$((RANDOM % (length_ms + length_ms / 4)))
	[ $((RANDOM % 8)) = 0 ] ||
		until [ -n "$(there)" ] || ! kill -0 "$mover" 2>/dev/null; do sleep 0.02; done
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
	echo "# after $ms of $length_ms ms"
}

# Where the guest is once all has settled: A, B, doubt, or nowhere; gone, if it had arrived and the
# destination's QEMU was killed then.
settled() {
	local sa sb
	for _ in $(seq 150); do
		sa=$(state "$a") sb=$(state "$b")
		[ "$sb" = running ] && [ "$sa" != running ] && { echo B; return; }
		[ "$sa" = running ] && [ -z "$(there)" ] && { echo A; return; }
		[ -z "$sa" ] && [ -z "$(there)" ] && { echo nowhere; return; }
		"$km" status --json | jq -e '.moves | any(.side == "source" and .state == "in doubt")' \
			>/dev/null && { echo doubt; return; }
		sleep 0.2
	done
	if [ "$sa" = postmigrate ] && [ -z "$(there)" ]; then echo gone
	else echo "source ${sa:-gone}, destination ${sb:-gone}"; fi
}

resolved() {
	"$km" resolve "$("$km" status --json | jq -r '.moves[] | select(.side == "source").id')" \
		--side source --wait 30s >/dev/null
	echo "# in doubt; resolve ended with $?"
}

# What run says agrees with where the guest is.
agrees() { # EXIT WHERE
	case $1 in
	0) [ "$2" = B ] || [ "$2" = gone ] ;;
	1 | 3 | 5) [ "$2" != B ] && [ "$2" != gone ] ;;
	4) [ "$2" = doubt ] || [ "$2" = B ] || [ "$2" = A ] ;;
	*) true ;; # it was killed
	esac
}

sound() { # FOLDER: its guest works on, and has found no page wrong
	"$guest/status" "$1" --progress 60 >"$dir/status" || { cat "$dir/status"; return 1; }
}

judge() { # FAULT EXIT
	local where
	where=$(settled)
	echo "# run ended with $2; $where"
	agrees "$2" "$where" || return
	[ "$where" != doubt ] || { resolved; where=$(settled); echo "# then $where"; }
	case $where in
	A) sound "$a" ;;
	B) sound "$b" ;;
	nowhere) [ "$1" = kill_here ] ;; # by the fault itself
	gone) [ "$1" = kill_there ] || [ "$1" = quit_there ] ;; # after run was told that it runs
	*) false ;;
	esac
}

one() { # FAULT
	local rc whom=$RANDOM
	begin_move "$1" && moment || { over 1 "$1: no move"; return; }
	case $((whom % 2)) in 0) whom=$mover ;; *) whom=$receiver ;; esac
	"$1" "$whom" 2>/dev/null
	await_run
	rc=$?
	plug
	mend_streams
	[ -z "$full" ] || rm -f "$full/zeros"
	judge "$1" $rc
	over $? "$1"
	[ -z "$between" ] || kill $between
	[ -z "$full" ] || umount "$full"
	between='' full=''
}

length_ms=2000
begin $((moves + 1))
RANDOM=$seed
echo "# SEED=$seed"
setup '' '' && ended 0 && at B && says moved &&
	length_ms=$(jq '.times.total_ms | floor' "$a/run.json")
over $? "left alone, the guest moves"
for ((i = 0; i < moves; i++)); do
	# Each of them in turn where there is time for all; else some of them.
	if [ "$moves" -ge ${#faults[@]} ]; then one "${faults[i % ${#faults[@]}]}"
	else one "${faults[RANDOM % ${#faults[@]}]}"; fi
done
finish
