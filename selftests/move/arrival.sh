#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the destination has seen of the guest's first second, with `run --trace`: it comes when the
# move is over, and whatever becomes of it changes nothing of that. What it says is attacked by
# impact.sh, in hosts where KVM's tracepoints fire.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
asks=(--trace)

arrival() { # FILTER of jq
	jq -e ".arrival | $1" "$a/run.json" >/dev/null && return 0
	echo "# not so: $1: $(jq -c .arrival "$a/run.json")"
	return 1
}

told() {
	setup '' '' && ended 0 && at B && says moved && arrival '.on and .why_not == null' &&
		wait "$receiver"
	over $? "it is told"
}

not_wanted() {
	asks=()
	setup '' '' && ended 0 && at B && says moved && [ "$(jq .arrival "$a/run.json")" = null ]
	over $? "without --trace nobody watches"
	asks=(--trace)
}

stood() {
	fresh && "$guest/qmp" "$a/mon.sock" stop >/dev/null && receive "$a" "$b" &&
		go "$a" --to "$address:$port" --trace && ended 0 && says moved &&
		[ "$(state "$b")" = paused ] && [ "$(jq .arrival "$a/run.json")" = null ]
	over $? "a guest that stood: there is nothing to see"
}

may_not() {
	there=(setpriv --bounding-set -sys_admin)
	setup '' '' && ended 0 && at B && says moved &&
		arrival '.on == false and (.why_not | contains("tracing needs root"))'
	over $? "a destination that may not trace"
	there=()
}

# It says no word after RUNNING, and does not close either. Later it goes on.
silent() {
	setup '' running-said && stopped $receiver && ended 0 && stopped $receiver &&
		arrival '.on == false and (.why_not | contains("has not said"))' &&
		kill -CONT $receiver && wait $receiver && at B && says moved
	over $? "a destination that falls silent: run does not wait for ever"
}

killed_there() {
	setup '' watching && stopped $receiver && kill -9 $receiver && ended 0 && at B && says moved &&
		arrival '.on == false and (.why_not | contains("has not said"))'
	over $? "receive killed while it watches"
}

killed_here() {
	setup awaits '' && stopped $mover && says moved && kill -9 $mover && at B && says moved &&
		wait $receiver
	over $? "run killed while it waits for it"
}

begin 7
told
not_wanted
stood
may_not
silent
killed_there
killed_here
finish
