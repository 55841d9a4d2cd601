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

# What calls itself QEMU MAJOR.MINOR: a copy of python that speaks enough QMP.
fake_qemu() { # MAJOR MINOR
	[ -e "$dir/qemu-system-fake" ] ||
		cp "$(python3 -c 'import sys; print(sys.executable)')" "$dir/qemu-system-fake"
	cat >"$dir/fake.py" <<-'END'
	import json, os, socket, sys
	path, version = sys.argv[1], dict(zip(("major", "minor", "micro"), map(int, sys.argv[2:4] + ["0"])))
	s = socket.socket(socket.AF_UNIX); s.bind(path + ".new"); s.listen(8); os.rename(path + ".new", path)
	def serve(f):
	    f.write(json.dumps({"QMP": {"version": {"qemu": version}, "capabilities": []}}) + "\n"); f.flush()
	    for line in f:
	        q = json.loads(line)
	        said = {"status": "running", "running": True} if q["execute"] == "query-status" else {}
	        f.write(json.dumps({"return": said, "id": q.get("id")}) + "\n"); f.flush()
	while True:
	    c, _ = s.accept()
	    try: serve(c.makefile("rw"))
	    except OSError: pass
	    c.close()
	END
	rm -f "$dir/fake.sock"
	"$dir/qemu-system-fake" "$dir/fake.py" "$dir/fake.sock" "$1" "$2" -name fake \
		-qmp "unix:$dir/fake.sock,server=on,wait=off" &
	helper=$!
	until [ -S "$dir/fake.sock" ]; do sleep 0.05; done
}

# Which engine run takes for such a QEMU, and why. The move itself fails at once.
engine_for() { # MAJOR MINOR ENGINE WHY
	local got
	fake_qemu "$1" "$2"
	got=$(timeout 60 "$km" run --json --vm "$dir/fake.sock" --to 127.0.0.1:1 --insecure 2>/dev/null |
		jq -r '.engine, .engine_why' | xargs)
	peer_gone
	[ "$got" = "$3 $4" ] && return 0
	echo "# QEMU $1.$2: $got"
	return 1
}

peer_gone() { kill $helper; wait $helper 2>/dev/null; helper=''; }

begin 34

one_line 3 "no guest nobody" run --vm nobody --to 127.0.0.1
result $? "unknown guest"

qemu-system-x86_64 -name "mute" -nodefaults -display none -S -accel tcg -m 32M \
	-serial "file:$dir/mute.log" &
helper=$!
sleep 1
one_line 3 "no QMP monitor" run --vm $helper --to 127.0.0.1
result $? "a guest without QMP"
kill $helper; wait $helper 2>/dev/null; helper=''

fake_qemu 9 1
one_line 3 "the relay knows QEMU 7.2 to 8.0, and this is 9.1.0" run --vm "$dir/fake.sock" \
	--to 127.0.0.1:1 --engine relay
result $? "a QEMU that the relay does not know, and the relay is asked for"
peer_gone

engine_for 7 1 qemu "the relay knows QEMU 7.2 to 8.0, and this is 7.1.0" &&
	engine_for 7 2 relay null && engine_for 8 0 relay null &&
	engine_for 8 1 qemu "the relay knows QEMU 7.2 to 8.0, and this is 8.1.0"
result $? "a QEMU that the relay does not know: QEMU's own engine, and why"

fake_qemu 5 2
one_line 3 "its QEMU is older than 6.0" run --vm fake --to 127.0.0.1:1
result $? "a QEMU that is too old"
peer_gone

start "$a" || exit 1

python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(999); open(sys.argv[2], "w"); time.sleep(60)' "$a/qmp.sock" "$dir/held" &
helper=$!
until [ -e "$dir/held" ]; do sleep 0.1; done
one_line 3 "in use by another client" run --json --vm "$a/qmp.sock" --to 127.0.0.1
result $? "a QMP monitor that somebody else has"
kill $helper; wait $helper 2>/dev/null; helper=''

# kmigrate as a user to whom neither the socket nor /proc/PID of the guest is open.
somebody_else() {
	local km=$dir/as-nobody
	install -m 755 "$root/build/kmigrate" "$dir/kmigrate" && chmod 711 "$dir" || return 1
	printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups %s "$@"\n' \
		"$dir/kmigrate" >"$km"
	chmod 755 "$km"
	refused 3 "qmp.sock: connect: Permission denied" --to 127.0.0.1:1 &&
		one_line 3 "try as root" run --vm "${dir##*/}" --to 127.0.0.1:1
}
if [ "$(id -u)" = 0 ]; then
	somebody_else
	result $? "a guest of another user"
else
	skip "a guest of another user" "only root can become somebody else"
fi

refused 1 "cannot reach 127.0.0.1 port 1" --to 127.0.0.1:1
result $? "nobody listens"
refused 1 "cannot resolve no-such-host.invalid" --to no-such-host.invalid
result $? "no such host"
refused 2 "--to takes HOST" --to '[::1'
result $? "an address that is none"

listening && one_line 3 "cannot listen on 127.0.0.1 port $port" receive --listen 127.0.0.1 --port "$port"
result $? "port in use"
kill -9 $receiver; wait $receiver 2>/dev/null

printf 'HTTP/1.1 400 Bad Request\r\n\r\nand so on' >"$dir/http"
peer "$dir/http"
refused 1 "does not speak kmigrate's protocol" --to "127.0.0.1:$port" --insecure
result $? "another protocol"
peer_gone

# user/xfer/wire.c: magic, then the ABI's number
printf '\001KMG\011\000\002\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >"$dir/abi"
peer "$dir/abi"
refused 1 "install the same version at both ends" --to "127.0.0.1:$port" --insecure
result $? "another version of the protocol"
peer_gone

: >"$dir/nothing"
peer "$dir/nothing"
refused 1 "no word from the peer" --to "127.0.0.1:$port" --insecure
result $? "a destination that never answers"
peer_gone

peer "$dir/nothing"
refused 1 "no word from the peer in the TLS handshake" --to "127.0.0.1:$port"
result $? "a destination that never answers the TLS handshake"
peer_gone

peer "$dir/http"
refused 1 "the destination does not speak TLS" --to "127.0.0.1:$port"
result $? "another protocol, and not TLS"
peer_gone

listening --replace pc-i440fx-7.2=pc-i440fx-7.1 &&
	refused 1 "Machine type received is 'pc-i440fx-7.2'" --to "127.0.0.1:$port" && gone
result $? "machine types that differ"

listening --replace pc-i440fx-7.2=pc-i440fx-99.0 &&
	refused 1 "unsupported machine type" --to "127.0.0.1:$port" && gone
result $? "a destination QEMU that is too old for the machine type"

listening --replace 32M=64M && refused 1 "pc.ram" --to "127.0.0.1:$port" && gone
result $? "RAM sizes that differ"

listening --append -no-such-option && refused 1 "no-such-option" --to "127.0.0.1:$port" && gone
result $? "a destination QEMU that does not start"

# In the receiver's mount namespace QEMU's place is taken by what can't be executed.
no_qemu() {
	local there=(unshare -m --propagation private sh -c
		'mount --bind /dev/null "$0" && exec "$@"' "$(readlink "/proc/$(cat "$a/pid")/exe")")
	listening && refused 1 "is not a QEMU that this host has" --to "127.0.0.1:$port" && gone
}
if unshare -m true 2>/dev/null; then
	no_qemu
	result $? "no such QEMU at the destination"
else
	skip "no such QEMU at the destination" "no mount namespaces here"
fi

# Whoever has the key can't have anything run here but what the rules allow.
not_allowed() {
	listening --replace "-no-reboot=-plugin" &&
		refused 3 "the source's QEMU has -plugin, which is not allowed here" \
			--to "127.0.0.1:$port" && gone &&
		listening --replace "$b/serial.log=/etc/serial.log" &&
		refused 3 "the file /etc/serial.log is not allowed here" --to "127.0.0.1:$port" && gone
}
not_allowed
result $? "a command line that the destination's rules don't allow"

bad_rules() { # TEXT
	one_line 3 "$1" receive --listen 127.0.0.1 --port 0 "${secure[@]}" --allow "$dir/rules"
}
own_rules() {
	bad_rules "$dir/rules: No such file" && echo "allow all" >"$dir/rules" &&
		bad_rules "line 1: begins with exe, option, file or run" && echo "option -m" >"$dir/rules" &&
		chmod 666 "$dir/rules" && bad_rules "can be written by others" &&
		chmod 600 "$dir/rules" && listening --allow "$dir/rules" &&
		refused 3 "which is not allowed here" --to "127.0.0.1:$port" && gone
}
own_rules
result $? "rules of one's own: missing, no rules, written by others, narrow"

# ---- keys ----

neither() {
	local secure=()
	one_line 2 "--psk-file FILE or --tls-dir DIR (TLS 1.3), or --insecure" \
		run --vm "$a/qmp.sock" --to 127.0.0.1:1 &&
		one_line 2 "--psk-file FILE or --tls-dir DIR (TLS 1.3), or --insecure" \
			receive --listen 127.0.0.1 --port 0
}
neither
result $? "nothing said of encryption"
one_line 2 "exclude each other" run --vm "$a/qmp.sock" --to 127.0.0.1:1 --insecure \
	--psk-file "$dir/psk" && one_line 2 "exclude each other" receive --tls-dir "$dir" --insecure &&
	one_line 2 "--tls-name goes with --tls-dir" run --vm "$a/qmp.sock" --to 127.0.0.1:1 \
		--psk-file "$dir/psk" --tls-name b
result $? "two ways of encryption at once"

bad_key() { # TEXT: in FILE; at both ends
	refused 3 "$1" --to 127.0.0.1:1 --psk-file "$dir/bad" &&
		one_line 3 "$1" receive --listen 127.0.0.1 --port 0 --psk-file "$dir/bad"
}
keys() {
	bad_key "cannot read $dir/bad: No such file" && cp "$dir/psk" "$dir/bad" &&
		chmod 644 "$dir/bad" && bad_key "$dir/bad is open to others (mode 0644)" &&
		chmod 600 "$dir/bad" && echo 00ff >"$dir/bad" &&
		bad_key "$dir/bad: a pre-shared key is 64 hexadecimal digits" &&
		one_line 3 "standard input: a pre-shared key is 64" receive --psk-file -
}
keys
result $? "pre-shared keys: missing, open to others, no key, nothing on standard input"

folders() {
	mkdir "$dir/pki"
	refused 3 "--tls-dir $dir/none: No such file" --to 127.0.0.1:1 --tls-dir "$dir/none" &&
		refused 3 "cannot read $dir/pki/ca-cert.pem: No such file" --to 127.0.0.1:1 \
			--tls-dir "$dir/pki" &&
		one_line 3 "cannot read $dir/pki/ca-cert.pem: No such file" receive \
			--listen 127.0.0.1 --port 0 --tls-dir "$dir/pki"
}
folders
result $? "folders of certificates: missing, empty"

refused 3 "QEMU's own engine (asked for) does not encrypt the guest: it takes --insecure" \
	--to 127.0.0.1:1 --engine qemu
result $? "QEMU's own engine, and it is to be encrypted"

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
	timeout 120 "$km" run --vm "$a/qmp.sock" --to "127.0.0.1:$port" "${secure[@]}" \
		>"$dir/report" 2>"$dir/err" ||
		{ sed 's/^/# /' "$dir/err"; return 1; }
	wait $receiver
}
hostile
result $? "hostile bytes first, then a move"
end "$a" "$b"

secure=(--insecure)
start "$a" && hostile
result $? "hostile bytes first, then a move, without TLS"
secure=(--psk-file "$dir/psk")
end "$a" "$b"

# The other half of it, a module of another ABI, is in unit/knetabi.c.
without_module() {
	local off="dirty rates and hot-page hints are off"
	rm -rf "$a" "$b"
	start "$a" && listening && run "$a" && [ "$(state "$b")" = running ] || return 1
	jq -e --arg off "$off" '.module | .present == false and (.why_absent | contains($off))' \
		"$a/run.json" >/dev/null && grep -q "$off" "$dir/report" && return 0
	echo "# $(jq -c .module "$a/run.json")"
	sed 's/^/# /' "$dir/report"
	return 1
}
if [ -e /sys/module/kmigrate ]; then
	skip "no module: it moves, and says what is off" "kmigrate.ko is loaded here"
else
	without_module
	result $? "no module: it moves, and says what is off"
fi
finish
