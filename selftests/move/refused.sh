#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can be wrong before and at the start of a move: one line that says what, a documented
# exit code, and a guest that goes on.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
guest=$here/../guest km=$root/build/kmigrate
dir=$(mktemp -d) nr=0 failed=0 helper='' receiver='' port=0
export KMIGRATE_STATE_DIR=$dir/state
a=$dir/a b=$dir/b

cleanup() {
	for p in $helper $receiver; do kill -9 "$p"; done 2>/dev/null
	pkill -9 -f "qemu-system.*$dir/" 2>/dev/null
	umount "$dir/full" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$a" "$b" "$KMIGRATE_STATE_DIR"

result() { # STATUS NAME
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then echo "ok $nr $2"; else echo "not ok $nr $2"; failed=1; fi
}

state() { "$guest/qmp" "$a/mon.sock" query-status 2>/dev/null | jq -r .status; }

# kmigrate ends with EXIT and says one line with TEXT; the guest runs, nothing else does.
says() { # EXIT TEXT ARGS
	local want=$1 text=$2 out rc
	shift 2
	out=$(timeout 60 "$km" "$@" 2>&1 >/dev/null </dev/null)
	rc=$?
	[ "$rc" = "$want" ] && [ "$(printf '%s\n' "$out" | wc -l)" = 1 ] && [[ $out == *"$text"* ]] && {
		[ ! -e "$a/pid" ] || { sleep 0.3; [ "$(state)" = running ]; }
	} && return 0
	echo "# exit $rc: $out; guest $(state)"
	return 1
}

listening() { # receive's arguments: it runs in the background, PORT is set
	rm -f "$b/receive.log"
	"$km" receive --json --listen 127.0.0.1 --port 0 --replace "$a=$b" "$@" \
		>"$b/receive.log" 2>"$b/receive.err" &
	receiver=$!
	for _ in $(seq 100); do
		port=$(jq -r 'select(.event == "listening").port' "$b/receive.log" 2>/dev/null)
		[ -n "$port" ] && return 0
		sleep 0.1
	done
	return 1
}

# The receiver has ended by itself and left no QEMU.
gone() {
	for _ in $(seq 100); do
		kill -0 $receiver 2>/dev/null || break
		sleep 0.1
	done
	! kill -0 $receiver 2>/dev/null && ! pgrep -f "qemu-system.*$b/qmp.sock" >/dev/null && {
		receiver=''
		return 0
	}
	echo "# the receiver is still there"
	kill -9 $receiver
	return 1
}

run() { echo run --json --vm "$a/qmp.sock" --peer-timeout 3s; }

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

echo "TAP version 13"
echo "1..18"
make -s -C "$guest" >&2 || exit 1

says 3 "no guest nobody" run --vm nobody --to 127.0.0.1
result $? "unknown guest"

qemu-system-x86_64 -name "mute" -nodefaults -display none -S -accel tcg -m 32M \
	-serial "file:$dir/mute.log" &
helper=$!
sleep 1
says 3 "no QMP monitor" run --vm $helper --to 127.0.0.1
result $? "a guest without QMP"
kill $helper; wait $helper 2>/dev/null; helper=''

"$guest/start" flat --dir "$a" --mem 32M --backing memfd --name "${dir##*/}" --ready 120 \
	-- -qmp "unix:$a/mon.sock,server=on,wait=off" >&2 || exit 1

python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(999); open(sys.argv[2], "w"); time.sleep(60)' "$a/qmp.sock" "$dir/held" &
helper=$!
until [ -e "$dir/held" ]; do sleep 0.1; done
says 3 "in use by another client" run --json --vm "$a/qmp.sock" --to 127.0.0.1
result $? "a QMP monitor that somebody else has"
kill $helper; wait $helper 2>/dev/null; helper=''

says 1 "cannot reach 127.0.0.1 port 1" $(run) --to 127.0.0.1:1
result $? "nobody listens"
says 1 "cannot resolve no-such-host.invalid" $(run) --to no-such-host.invalid
result $? "no such host"
says 2 "--to takes HOST" $(run) --to '[::1'
result $? "an address that is none"

listening && says 3 "cannot listen on 127.0.0.1 port $port" receive --listen 127.0.0.1 --port "$port"
result $? "port in use"
kill -9 $receiver; wait $receiver 2>/dev/null

listening --token right && says 1 "does not know this receiver's token" $(run) --to "127.0.0.1:$port" --token wrong && gone
result $? "wrong token"

printf 'HTTP/1.1 400 Bad Request\r\n\r\nand so on' >"$dir/http"
peer "$dir/http"
says 1 "does not speak kmigrate's protocol" $(run) --to "127.0.0.1:$port"
result $? "another protocol"
peer_gone

# user/xfer/wire.c: magic, then the ABI's number
printf '\001KMG\011\000\002\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >"$dir/abi"
peer "$dir/abi"
says 1 "install the same version at both ends" $(run) --to "127.0.0.1:$port"
result $? "another version of the protocol"
peer_gone

: >"$dir/nothing"
peer "$dir/nothing"
says 1 "no word from the peer" $(run) --to "127.0.0.1:$port"
result $? "a destination that never answers"
peer_gone

listening --replace pc-i440fx-7.2=pc-i440fx-7.1 &&
	says 1 "Machine type received is 'pc-i440fx-7.2'" $(run) --to "127.0.0.1:$port" && gone
result $? "machine types that differ"

listening --replace 32M=64M && says 1 "pc.ram" $(run) --to "127.0.0.1:$port" && gone
result $? "RAM sizes that differ"

listening --append -no-such-option && says 1 "no-such-option" $(run) --to "127.0.0.1:$port" && gone
result $? "a destination QEMU that does not start"

mkdir "$dir/full"
if mount -t tmpfs -o size=4k none "$dir/full" 2>/dev/null && echo x >"$dir/full/x"; then
	KMIGRATE_STATE_DIR=$dir/full says 1 "cannot write the journal" $(run) --to 127.0.0.1:1
	result $? "a full disk: no journal, no move"
else
	result 0 "a full disk: no journal, no move # SKIP no right to mount a tmpfs"
fi

says 3 "no-such-ssh" $(run) --to ssh://somewhere --ssh no-such-ssh
result $? "ssh that can't be run"
says 3 "kmigrate receive at somewhere" $(run) --to ssh://somewhere --ssh false
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
exit $failed
