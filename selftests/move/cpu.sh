#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What run does to the CPU time of a guest's group (cgroup v2) while the guest moves within a
# test host: --cpu-weight. It is raised, and afterwards as it was, however the move ends; what
# somebody else sets meanwhile stays.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
cg=/sys/fs/cgroup

# A guest in a group of its own, and a receiver in none.
ready() { # GROUP FAULT-OF-RUN [ARGUMENT OF RUN...]
	group=$cg/$1
	local fault=$2
	shift 2
	rm -rf "$a" "$b" "$KMIGRATE_STATE_DIR"
	mkdir -p "$KMIGRATE_STATE_DIR" "$group" &&
		start "$a" --ready 300 --param ws=4M --param rate=200 && join "$group" &&
		receive "$a" "$b" --peer-timeout 60s || return 1
	KM_FAULT=$fault go "$a" --to "$address:$port" --peer-timeout 60s "$@"
}

join() { cat "$a/pid" >"$1/cgroup.procs"; } # FOLDER
weight() { cat "${1:-$group}/cpu.weight"; }
is_weight() { # WEIGHT [FOLDER]
	[ "$(weight "${2:-}")" = "$1" ] || { echo "# cpu.weight is $(weight "${2:-}"), not $1"; false; }
}

# Within ten seconds: by the guard.
becomes_weight() { # WEIGHT
	for _ in $(seq 100); do
		[ "$(weight)" = "$1" ] && return 0
		sleep 0.1
	done
	is_weight "$1"
}

# jq 1.6 is content with no input at all.
reports() { # FILTER
	[ -s "$a/run.json" ] && jq -e "$1" "$a/run.json" >/dev/null || {
		echo "# $(jq -c .cpu_weight "$a/run.json")"
		return 1
	}
}

over() { # STATUS NAME
	[ "$1" = 0 ] || errors
	result "$1" "$2"
	for p in $receiver $mover; do kill -9 "$p" && wait "$p"; done 2>/dev/null
	pkill -9 -f "kmigrate.*$dir/" 2>/dev/null # a guard that still answers
	mover=''
	end "$a" "$b"
}

moved() {
	ready vm set-up --cpu-weight 700 && stopped $mover && is_weight 700 && kill -CONT $mover &&
		ended 0 && is_weight 100 && at B && reports '.cpu_weight |
		.on and .wanted == 700 and .before == 100 and .group == "/vm" and
		.changed_to == null and .not_put_back == null and .why_not == null'
	over $? "raised while the guest moves, and back when it has moved"
}

receiver_dies() {
	ready vm set-up --cpu-weight 700 && stopped $mover && is_weight 700 && kill -9 $receiver &&
		kill -CONT $mover && ended 1 && is_weight 100 && at A
	over $? "back when the receiver is killed"
}

nobody_listens() {
	ready vm '' --cpu-weight 700 --to "$address:1" && ended 1 && is_weight 100 && at A
	over $? "left alone when nobody listens"
}

interrupted() {
	ready vm set-up --cpu-weight 700 && stopped $mover && kill -INT $mover &&
		kill -CONT $mover && ended 130 && is_weight 100 && at A
	over $? "back after SIGINT"
}

run_dies() {
	ready vm set-up --cpu-weight 700 && stopped $mover && is_weight 700 && kill -9 $mover &&
		becomes_weight 100 && at A
	over $? "put back by the guard when run is killed"
}

changed() {
	ready vm set-up --cpu-weight 700 && stopped $mover && echo 333 >"$group/cpu.weight" &&
		kill -CONT $mover && ended 0 && is_weight 333 && reports '.cpu_weight |
		.on and .changed_to == 333'
	over $? "what somebody else sets stays, and is told"
	echo 100 >"$group/cpu.weight"
}

changed_and_killed() {
	ready vm set-up --cpu-weight 700 && stopped $mover && echo 333 >"$group/cpu.weight" &&
		kill -9 $mover && at A && is_weight 333
	over $? "so does it when run is killed"
	echo 100 >"$group/cpu.weight"
}

scope() {
	local vm=machine.slice/machine-qemu\\x2d1\\x2dcpu.scope
	mkdir -p "$cg/$vm" && echo +cpu >"$cg/machine.slice/cgroup.subtree_control" &&
		ready "$vm/libvirt/emulator" set-up --cpu-weight 700 && stopped $mover &&
		is_weight 700 "$cg/$vm" && kill -CONT $mover && ended 0 && is_weight 100 "$cg/$vm"
	over $? "libvirt's scope of the VM, not a group inside of it"
}

# NAME GROUP REGEX [WEIGHT]: the guest moves, and the report says why not.
not_available() {
	ready "$2" '' --cpu-weight 700 && ended 0 && at B &&
		reports ".cpu_weight | (.on | not) and (.why_not | test(\"$3\"))" &&
		{ [ ! -e "$group/cpu.weight" ] || is_weight "${4:-100}"; }
	over $? "$1"
}

root_group() { not_available "the root group: told" . 'root group'; }
no_controller() { not_available "no cpu controller: told" vm/without 'cpu controller'; }

higher() {
	mkdir -p $cg/high && echo 9000 >$cg/high/cpu.weight || return
	not_available "it has more already: told" high 'is 9000 already' 9000
}

# CASES="moved run_dies" runs these only.
read -r -a cases <<<"${CASES:-moved receiver_dies nobody_listens interrupted run_dies changed \
	changed_and_killed scope root_group no_controller higher}"

if [ "${1:-}" = inside ]; then
	echo +cpu >$cg/cgroup.subtree_control || exit 1
	for case in "${cases[@]}"; do
		"$case"
	done
	exit 0
fi

begin $((${#cases[@]} + 1))
"$here/../vm/kernels" 6.12 >&2 || exit 1
"$here/../vm/host" --kernel 6.12 --timeout 900 --name cpu --env "CASES=${cases[*]}" -- "$0" inside
rc=$? nr=${#cases[@]}
[ $rc = 0 ] || echo "# the host ended with $rc (90: its kernel complains)"
result $rc "the host's kernel does not complain"
finish
