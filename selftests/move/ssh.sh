#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `run --to ssh://` with OpenSSH at both ends: sshd on a port of 127.0.0.1, with keys and a
# configuration of this test's own. The far side has its own PATH and home, so that neither an
# installed kmigrate nor root's dot files matter.
#
# ssh only starts the receiver: the pages have their own connection (user/ctl/remote.h).
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
keys=$dir/ssh ssh_port=0
sshd=$(PATH=$PATH:/usr/sbin command -v sshd) && command -v ssh >/dev/null ||
	skip_all "there is no sshd or no ssh (openssh-server, openssh-client)"
[ "$(id -u)" = 0 ] || skip_all "an sshd that lets root in wants root"

make_keys() {
	mkdir -m 700 "$keys" "$dir/home"
	for key in host other-host user other-user; do
		ssh-keygen -q -t ed25519 -N '' -C '' -f "$keys/$key" || return 1
	done
	cp "$keys/user.pub" "$keys/authorized"
	# Where sshd's unprivileged half lives. Who starts sshd makes it, and it stays.
	mkdir -p -m 755 /run/sshd
}

# HELPER is sshd, SSH_PORT where it listens. StrictModes would not take keys from below /tmp.
serve() { # FOLDER-OF-KMIGRATE
	[ -z "$helper" ] || kill_sshd
	ssh_port=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	cat >"$keys/config" <<-END
		ListenAddress 127.0.0.1:$ssh_port
		HostKey $keys/host
		AuthorizedKeysFile $keys/authorized
		AuthenticationMethods publickey
		PermitRootLogin prohibit-password
		StrictModes no
		UsePAM no
		PidFile none
		SetEnv PATH=$1:/usr/bin:/bin HOME=$dir/home KMIGRATE_STATE_DIR=$KMIGRATE_STATE_DIR
	END
	"$sshd" -D -e -f "$keys/config" 2>"$keys/sshd.err" &
	helper=$!
	for _ in $(seq 100); do
		grep -q 'Server listening' "$keys/sshd.err" && break
		sleep 0.1
	done
	printf '[127.0.0.1]:%s %s\n' "$ssh_port" "$(cat "$keys/host.pub")" >"$keys/known"
	printf '[127.0.0.1]:%s %s\n' "$ssh_port" "$(cat "$keys/other-host.pub")" >"$keys/changed"
}

# With its children, one for each connection. A receiver is no sshd.
kill_sshd() {
	pgrep -P "$helper" '^sshd' | while read -r p; do
		pkill -9 -P "$p" '^sshd'
		kill -9 "$p"
	done
	kill -9 "$helper"
	wait "$helper" 2>/dev/null
	helper=''
}

ssh_with() { # KEY KNOWN-HOSTS
	echo "ssh -F none -p $ssh_port -i $keys/$1 -o IdentitiesOnly=yes -o IdentityAgent=none" \
		"-o BatchMode=yes -o UserKnownHostsFile=$keys/$2 -o GlobalKnownHostsFile=none"
}

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
# shellcheck disable=SC2046 # words
$(ssh_with user known) root@127.0.0.1 true 2>/dev/null ||
	! grep -q 'account is locked' "$keys/sshd.err" ||
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
