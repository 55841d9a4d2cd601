#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where threads run, in a host with two NUMA nodes of one core with two CPUs each: those of the
# move while it lasts, at both ends, and the guest's own, which are pinned at the source and
# must be so at the destination before it runs there (--pin keep, relax, none).
#
# One guest goes from QEMU to QEMU; run and receive stop themselves at the moments at which
# they are looked at (user/fault.h).
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
km=$root/build/faults/kmigrate
cases=35

die() { # WHY
	echo "# $1"
	errors
	result 1 "$1"
	exit 1
}

start() { # DIR [OPTION...]: of guest/start
	mkdir -p "$1"
	"$guest/start" flat --dir "$1" --mem 32M --backing memfd --name place \
		--param ws=4M --param rate=200 "${@:2}" -- -qmp "unix:$1/mon.sock,server=on,wait=off" \
		-object iothread,id=io0 >&2
}

# ---- threads ----

cpus_of() { sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/status" 2>/dev/null; } # TID

# "NAME CPUS", a line a thread.
threads() { # PID
	local t
	for t in /proc/"$1"/task/*; do
		echo "$(cat "$t/comm" 2>/dev/null)=$(cpus_of "${t##*/}")"
	done
}

tid_of() { # PID NAME
	local t
	for t in /proc/"$1"/task/*; do
		[ "$(cat "$t/comm")" != "$2" ] || { echo "${t##*/}"; return; }
	done
}

pin() { # DIR VCPU EMULATOR IOTHREAD: lists of CPUs
	local q
	q=$(qemu_of "$1")
	taskset -pc "$2" "$(tid_of "$q" 'CPU 0/KVM')" &&
		taskset -pc "$3" "$q" && taskset -pc "$4" "$(tid_of "$q" 'IO io0')"
}

pinned() { # DIR VCPU EMULATOR IOTHREAD
	local q now
	q=$(qemu_of "$1")
	now="$(cpus_of "$(tid_of "$q" 'CPU 0/KVM')") $(cpus_of "$q") $(cpus_of "$(tid_of "$q" 'IO io0')")"
	[ "$now" = "$2 $3 $4" ] && return 0
	echo "# vCPU, emulator, iothread are on $now"
	return 1
}

# All threads whose name fits, and there are some, are on these CPUs.
on() { # PID NAME-REGEX CPUS
	local all
	all=$(threads "$1" | grep -E "^($2)=")
	[ -n "$all" ] && ! grep -v "=$3\$" <<<"$all" && return 0
	echo "# not all on $3: ${all//$'\n'/, }"
	return 1
}

eventually_on() { # PID NAME-REGEX CPUS: within a minute
	for _ in $(seq 600); do
		on "$@" >/dev/null && return 0
		sleep 0.1
	done
	on "$@"
}

migration='live_migration|multifd.*|return path'

# Those that QEMU had before are where they were.
as_before() { # DIR
	threads "$(qemu_of "$1")" | grep -v -E "^($migration|worker|kvm-nx.*)=" | sort |
		diff "$dir/before" -
}
no_migration() { # DIR: within half a minute
	for _ in $(seq 300); do
		threads "$(qemu_of "$1")" | grep -q -E "^($migration)=" || return 0
		sleep 0.1
	done
	threads "$(qemu_of "$1")"
	return 1
}

note_threads() { # DIR
	threads "$(qemu_of "$1")" | grep -v -E "^($migration|worker|kvm-nx.*)=" | sort >"$dir/before"
}

# ---- moves ----

stopped() { # PID
	for _ in $(seq 3000); do
		[ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)" = T ] && return 0
		sleep 0.1
	done
	echo "# it never came to that moment"
	return 1
}

# Both are on their way; they stop at these moments, "" for none.
set_out() { # FROM TO MOMENT-OF-RUN MOMENT-OF-RECEIVE [ARGUMENT-OF-RUN...]
	KM_FAULT=$4 receive "$1" "$2" --peer-timeout 300s "${receive_more[@]}" || die "no receiver"
	KM_FAULT=$3 go "$1" --to "$address:$port" --peer-timeout 300s "${@:5}"
}
receive_more=()

# And have come there; the source's goes to its end.
arrive() { # EXIT-OF-RUN
	local rc
	await_run
	rc=$?
	[ $rc = "$1" ] || { echo "# run ended with $rc: $(cat "$dir"/*/run.err)"; return 1; }
	wait "$receiver"
	received=$?
	receiver=''
}

reports() { jq -e "$2" "$1/run.json" >/dev/null || { jq -c . "$1/run.json"; return 1; }; } # DIR FILTER

well() { "$guest/status" "$1" --progress 120 >/dev/null; } # DIR

# The guest's threads are where they should be while it does not run yet.
before_it_runs() { # DIR VCPU EMULATOR IOTHREAD
	stopped "$receiver" && [ "$(state "$1")" != running ] && pinned "$@"
}

# ---- the cases ----

placed() {
	set_out "$dir/g0" "$dir/g1" stopped go-heard
	stopped "$mover" || die "run does not come to its moment"
	check "kmigrate's threads at the source: off the vCPU's core" on "$mover" '.*' 2-3
	check "QEMU's migration threads: so, too" on "$(qemu_of "$dir/g0")" "$migration" 2-3
	check "and all its other threads as before" as_before "$dir/g0"
	check "kmigrate's threads at the destination" on "$receiver" '.*' 2-3
	check "QEMU's multifd threads there, once it has started them" eventually_on \
		"$(qemu_of "$dir/g1")" 'multifd.*' 2-3
	kill -CONT "$mover"
	check "keep: pinned as at the source, before the guest runs" \
		before_it_runs "$dir/g1" 0 1-3 3
	kill -CONT "$receiver"
	arrive 0
	result $? "it moves"
	check "all is said, and put back" reports "$dir/g0" '.placed.on and .placed.put_back and
		.placed.kmigrate_cpus == "2-3" and .placed.qemu_cpus == "2-3" and
		.placed.qemu_threads >= 3 and .placed.left == 0 and .pinning.kept and
		.pinning.pinned == 3'
	check "the source's threads are as before" as_before "$dir/g0"
	check "the guest works on" well "$dir/g1"
	check "its threads stay where they are" pinned "$dir/g1" 0 1-3 3
	end "$dir/g0"
}

# Another node at the destination: what shares a core still does.
other_node() {
	pin "$dir/g1" 0 1 1 >/dev/null || die "taskset"
	there=(taskset -c 2-3)
	set_out "$dir/g1" "$dir/g2" '' go-heard
	check "keep: onto another node, siblings stay siblings, before the guest runs" \
		before_it_runs "$dir/g2" 2 3 3
	kill -CONT "$receiver"
	arrive 0
	result $? "it moves"
	check "which CPU became which is said" reports "$dir/g1" '.pinning.kept and (.pinning.threads |
		map({(.who): [.from, .to]}) | add == {"vCPU 0": ["0", "2"], "emulator": ["1", "3"],
		"iothread io0": ["1", "3"]})'
	there=()
	end "$dir/g1"
}

killed() {
	note_threads "$dir/g2"
	set_out "$dir/g2" "$dir/g3" set-up ''
	stopped "$mover" || die "run does not come to its moment"
	kill -9 "$mover"
	check "run killed: the migration's threads go" no_migration "$dir/g2"
	check "and all others are as before" as_before "$dir/g2"
	wait "$mover" 2>/dev/null
	mover=''
	check "the guest works on" well "$dir/g2"
	end "$dir/g3"
	for _ in $(seq 100); do # its guard has cancelled the migration, and ends
		pgrep -x kmigrate-guard >/dev/null || break
		sleep 0.1
	done
}

waits_unpinned() { # DIR
	for _ in $(seq 100); do
		pinned "$1" 0-3 0-3 0-3 >/dev/null && break
		sleep 0.1
	done
	pinned "$1" 0-3 0-3 0-3 && [ "$(state "$1")" = inmigrate ]
}

# A QEMU of somebody else's that waits is pinned before its migration begins, and waits on as it
# was when receive is killed by then.
waiting() {
	start "$dir/g3" --incoming || die "the QEMU does not start"
	KM_FAULT=prepared "$km" receive --json --listen "$address" --port 0 --attach "$dir/g3/qmp.sock" \
		"${secure[@]}" --peer-timeout 300s >"$dir/g3/receive.log" 2>"$dir/g3/receive.err" &
	receiver=$!
	for _ in $(seq 300); do
		port=$(jq -r 'select(.event == "listening").port' "$dir/g3/receive.log")
		[ -z "$port" ] || break
		sleep 0.1
	done
	go "$dir/g2" --to "$address:$port" --peer-timeout 300s
	stopped "$receiver" || die "receive does not come to its moment"
	check "attached: pinned before its migration begins" pinned "$dir/g3" 2 3 3
	kill -9 "$receiver"
	check "receive killed: it waits on, pinned no more" waits_unpinned "$dir/g3"
	arrive 1
	result $? "the guest stays where it was"
	end "$dir/g3"
}

says_so() { # DIR REGEX
	[ "$(wc -l <"$1/run.err")" = 1 ] && grep -q -e "$2" "$1/run.err" || { cat "$1/run.err"; false; }
}

no_qemu() { ! qemu_of "$1"; }

untouched() { # DIR CAPABILITIES
	as_before "$1" && [ "$(capabilities "$1")" = "$2" ] && [ "$(state "$1")" = running ]
}

capabilities() { "$guest/qmp" "$1/mon.sock" query-migrate-capabilities; }

apart_before_it_runs() { before_it_runs "$1" 1 2 2 || before_it_runs "$1" 2 1 1; }

# CPUs 1 and 2 are of two cores.
unkeepable() {
	local caps
	caps=$(capabilities "$dir/g2")
	there=(taskset -c 1-2)
	set_out "$dir/g2" "$dir/g3" '' ''
	arrive 3
	result $? "keep, where siblings can't be: exit 3"
	check "one line says what breaks, and what to do" says_so "$dir/g2" 'SMT siblings.*--pin relax'
	check "receive refuses, too: exit 3" test "$received" = 3
	check "and has started no QEMU" no_qemu "$dir/g3"
	check "nothing was touched at the source" untouched "$dir/g2" "$caps"
	set_out "$dir/g2" "$dir/g3" '' go-heard --pin relax
	check "relax: each on a CPU of its own, before the guest runs" apart_before_it_runs "$dir/g3"
	kill -CONT "$receiver"
	arrive 0 && reports "$dir/g2" '.pinning.done and (.pinning.kept | not) and
		(.pinning.breaks[0] | contains("siblings"))'
	result $? "it moves, and says what broke"
	there=()
	end "$dir/g2"
}

offline() {
	pin "$dir/g3" 0 1 1 >/dev/null || die "taskset"
	echo 0 >/sys/devices/system/cpu/cpu3/online
	there=(taskset -c 2-3)
	set_out "$dir/g3" "$dir/g4" '' ''
	arrive 3
	result $? "keep, where a CPU is offline: exit 3"
	echo 1 >/sys/devices/system/cpu/cpu3/online
	there=()
	set_out "$dir/g3" "$dir/g4" '' go-heard --pin none
	check "none: every thread may run everywhere" before_it_runs "$dir/g4" 0-3 0-3 0-3
	kill -CONT "$receiver"
	arrive 0 && reports "$dir/g3" '.pinning.policy == "none" and (.pinning.done | not) and
		.pinning.pinned == 3'
	result $? "it moves, and says that"
	end "$dir/g3"
}

left_alone() {
	note_threads "$dir/g4"
	receive_more=(--no-place)
	set_out "$dir/g4" "$dir/g5" set-up '' --no-place
	stopped "$mover" || die "run does not come to its moment"
	check "--no-place: no thread is placed, in run" on "$mover" '.*' 0-3
	check "in receive" on "$receiver" '.*' 0-3
	check "in the source's QEMU" on "$(qemu_of "$dir/g4")" '.*' 0-3
	check "in the destination's" on "$(qemu_of "$dir/g5")" '.*' 0-3
	kill -CONT "$mover"
	arrive 0 && reports "$dir/g4" '.placed == null and .pinning == null and .streams == 2'
	result $? "it moves; nothing was pinned, nothing is said"
}

inside() {
	lscpu -e=CPU,CORE,SOCKET,NODE | sed 's/^/# /'
	[ "$(nproc)" = 4 ] || die "not four CPUs"
	start "$dir/g0" --ready 300 || die "the guest does not start"
	pin "$dir/g0" 0 1-3 3 >/dev/null || die "taskset"
	note_threads "$dir/g0"
	placed
	other_node
	killed
	waiting
	unkeepable
	offline
	left_alone
	errors
	exit $failed
}

[ "${1:-}" != inside ] || inside
begin $((cases + 1))
"$here/../vm/kernels" 6.12 >&2 || exit 1
"$here/../vm/host" --kernel 6.12 --name place --sockets 2 --cores 1 --threads 2 --numa 2 \
	--mem 3G --timeout 1800 -- "$0" inside
rc=$? nr=$cases
[ $rc = 0 ] || echo "# the host ended with $rc (90: its kernel complains)"
result $rc "the host's kernel does not complain"
finish
