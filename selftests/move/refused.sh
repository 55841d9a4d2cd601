#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can be wrong before and at the start of a move: one line that says what, a documented
# exit code, and a guest that goes on.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
trap 'umount "$dir/full" 2>/dev/null; cleanup' EXIT

# run of the guest in A
refused() { # EXIT TEXT ARGUMENT...
	local want=$1 text=$2
	shift 2
	one_line "$want" "$text" run --json --vm "$a/qmp.sock" --peer-timeout 3s "$@"
}

listening() { receive "$a" "$b" "$@"; }

# The receiver has ended by itself and left no QEMU.
gone() {
	for _ in $(seq 100); do
		kill -0 $receiver 2>/dev/null || break
		sleep 0.1
	done
	! kill -0 $receiver 2>/dev/null && ! qemu_of "$b" >/dev/null && {
		receiver=''
		return 0
	}
	echo "# the receiver is still there"
	kill -9 $receiver
	return 1
}

# A peer of another kind: accepts, reads, says what is in FILE, waits.
peer() { # FILE
	python3 - "$1" "$dir/port" <<-'END' &
	import socket, sys, time
	s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(8)
	open(sys.argv[2], "w").write(str(s.getsockname()[1]))
	c, _ = s.accept(); c.sendall(open(sys.argv[1], "rb").read()); time.sleep(60)
	END
	helper=$!
	until [ -s "$dir/port" ]; do sleep 0.05; done
	port=$(cat "$dir/port")
	rm "$dir/port"
}

peer_gone() { kill $helper; wait $helper 2>/dev/null; helper=''; }

begin 18

one_line 3 "no guest nobody" run --vm nobody --to 127.0.0.1
result $? "unknown guest"

qemu-system-x86_64 -name "mute" -nodefaults -display none -S -accel tcg -m 32M \
	-serial "file:$dir/mute.log" &
helper=$!
sleep 1
one_line 3 "no QMP monitor" run --vm $helper --to 127.0.0.1
result $? "a guest without QMP"
kill $helper; wait $helper 2>/dev/null; helper=''

start "$a" || exit 1

python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(999); open(sys.argv[2], "w"); time.sleep(60)' "$a/qmp.sock" "$dir/held" &
helper=$!
until [ -e "$dir/held" ]; do sleep 0.1; done
one_line 3 "in use by another client" run --json --vm "$a/qmp.sock" --to 127.0.0.1
result $? "a QMP monitor that somebody else has"
kill $helper; wait $helper 2>/dev/null; helper=''

refused 1 "cannot reach 127.0.0.1 port 1" --to 127.0.0.1:1
result $? "nobody listens"
refused 1 "cannot resolve no-such-host.invalid" --to no-such-host.invalid
result $? "no such host"
refused 2 "--to takes HOST" --to '[::1'
result $? "an address that is none"

listening && one_line 3 "cannot listen on 127.0.0.1 port $port" receive --listen 127.0.0.1 --port "$port"
result $? "port in use"
kill -9 $receiver; wait $receiver 2>/dev/null

listening --token right && refused 1 "does not know this receiver's token" --to "127.0.0.1:$port" --token wrong && gone
result $? "wrong token"

printf 'HTTP/1.1 400 Bad Request\r\n\r\nand so on' >"$dir/http"
peer "$dir/http"
refused 1 "does not speak kmigrate's protocol" --to "127.0.0.1:$port"
result $? "another protocol"
peer_gone

# user/xfer/wire.c: magic, then the ABI's number
printf '\001KMG\011\000\002\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >"$dir/abi"
peer "$dir/abi"
refused 1 "install the same version at both ends" --to "127.0.0.1:$port"
result $? "another version of the protocol"
peer_gone

: >"$dir/nothing"
peer "$dir/nothing"
refused 1 "no word from the peer" --to "127.0.0.1:$port"
result $? "a destination that never answers"
peer_gone

listening --replace pc-i440fx-7.2=pc-i440fx-7.1 &&
	refused 1 "Machine type received is 'pc-i440fx-7.2'" --to "127.0.0.1:$port" && gone
result $? "machine types that differ"

listening --replace 32M=64M && refused 1 "pc.ram" --to "127.0.0.1:$port" && gone
result $? "RAM sizes that differ"

listening --append -no-such-option && refused 1 "no-such-option" --to "127.0.0.1:$port" && gone
result $? "a destination QEMU that does not start"

mkdir "$dir/full"
if mount -t tmpfs -o size=4k none "$dir/full" 2>/dev/null && echo x >"$dir/full/x"; then
	KMIGRATE_STATE_DIR=$dir/full refused 1 "cannot write the journal" --to 127.0.0.1:1
	result $? "a full disk: no journal, no move"
else
	skip "a full disk: no journal, no move" "no right to mount a tmpfs"
fi

refused 3 "no-such-ssh" --to ssh://somewhere --ssh no-such-ssh
result $? "ssh that can't be run"
refused 3 "kmigrate receive at somewhere" --to ssh://somewhere --ssh false
result $? "ssh that fails"

# Hostile bytes do not end a receiver; a real source is served after them.
hostile() {
	listening || return 1
	for _ in 1 2 3; do
		head -c 4096 /dev/urandom >"/dev/tcp/127.0.0.1/$port"
		cat "$dir/abi" >"/dev/tcp/127.0.0.1/$port"
	done 2>/dev/null
	timeout 120 "$km" run --vm "$a/qmp.sock" --to "127.0.0.1:$port" >/dev/null 2>"$dir/err" ||
		{ sed 's/^/# /' "$dir/err"; return 1; }
	wait $receiver
}
hostile
result $? "hostile bytes first, then a move"
finish
