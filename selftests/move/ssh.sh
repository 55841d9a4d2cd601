#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `run --to ssh://` with OpenSSH at both ends (see `sshd`).
#
# ssh only starts the receiver: the pages have their own connection (user/ctl/remote.h).
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
. "$here/sshd"

to_ssh() { # KEY KNOWN-HOSTS: words for run, in TO
	to=(--to ssh://root@127.0.0.1 --ssh "$(ssh_with "$1" "$2")" --peer-timeout $patience)
	to+=(--receive-arg=--listen=127.0.0.1 "--receive-arg=--replace=$a=$b")
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
	one_line 3 "kmigrate receive at root@127.0.0.1: $1" run --json --vm "$a/qmp.sock" \
		"${to[@]}" && [ -z "$(qemu_of "$b")" ] && nobody_left
	result $? "$4"
}

move() { # FAULT-OF-RUN
	local to
	fresh && mkdir "$b" && to_ssh user known && KM_FAULT=$1 go "$a" "${to[@]}"
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

# The words that started the move go with it; the move has no need of them.
without_sshd() { # MOMENT
	move "$1" && stopped "$mover" && kill_sshd && kill -CONT "$mover" && ended 0 &&
		reported moved && at B && says moved && nobody_left
	over $? "sshd killed: $1"
}

make_keys || exit 1
serve "$root/build/faults"
lets_us_in ||
	skip_all "root's account is locked, and sshd without PAM does not let it in"
begin 7
start "$a" || exit 1
refused "root@127.0.0.1: Permission denied" other-user known "a wrong key"
refused "Host key verification failed" user none "an unknown host key, and nobody to ask"
refused "Host key verification failed" user changed "another host key than last time"
serve "$dir/home"
refused "*kmigrate: *not found" user known "no kmigrate at the far side"
end "$a"
serve "$root/build/faults"
works
without_sshd set-up
serve "$root/build/faults"
without_sshd decided
finish
