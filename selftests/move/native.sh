#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Moves between two QEMUs of this machine, without the module and without a test host.
#
# The guest fills its memory under TCG (or KVM where there is one) and is stopped before it
# moves: QEMU 7.2's TCG loses dirty pages of a running guest by itself, so only a stopped one
# proves anything here.  Memory is compared twice: by `kmigrate run --verify`, and by this
# script, which has both QEMUs dump theirs (pmemsave) and compares the files.
#
# Faults are tried on a running guest: there the question is which end runs, not its pages.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
guest=$here/../guest km=$root/build/kmigrate
dir=$(mktemp -d) nr=0 failed=0 port=0 receiver=''

cleanup() {
	[ -z "$receiver" ] || kill -9 "$receiver" 2>/dev/null
	pkill -9 -f "qemu-system.*$dir/" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

result() { # STATUS NAME
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then echo "ok $nr $2"; else echo "not ok $nr $2"; failed=1; fi
}

qmp() { "$guest/qmp" "$@"; }
state() { qmp "$1/qmp.sock" query-status 2>/dev/null | jq -r .status; }

start() { # DIR, further arguments
	local d=$1
	shift
	mkdir -p "$d"
	"$guest/start" flat --dir "$d" --mem 64M --name "$(basename "$dir")" --ready 60 "$@" >&2
}

receive() { # FROM TO
	mkdir -p "$2"
	"$km" receive --json --listen 127.0.0.1 --port 0 --replace "$1=$2" \
		>"$2/receive.log" 2>"$2/receive.err" &
	receiver=$!
	for _ in $(seq 50); do
		port=$(jq -r 'select(.event == "listening").port' "$2/receive.log" 2>/dev/null)
		[ -n "$port" ] && return 0
		sleep 0.1
	done
	return 1
}

run() { # DIR, further arguments: its JSON goes to DIR/run.json
	local d=$1
	shift
	timeout 120 "$km" run --vm "$d/qmp.sock" --to "127.0.0.1:$port" --json "$@" \
		>"$d/run.json" 2>"$d/run.err"
}

end() { # DIRS: their guests
	for d in "$@"; do pkill -9 -f "qemu-system.*$d/"; done 2>/dev/null
	[ -z "$receiver" ] || kill -9 "$receiver" 2>/dev/null
	wait "$receiver" 2>/dev/null
	receiver=''
}

dump() { # DIR
	qmp "$1/qmp.sock" pmemsave \
		"{\"val\": 0, \"size\": 67108864, \"filename\": \"$1/ram\"}" >/dev/null
}

# One page may differ after any migration: loading the vAPIC's state writes its ROM's page.
same_ram() { # A B
	cmp -l "$1/ram" "$2/ram" | awk '{
		p = int(($1 - 1) / 4096); if (p != 232 && !bad[p]++) n++
	} END { print n + 0 }'
}

move_stopped() { # NAME BACKING ARGS
	local name=$1 backing=$2 a=$dir/a b=$dir/b ok=1
	shift 2
	if start "$a" --backing "$backing" && sleep 1 && qmp "$a/qmp.sock" stop >/dev/null &&
		receive "$a" "$b" && run "$a" "$@"; then
		dump "$a" && dump "$b" && [ "$(same_ram "$a" "$b")" = 0 ] &&
			[ "$(stat -c %s "$b/ram")" = 67108864 ] &&
			[ "$(state "$b")" = paused ] && ok=0
	fi
	[ $ok = 0 ] || sed 's/^/# /' "$a"/*.err "$b"/*.err
	end "$a" "$b"
	rm -rf "$a" "$b"
	result $ok "$name"
}

# A fault at a random moment of a running guest's move: exactly one end runs, and run's
# exit code says which.  A move that ended before the fault has tested nothing and fails.
fault() { # NAME KILL
	local name=$1 what=$2 a=$dir/a b=$dir/b ok=1 rc mover sa sb
	if start "$a" --backing memfd && receive "$a" "$b"; then
		"$km" run --vm "$a/qmp.sock" --to "127.0.0.1:$port" --json \
			>"$a/run.json" 2>"$a/run.err" &
		mover=$!
		for _ in $(seq 100); do
			pgrep -f "qemu-system.*$b/" >/dev/null && break
			sleep 0.05
		done
		sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
		case $what in
		receiver) kill -9 "$receiver" ;;
		qemu) pkill -9 -f "qemu-system.*$b/" ;;
		int) kill -INT "$mover" ;;
		source) kill -9 "$mover" ;;
		esac
		wait "$mover"
		rc=$?
		sleep 1
		sa=$(state "$a") sb=$(state "$b")
		echo "# $what: exit $rc, source ${sa:-gone}, destination ${sb:-gone}"
		case $rc in
		0) echo "# the fault came after the end of the move" ;;
		1 | 130 | 137) [ "$sa" = running ] && [ -z "$sb" ] && ok=0 ;;
		esac
	fi
	end "$a" "$b"
	rm -rf "$a" "$b"
	result $ok "$name"
}

bad() { # NAME EXIT TEXT ARGS: exit code, one line on stderr, and what it must say
	local name=$1 want=$2 text=$3 out rc
	shift 3
	out=$("$km" "$@" 2>&1 >/dev/null)
	rc=$?
	[ "$rc" = "$want" ] && [ "$(printf '%s\n' "$out" | wc -l)" = 1 ] && [[ $out == *"$text"* ]]
	rc=$?
	[ $rc = 0 ] || echo "# $out"
	result $rc "$name"
}

# I3: the destination QEMU may not go on to load devices before every page is in its memory.
# Here each message waits before it is applied, so there is always a backlog when SYNC comes.
slow_destination() {
	local a=$dir/a b=$dir/b ok=1
	local km=$root/build/faults/kmigrate
	start "$a" --backing memfd && qmp "$a/qmp.sock" stop >/dev/null &&
		KM_FAULT=slow-apply receive "$a" "$b" && run "$a" --verify && dump "$a" &&
		dump "$b" && [ "$(same_ram "$a" "$b")" = 0 ] && ok=0
	[ $ok = 0 ] || sed 's/^/# /' "$a"/*.err "$b"/*.err
	end "$a" "$b"
	rm -rf "$a" "$b"
	result $ok "pages are applied slowly: SYNC waits for each"
}

# ssh as far as kmigrate can see it: the words after the host are one line for a shell there.
over_ssh() {
	local a=$dir/a b=$dir/b ok=1
	cat >"$dir/ssh" <<-END
		#!/bin/sh
		[ "\$1 \$2 \$3" = "-p 2222 root@127.0.0.1" ] || exit 255
		PATH=$root/build:\$PATH exec sh -c "\$4"
	END
	chmod +x "$dir/ssh"
	mkdir -p "$b"
	start "$a" --backing memfd && timeout 120 "$km" run --vm "$a/qmp.sock" --json \
		--to ssh://root@127.0.0.1 --ssh "$dir/ssh -p 2222" \
		--receive-arg "--replace=$a=$b" >"$a/run.json" 2>"$a/run.err" &&
		[ "$(state "$b")" = running ] && [ "$(state "$a")" = postmigrate ] && ok=0
	[ $ok = 0 ] || sed 's/^/# /' "$a"/*.err
	end "$a" "$b"
	rm -rf "$a" "$b"
	result $ok "the receiver is started over ssh"
}

no_receiver() {
	local a=$dir/a ok=1
	start "$a" && port=1 && ! run "$a" && grep -q 'cannot reach' "$a/run.err" &&
		[ "$(state "$a")" = running ] && ok=0
	end "$a"
	rm -rf "$a"
	result $ok "no receiver: one line, the guest runs on"
}

echo "TAP version 13"
echo "1..14"
make -s -C "$guest" >&2 || exit 1
move_stopped "relay, memfd: every page is there" memfd --verify
move_stopped "relay, anonymous RAM: every page is there" anon --verify
move_stopped "relay, eight streams: every page is there" memfd --streams 8
move_stopped "QEMU's own engine, same orchestration" memfd --engine qemu
fault "kill -9 of the receiver" receiver
fault "kill -9 of the destination QEMU" qemu
fault "kill -9 of the source" source
fault "SIGINT" int
slow_destination
over_ssh
no_receiver
bad "unknown guest" 3 "no-such-guest" run --vm no-such-guest --to 127.0.0.1
bad "missing option" 2 "--to" run --vm x
bad "unknown command" 2 "frobnicate" frobnicate
exit $failed
