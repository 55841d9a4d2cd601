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
. "$here/lib"

qmp() { # DIR COMMAND [ARGUMENTS]
	"$guest/qmp" "$1/mon.sock" "${@:2}" >/dev/null
}

dump() { # DIR
	qmp "$1" pmemsave \
		"{\"val\": 0, \"size\": 67108864, \"filename\": \"$1/ram\"}"
}

# One page may differ after any migration: loading the vAPIC's state writes its ROM's page.
same_ram() { # A B
	cmp -l "$1/ram" "$2/ram" | awk '{
		p = int(($1 - 1) / 4096); if (p != 232 && !bad[p]++) n++
	} END { print n + 0 }'
}

over() { # STATUS NAME
	[ "$1" = 0 ] || errors
	end "$a" "$b"
	rm -rf "$a" "$b"
	result "$1" "$2"
}

move_stopped() { # NAME BACKING ARGS
	local name=$1 backing=$2 ok=1
	shift 2
	if start "$a" --mem 64M --backing "$backing" && sleep 1 && qmp "$a" stop &&
		receive "$a" "$b" && run "$a" "$@"; then
		dump "$a" && dump "$b" && [ "$(same_ram "$a" "$b")" = 0 ] &&
			[ "$(stat -c %s "$b/ram")" = 67108864 ] &&
			[ "$(state "$b")" = paused ] && ok=0
	fi
	over $ok "$name"
}

# A fault at a random moment of a running guest's move: exactly one end runs, and run's
# exit code says which.  A move that ended before the fault has tested nothing and fails; so
# that none does, however fast the machine, each message waits before it is applied, and the
# move takes many seconds. commit.sh and link.sh are for its last moments.
fault() { # NAME KILL
	local name=$1 what=$2 ok=1 rc sa sb km=$root/build/faults/kmigrate
	if start "$a" --mem 64M && KM_FAULT=slow-apply receive "$a" "$b"; then
		go "$a" --to "$address:$port"
		until qemu_of "$b" >/dev/null || ! kill -0 "$mover"; do sleep 0.02; done
		sleep "$((RANDOM % 3)).$((RANDOM % 10))$((RANDOM % 10))"
		case $what in
		receiver) kill -9 "$receiver" ;;
		qemu) pkill -9 -f "qemu-system.*$b/" ;;
		int) kill -INT "$mover" ;;
		source) kill -9 "$mover" ;;
		esac
		await_run
		rc=$?
		sleep 1
		sa=$(state "$a") sb=$(state "$b")
		echo "# $what: exit $rc, source ${sa:-gone}, destination ${sb:-gone}"
		case $rc in
		0) echo "# the fault came after the end of the move" ;;
		1 | 130 | 137) [ "$sa" = running ] && [ -z "$sb" ] && ok=0 ;;
		esac
	fi
	over $ok "$name"
}

# I3: the destination QEMU may not go on to load devices before every page is in its memory.
# Here each message waits before it is applied, so there is always a backlog when SYNC comes.
slow_destination() {
	local ok=1 km=$root/build/faults/kmigrate
	start "$a" --mem 64M && qmp "$a" stop &&
		KM_FAULT=slow-apply receive "$a" "$b" && run "$a" --verify && dump "$a" &&
		dump "$b" && [ "$(same_ram "$a" "$b")" = 0 ] && ok=0
	over $ok "pages are applied slowly: SYNC waits for each"
}

# Pages in the file that is a QEMU's RAM.
ram_pages() { # DIR
	local pid f
	pid=$(qemu_of "$1")
	for f in /proc/"$pid"/fd/*; do
		[[ $(readlink "$f") == *memory-backend-memfd* ]] || continue
		echo $(($(stat -L -c %b "$f") * 512 / 4096))
		return
	done
	return 1
}

# A page of zeroes takes no memory at the destination (some of them are of other blocks). Before that is looked at,
# nobody may read it by a mapping, which fills the file.
zeroes_take_none() {
	local ok=1 zero pages
	if start "$a" --mem 64M --backing memfd && sleep 1 && qmp "$a" stop &&
		receive "$a" "$b" && run "$a"; then
		zero=$(jq .counters.zero_pages "$a/run.json") pages=$(ram_pages "$b")
		echo "# $zero zero pages of 16384; the destination's file has $pages"
		[ "$zero" -gt 4000 ] && [ -n "$pages" ] && [ "$pages" -gt 4000 ] &&
			[ "$pages" -le $((16384 - zero + 256)) ] && dump "$a" && dump "$b" &&
			[ "$(same_ram "$a" "$b")" = 0 ] && ok=0
	fi
	over $ok "pages of zeroes take no memory at the destination, and are zeroes"
}

# ssh as far as kmigrate can see it: the words after the host are one line for a shell there.
over_ssh() {
	local ok=1
	cat >"$dir/ssh" <<-END
		#!/bin/sh
		[ "\$1 \$2 \$3" = "-p 2222 root@127.0.0.1" ] || exit 255
		PATH=$root/build:\$PATH exec sh -c "\$4"
	END
	chmod +x "$dir/ssh"
	mkdir -p "$b"
	start "$a" --mem 64M && go "$a" --to ssh://root@127.0.0.1 --ssh "$dir/ssh -p 2222" \
		--receive-arg "--replace=$a=$b" && await_run &&
		[ "$(state "$b")" = running ] && [ "$(state "$a")" = postmigrate ] && ok=0
	over $ok "the receiver is started over ssh"
}

no_receiver() {
	local ok=1
	start "$a" && port=1 && ! run "$a" && grep -q 'cannot reach' "$a/run.err" &&
		[ "$(state "$a")" = running ] && ok=0
	over $ok "no receiver: one line, the guest runs on"
}

begin 15
move_stopped "relay, memfd: every page is there" memfd --verify
move_stopped "relay, anonymous RAM: every page is there" anon --verify
move_stopped "relay, eight streams: every page is there" memfd --streams 8
zeroes_take_none
secure=(--insecure)
move_stopped "QEMU's own engine, same orchestration, without encryption" memfd --engine qemu
secure=(--psk-file "$dir/psk")
fault "kill -9 of the receiver" receiver
fault "kill -9 of the destination QEMU" qemu
fault "kill -9 of the source" source
fault "SIGINT" int
slow_destination
over_ssh
no_receiver
one_line 3 "no-such-guest" run --vm no-such-guest --to 127.0.0.1
result $? "unknown guest"
one_line 2 "--to" run --vm x
result $? "missing option"
one_line 2 "frobnicate" frobnicate
result $? "unknown command"
finish
