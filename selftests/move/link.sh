#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The link between the two ends is cut: for a moment, for good, before GO, between GO and its
# answer, and whenever it happens.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
. "$here/net"
# Slow enough for a cut to find pages on their way.
net_up 200mbit || skip_all "no right to make network namespaces"
# Of redial.sh there is enough for a link that doesn't come back to be given up soon.
retry=(--retry-for 2s)
asks=("${retry[@]}")

settle() { # of a move in doubt
	local id
	id=$(jq -r .id "$a/run.json")
	"$km" resolve "$id" --side source --wait 30s >/dev/null || {
		echo "# resolve ended with $?"
		return 1
	}
}

cut_before_go() {
	setup set-up '' && stopped $mover && unplug && kill -CONT $mover && ended 1 &&
		at A && plug && says stayed
	over $? "link cut for good while pages flow"
}

# GO never arrives: the destination gives up, and only it can say so.
go_lost() {
	setup decided '' && stopped $mover && unplug && kill -CONT $mover && ended 4 &&
		journal_says source 'in doubt' && plug && settle && at A && says stayed
	over $? "link cut before GO: in doubt, then resolved: stayed"
}

answer_lost() {
	setup '' go-heard && stopped $receiver && unplug && kill -CONT $receiver && ended 4 &&
		at B && journal_says source 'in doubt' && plug && settle && at B && says moved
	over $? "link cut after GO: in doubt, then resolved: moved"
}

# It ran there, and its QEMU and receive are killed before the source has heard so: what the guard
# says must not bring back the guest of before.
ran_and_died() {
	setup go-sent cont-done && stopped $receiver && stopped $mover && ss -K dst "$address" >/dev/null 2>&1 &&
		kill -CONT $receiver && sleep 1 && slain "$(qemu_of "$b")" $receiver && kill -CONT $mover &&
		ended 0 && says moved && [ "$(state "$a")" = postmigrate ] && [ -z "$(qemu_of "$b")" ]
	over $? "its answer lost, and the guest killed that ran there: not run at the source again"
}

# Nobody of that move is there any more: another receive answers from the journal.
asked_late() {
	setup '' go-heard && stopped $receiver && unplug && kill -CONT $receiver && ended 4 && at B &&
		plug && slain $(pgrep -P $receiver -f "kmigrate receive") $receiver &&
		receive "$a" "$b" --port "$port" && settle && at B && says moved
	over $? "link cut after GO, asked of a later receive: moved"
}

short_cut() {
	setup set-up '' && stopped $mover && kill -CONT $mover && unplug && sleep 1 && plug &&
		ended 0 && at B && says moved
	over $? "link cut for a second: the move goes on"
}

# CPU time of the source's QEMU's migration thread, in ticks.
migration_ticks() {
	local pid
	pid=$(cat "$a/pid")
	cat /proc/"$pid"/task/*/stat 2>/dev/null |
		awk '/\(live_migration\)/ { sub(/.*\) /, ""); print $12 + $13; n = 1 } END { exit !n }'
}

# QEMU alone takes a whole CPU to wait for a slow link; told what there is room for, it sleeps, but for
# the end of a round (pace.h).
sleeps() {
	local before after began took
	until migration_ticks >/dev/null; do
		kill -0 "$mover" || return
		sleep 0.05
	done
	sleep 1 # the link is known, and the beginning over
	began=${EPOCHREALTIME/./}
	before=$(migration_ticks) || return
	sleep 1.5
	after=$(migration_ticks) || return
	took=$((${EPOCHREALTIME/./} - began))
	echo "# QEMU's migration thread had $((after - before)) ticks of a CPU in $((took / 1000)) ms"
	[ $(((after - before) * 1000000 / $(getconf CLK_TCK))) -lt $((took / 10)) ]
}

# A guest that such a link is enough for, whatever else this machine does.
limited() {
	local slept=1
	asks+=(--bandwidth 40Mbit)
	work=(--param rate=300 --mem 96M) # of less there is nothing but the end of a round
	setup '' '' && { sleeps; slept=$?; } && ended 0 && at B && says moved &&
		jq -e '.counters.wire_bytes * 8000 / .times.total_ms <= 44e6' "$a/run.json" >/dev/null
	over $? "--bandwidth is kept, of a link that carries five times as much"
	result "$slept" "and QEMU sleeps while it waits"
	asks=("${retry[@]}")
	work=()
}

# How long a move takes on this machine, for any_moment.
undisturbed() {
	setup '' '' && ended 0 && at B && says moved &&
		length_ms=$(jq '.times.total_ms | floor' "$a/run.json")
	over $? "link left alone: the guest moves"
}

# Whatever it says, the guest is where it says, and only there.
as_said() { # EXIT-OF-RUN
	case $1 in
	0) at B && says moved ;;
	1) at A && says stayed ;;
	4) settle && case $("$km" status --json | jq -r '.moves[] | select(.side == "source").state') in
		moved) at B ;;
		stayed) at A ;;
		*) false ;;
		esac ;;
	*) false ;;
	esac
}

any_moment() {
	local rc moment=$((RANDOM % length_ms))
	setup '' '' || return
	until [ -n "$(qemu_of "$b")" ] || ! kill -0 "$mover"; do sleep 0.02; done
	sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
	unplug
	await_run
	rc=$?
	sleep 1
	plug
	echo "# cut after $moment of $length_ms ms: run ended with $rc"
	as_said $rc
	over $? "link cut at some moment"
}

# The control connection lives and the streams are dead: pages are lost (unless they all had come
# by then), what says that they came (FENCE) is not.
streams_die() {
	local rc
	setup stopped '' && stopped $mover && cut_streams && kill -CONT $mover || return
	await_run
	rc=$?
	echo "# run ended with $rc"
	as_said $rc
	over $? "the streams' packets vanish when the guest has stopped"
	mend_streams
}

# The move takes nearly two seconds here, and at least one.
late() {
	asks+=(--deadline 500ms)
	setup '' '' && ended 1 && at A && says stayed &&
		grep -q 'not done within --deadline (0.5 s): .* the link carries' "$a/run.err"
	over $? "the deadline passes: stayed"
	asks=("${retry[@]}")
}

length_ms=1000
begin 14
undisturbed
limited
cut_before_go
go_lost
answer_lost
ran_and_died
asked_late
short_cut
streams_die
any_moment
any_moment
any_moment
late
finish
