#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `run --to ssh://` with OpenSSH at both ends (see `sshd`).
#
# ssh only starts the receiver: the pages have their own connections, and are redialled without it
# (user/ctl/remote.h).
# shellcheck disable=SC2046 # pids and ports are words
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
. "$here/net"
. "$here/sshd"
alive='' # how soon ssh gives up

to_ssh() { # KEY KNOWN-HOSTS: words for run, in TO
	to=(--to "ssh://root@$address" --ssh "$(ssh_with "$1" "$2")$alive" --peer-timeout "$patience")
	to+=("--receive-arg=--listen=$address" "--receive-arg=--replace=$a=$b")
	to+=(--receive-arg "--peer-timeout=$patience")
	# A shell there must take it as one word, and do nothing with it.
	to+=(--receive-arg "--replace=it's \$(touch $dir/shell); touch $dir/shell=x")
}

# The far side: the receiver, the shell that started it, ssh, sshd's part of it.
nobody_left() {
	for _ in $(seq 100); do
		pgrep -f "(kmigrate receive|ssh -F none).*$dir/" >/dev/null || break
		sleep 0.1
	done
	! pgrep -af "(kmigrate receive|ssh -F none).*$dir/" | sed 's/^/# still there: /' | grep .
}

refused() { # TEXT KEY KNOWN-HOSTS NAME
	local to
	to_ssh "$2" "$3"
	one_line 3 "kmigrate receive at root@$address: $1" run --json --vm "$a/qmp.sock" \
		"${to[@]}" && [ -z "$(qemu_of "$b")" ] && nobody_left
	result $? "$4"
}

move() { # FAULT-OF-RUN [ARGUMENT...]
	local to
	fresh && mkdir "$b" && to_ssh user known && KM_FAULT=$1 go "$a" "${to[@]}" "${@:2}"
}

reported() { # OUTCOME
	[ "$(jq -r .outcome "$a/run.json")" = "$1" ] && return 0
	echo "# run says $(jq -c '{outcome, error}' "$a/run.json")"
	return 1
}

works() {
	move '' && ended 0 && reported moved && at B && says moved && nobody_left &&
		[ ! -e "$dir/shell" ]
	over $? "a move: the guest runs there, and nothing else is left"
}

# The receiver listens, and run looks at the guest.
looks() {
	for _ in $(seq 300); do
		find "/proc/$mover/fd" -lname '*signalfd*' 2>/dev/null | grep -q . && return 0
		kill -0 "$mover" 2>/dev/null || break
		sleep 0.1
	done
	echo "# run does not look at the guest: $(cat "$a/run.err")"
	return 1
}
changed_mind() {
	move '' --predict 60 --link 1Gbit && looks && kill "$mover" && ended 130 && at A && nobody_left
	over $? "cancelled before the move has begun: no receiver waits on"
}

# The words that started the move go with it; the move has no need of them.
without_sshd() { # MOMENT
	move "$1" && stopped "$mover" && kill_sshd && kill -CONT "$mover" && ended 0 &&
		reported moved && at B && says moved && nobody_left
	over $? "sshd killed: $1"
}

# While pages move, which are the receiver's and ours alone. What it says is heard by nobody then.
is() { # JQ: of the result
	[ "$(jq "$1" "$a/run.json")" = true ] && return 0
	echo "# not so: $1: $(jq -c '{redials, redialled_because, times, error}' "$a/run.json")"
	return 1
}
kill_ssh() { slain $(pgrep -P "$mover" -x ssh); }
stranger() { # whom the receiver speaks of
	echo nonsense >"/dev/tcp/$address/$(ss -Htnp state established dst "$address" |
		sed -n "s/.* $address:\([0-9]*\) .*pid=$mover,.*/\1/p" | head -1)"
}
goes_on() {
	kill -CONT "$mover" && ended 0 && reported moved && at B && says moved && nobody_left
}

ssh_dies() {
	move set-up && stopped "$mover" && kill_ssh && stranger && goes_on
	over $? "ssh killed while pages move"
}

all_breaks() {
	move set-up && stopped "$mover" && kill_ssh && stranger && tear $(ports) &&
		goes_on && is '.redials >= 1'
	over $? "ssh killed, and every connection reset: redialled without it"
}

ssh_has_given_up() {
	for _ in $(seq 300); do
		grep -qs '^State:.[^Z]' "/proc/$(pgrep -P "$mover" -x ssh)/status" || return 0
		sleep 0.1
	done
	echo "# ssh is still there"
	return 1
}
cut_off() {
	move set-up && stopped "$mover" && unplug && ssh_has_given_up && kill -CONT "$mover" &&
		sleep 7 && plug && goes_on && is '.redials >= 1 and .times.redial_ms > 0'
	over $? "the link is cut until ssh has given up at both ends: redialled without it"
}

make_keys || exit 1
serve "$root/build/faults"
lets_us_in ||
	skip_all "root's account is locked, and sshd without PAM does not let it in"
begin 11
start "$a" || exit 1
refused "root@$address: Permission denied" other-user known "a wrong key"
refused "Host key verification failed" user none "an unknown host key, and nobody to ask"
refused "Host key verification failed" user changed "another host key than last time"
serve "$dir/home"
refused "*kmigrate: *not found" user known "no kmigrate at the far side"
end "$a"
serve "$root/build/faults"
works
changed_mind
without_sshd set-up
serve "$root/build/faults"
without_sshd decided
serve "$root/build/faults"
ssh_dies
all_breaks
if net_up; then
	alive=" -o ServerAliveInterval=1 -o ServerAliveCountMax=3"
	serve "$root/build/faults" -o ClientAliveInterval=1 -o ClientAliveCountMax=3
	cut_off
else
	skip "the link is cut" "no right to make a link"
fi
finish
