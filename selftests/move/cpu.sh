#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What run does to the CPU time of a guest's groups (cgroup v2) while the guest moves within a
# test host. --cpu-weight: it is raised, and afterwards as it was, however the move ends; what
# somebody else sets meanwhile stays. --on-stall: a guest that dirties faster than the link
# carries (tbf between two network namespaces) is not moved; it is given up, or slowed and moved:
# only the vCPU that dirties is slowed, and none of it is left.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
cg=/sys/fs/cgroup
work=(--param ws=4M --param rate=200)

# A guest in a group of its own, and a receiver in none.
ready() { # GROUP FAULT-OF-RUN [ARGUMENT OF RUN...]
	group=$cg/$1
	local fault=$2
	shift 2
	rm -rf "$a" "$b" "$KMIGRATE_STATE_DIR"
	mkdir -p "$KMIGRATE_STATE_DIR" "$group" &&
		start "$a" --ready 300 --mem 16M --vcpus 2 "${work[@]}" && "${layout:-join}" "$group" &&
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

# ---- throttle ----

# From here on the receiver is behind a link of 400 pages a second, and the guest writes the
# same 1024 pages again and again, ten times as fast if it is let: more than the relay's backlog
# (64 to 512 pages, pace.c) and the pause have room for, on a busy machine, too. Whole pages,
# since of small writes only what has changed is sent (differ.h), and that the link can carry.
slow_link() {
	modprobe -a veth sch_tbf && ip netns add slow &&
		ip link add kma type veth peer name kmb netns slow && ip addr add 10.78.0.1/24 dev kma &&
		ip link set kma up && ip -n slow addr add 10.78.0.2/24 dev kmb &&
		ip -n slow link set kmb up && ip -n slow link set lo up &&
		tc qdisc add dev kma root tbf rate 13mbit burst 32kb latency 50ms || return 1
	there=(ip netns exec slow) address=10.78.0.2
	work=(--param ws=4M --param rate=4000 --param bytes=4096 --param zero=0)
}

# Until a vCPU's group has a limit. Its cpu.max is in $slowed.
slowed() {
	local file
	for _ in $(seq 3000); do
		for file in "$group"/kmigrate-*/cpu.max "${group%/*}"/vcpu*/cpu.max; do
			[ -e "$file" ] && ! grep -q max "$file" && slowed=$file && return 0
		done
		kill -0 $mover 2>/dev/null || break
		sleep 0.1
	done
	echo "# no vCPU was slowed"
	return 1
}

# Within ten seconds: no group of ours, the VMM's as it was, all threads in it.
all_back() {
	local pid
	pid=$(cat "$a/pid")
	for _ in $(seq 100); do
		[ -z "$(find "$cg" -name 'kmigrate-*')" ] && [ "$(cat "$group/cgroup.type")" = domain ] &&
			[ -z "$(cat "$group/cgroup.subtree_control")" ] &&
			[ "$(cat /proc/"$pid"/task/*/cgroup | sort -u)" = "0::${group#"$cg"}" ] && return 0
		sleep 0.1
	done
	find "$cg" -name 'kmigrate-*' | sed 's/^/# /'
	echo "# $(cat "$group/cgroup.type" "$group/cgroup.subtree_control") $(cat /proc/"$pid"/task/*/cgroup | sort | uniq -c | tr '\n' ' ')"
	return 1
}

throttle_says() { reports ".throttle | $1" || { echo "# $(jq -c .throttle "$a/run.json")"; false; }; } # FILTER

given_up() {
	ready vm '' --on-stall abort && ended 1 && at A && all_back &&
		grep -q "can't be moved like this.*vcpu0 dirties.*comes back most" "$a/run.err" &&
		reports '.stall | .gave_up and .flat_rounds == 3 and .round_pages > 500 and
			.hottest.bytes >= 2097152' && reports '.throttle == null'
	over $? "it dirties faster than the link: given up after three rounds, and who is to blame is said"
}

throttled() {
	ready vm '' --on-stall throttle && slowed && [[ $slowed == *-vcpu0/cpu.max ]] && ended 0 && at B &&
		all_back && throttle_says '.why_not == null and .not_put_back == null and
		(.most_percent_by_vcpu | length == 1 and .[0] > 0 and .[0] <= 99)' &&
		reports '.counters.rounds < 60'
	over $? "with --on-stall throttle it is moved, only the vCPU that dirties was slowed, all is back"
}

throttle_interrupted() {
	ready vm '' --on-stall throttle && slowed && kill -INT $mover && ended 130 && all_back && at A
	over $? "slowed, and SIGINT: all is back"
}

throttle_killed() {
	ready vm '' --on-stall throttle && slowed && kill -9 $mover && all_back && at A
	over $? "slowed, and run killed: the guard puts it back"
}

# libvirt's layout: VM/libvirt/{emulator,vcpu0,vcpu1}, threaded.
libvirts() { # FOLDER: the emulator's
	local top=${1%/*} vm thread nr
	vm=${top%/*}
	mkdir -p "$top/vcpu0" "$top/vcpu1" && echo +cpu >"${vm%/*}/cgroup.subtree_control" &&
		echo +cpu >"$vm/cgroup.subtree_control" && join "$top" || return 1
	for nr in emulator vcpu0 vcpu1; do echo threaded >"$top/$nr/cgroup.type" || return 1; done
	echo +cpu >"$top/cgroup.subtree_control" || return 1
	for thread in /proc/"$(cat "$a/pid")"/task/*; do
		case $(cat "$thread/comm") in
		"CPU "*) nr=$(tr -dc 0-9 <"$thread/comm") && nr=vcpu$nr ;;
		*) nr=emulator ;;
		esac
		echo "${thread##*/}" >"$top/$nr/cgroup.threads" || return 1
	done
}

libvirt=machine.slice/machine-qemu\\x2d1\\x2dcpu.scope/libvirt
limit_is() { [ "$(cat "$cg/$libvirt/$1/cpu.max")" = "$2" ] || { echo "# $1: $(cat "$cg/$libvirt/$1/cpu.max")"; false; }; } # VCPU LIMIT

throttle_libvirts() {
	layout=libvirts
	ready "$libvirt/emulator" '' --on-stall throttle && slowed &&
		[ "$slowed" = "$cg/$libvirt/vcpu0/cpu.max" ] && limit_is vcpu1 "max 100000" && ended 0 && limit_is vcpu0 "max 100000" &&
		[ -z "$(find $cg -name 'kmigrate-*')" ]
	over $? "in libvirt's layout libvirt's group of that vCPU is used"
}

throttle_changed() {
	layout=libvirts
	ready "$libvirt/emulator" '' --on-stall throttle && slowed && echo "50000 100000" >"$slowed" &&
		sleep 2 && limit_is vcpu0 "50000 100000" && kill -INT $mover && ended 130 &&
		limit_is vcpu0 "50000 100000" && throttle_says '.changed_by_others == 1'
	over $? "a limit that somebody else sets stays, and is told"
	echo max >"$cg/$libvirt/vcpu0/cpu.max"
}

throttle_not_needed() {
	work=(--param ws=4M --param rate=50 --param zero=0)
	ready vm '' --on-stall throttle && ended 0 && at B && all_back &&
		throttle_says '.why_not == null and .most_percent_by_vcpu == []'
	over $? "a guest that converges is left alone"
}

throttle_without() {
	work=(--param ws=4M --param rate=50 --param zero=0)
	rmmod kmigrate && ready vm '' --on-stall throttle && ended 0 && at B && all_back &&
		throttle_says '(.why_not | test("not loaded")) and .most_percent_by_vcpu == []'
	over $? "without the module nobody is slowed, and it is told"
	[ -z "${KMIGRATE_KO:-}" ] || insmod "$KMIGRATE_KO"
}

# CASES="moved throttled" runs these only.
read -r -a cases <<<"${CASES:-moved receiver_dies nobody_listens interrupted run_dies changed \
	changed_and_killed scope root_group no_controller higher given_up throttled \
	throttle_interrupted throttle_killed throttle_libvirts throttle_changed throttle_not_needed \
	throttle_without}"

if [ "${1:-}" = inside ]; then
	echo +cpu >$cg/cgroup.subtree_control || exit 1
	for case in "${cases[@]}"; do
		layout=join
		[[ ! $case =~ thr|given_up || ${#there[@]} -gt 0 ]] || slow_link || exit 1
		"$case"
	done
	exit 0
fi

begin $((${#cases[@]} + 1))
module=$("$here/../vm/kmodule" 6.12) || exit 1
"$here/../vm/host" --kernel 6.12 --timeout 1500 --name cpu --module "$module" \
	--env "CASES=${cases[*]}" --env "KMIGRATE_KO=$module" -- "$0" inside
rc=$? nr=${#cases[@]}
[ $rc = 0 ] || echo "# the host ended with $rc (90: its kernel complains)"
result $rc "the host's kernel does not complain"
finish
