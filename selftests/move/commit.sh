#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Attacks the commit (invariants I4 and I5): either kmigrate, or the destination's QEMU, is
# killed or seems dead at each moment that matters (user/fault.h), and afterwards the
# guest runs at exactly one end, the one that run, status and resolve name.  All the time a
# sampler watches that it never runs at both.
#
# It is about who runs, not about pages: native.sh and hosts.sh compare those.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"

kill_run() { # MOMENT WHERE JOURNAL
	setup "$1" '' && stopped $mover && kill -9 $mover && at "$2" && says "$3"
	over $? "run killed: $1"
}

kill_receive() { # MOMENT WHERE JOURNAL EXIT
	setup '' "$1" && stopped $receiver && kill -9 $receiver && ended "$4" && at "$2" && says "$3"
	over $? "receive killed: $1"
}

kill_qemu() { # MOMENT-OF-RUN
	setup "$1" '' && stopped $mover && kill -9 "$(qemu_of "$b")" && kill -CONT $mover &&
		ended 1 && at A && says stayed
	over $? "destination's QEMU killed: $1"
}

# The source's, and the guest with it, but for what is at the destination: that is all of it. What
# was to be compared can't be any more.
kill_source() { # MOMENT-OF-RUN MOMENT-OF-RECEIVE [ARGUMENT OF RUN...]
	local asks=("${@:3}") who
	setup "$1" "$2"
	who=$([ -n "$1" ] && echo $mover || echo $receiver)
	stopped $who && kill -9 "$(cat "$a/pid")" && kill -CONT $who && ended 0 && at B && says moved &&
		jq -e '.source_died and .outcome == "moved" and .held == null' "$a/run.json" >/dev/null
	over $? "source's QEMU killed: $*"
}

# run seems dead for longer than receive's patience, and then goes on.
stall_run() { # MOMENT WHERE JOURNAL EXIT
	setup "$1" '' && stopped $mover && sleep 8 && kill -CONT $mover && ended "$4" && at "$2" &&
		says "$3"
	over $? "run stalled: $1"
}

stall_receive() { # MOMENT
	setup '' "$1" && stopped $receiver && ended 1 && [ "$(state "$a")" = running ] &&
		kill -CONT $receiver && at A && says stayed
	over $? "receive stalled: $1"
}

# The one case that nobody can decide alone: GO was heard by somebody who does not answer.
in_doubt() {
	local id
	setup '' go-heard && stopped $receiver && ended 4 && journal_says source 'in doubt' &&
		id=$(jq -r .id "$a/run.json") && [ "$(state "$a")" = postmigrate ] &&
		! "$km" resolve "$id" --side source --wait 1s 2>/dev/null &&
		kill -CONT $receiver && at B &&
		"$km" resolve "$id" --side source >/dev/null && at B && says moved
	over $? "in doubt, then resolved: the guest had moved"
}

# The source's QEMU does not answer for longer than it is waited for, while the guest is wanted
# back: it is not lost.
stall_source() { # SIGNAL-TO-RUN
	local qemu
	setup stopped '' && stopped $mover && qemu=$(cat "$a/pid") && kill -STOP "$qemu" &&
		kill "-$1" $mover && kill -CONT $mover && until_noted "QEMU does not answer" &&
		kill -CONT "$qemu" && at A && says stayed
	over $? "source's QEMU stalled, run gets SIG$1"
}
until_noted() { # TEXT
	for _ in $(seq 300); do
		! "$km" status --json | grep -q "$1" || return 0
		sleep 0.2
	done
	echo "# no such note: $("$km" status --json)"
	return 1
}

# Nobody is left to finish: run and its guard are both killed.
left_behind() { # MOMENT WHERE JOURNAL
	local id
	setup "$1" '' && stopped $mover && pkill -9 -P $mover && kill -9 $mover &&
		id=$("$km" status --json --open | jq -r '.moves[] | select(.side == "source").id') &&
		[ -n "$id" ] && "$km" resolve "$id" --side source >/dev/null && at "$2" && says "$3"
	over $? "run and its guard killed, then resolved: $1"
}

begin 27
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
kill_source loaded ''
kill_source '' load-done
kill_source loaded '' --verify
stall_run loaded A stayed 1
stall_run decided A stayed 1
stall_run go-sent B moved 0
stall_receive fence
stall_receive load-done
in_doubt
stall_source KILL
stall_source INT
left_behind completed A stayed
finish
