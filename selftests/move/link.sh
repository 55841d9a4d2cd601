#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The link between the two ends is cut: for a moment, for good, before GO, between GO and its
# answer, and whenever it happens. The destination is in a network namespace; the cut takes
# the interface down, so that packets vanish and nobody is told.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
# A net of its own: two runs at once, or one that was killed, must not share routes.
ns=km$$ net=10.79.$(($$ % 254)) address=10.79.$(($$ % 254)).2
there=(ip netns exec "$ns")

[ "$(id -u)" = 0 ] && ip netns add "$ns" 2>/dev/null ||
	skip_all "no right to make network namespaces"
trap 'cleanup; ip link del km$$a 2>/dev/null; ip netns del "$ns"' EXIT
ip link add km$$a type veth peer name km$$b netns "$ns" &&
	ip addr add "$net.1/24" dev km$$a && ip link set km$$a up &&
	ip -n "$ns" addr add "$net.2/24" dev km$$b && ip -n "$ns" link set km$$b up &&
	ip -n "$ns" link set lo up || exit 1

unplug() { ip -n "$ns" link set km$$b down; }
plug() { ip -n "$ns" link set km$$b up; }

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
	over $? "link cut while pages flow"
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

# Nobody of that move is there any more: another receive answers from the journal.
asked_late() {
	setup '' go-heard && stopped $receiver && unplug && kill -CONT $receiver && ended 4 && at B &&
		plug && pkill -9 -P "$receiver" -f "kmigrate receive" && kill -9 "$receiver" && {
			"${there[@]}" "$km" receive --listen $address --port "$port" \
				>"$b/receive2.log" 2>&1 &
			receiver=$!
			sleep 1
		} && settle && at B && says moved
	over $? "link cut after GO, asked of a later receive: moved"
}

short_cut() {
	setup set-up '' && stopped $mover && kill -CONT $mover && unplug && sleep 1 && plug &&
		ended 0 && at B && says moved
	over $? "link cut for a second: the move goes on"
}

any_moment() {
	local rc ok=1 moment=$((RANDOM % 140))
	setup '' '' || return
	for _ in $(seq 100); do
		[ -n "$(qemu_of "$b")" ] && break
		sleep 0.05
	done
	# The move takes 1.4 s from here, or more.
	sleep "$((moment / 100)).$(printf %02d $((moment % 100)))"
	unplug
	await_run
	rc=$?
	sleep 1
	plug
	echo "# run ended with $rc"
	case $rc in
	0) at B && says moved && ok=0 ;;
	1) at A && says stayed && ok=0 ;;
	4) settle && case $("$km" status --json | jq -r '.moves[] | select(.side == "source").state') in
		moved) at B ;;
		stayed) at A ;;
		*) false ;;
		esac && ok=0 ;;
	esac
	over $ok "link cut at some moment"
}

begin 8
cut_before_go
go_lost
answer_lost
asked_late
short_cut
any_moment
any_moment
any_moment
finish
