#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The pause in parts, as `run` reports it: against the gap that somebody outside of the guest sees
# in its ticks, with clocks that are known to differ, and with destinations that know nothing of
# clocks.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
trap 'kill $recorder 2>/dev/null; cleanup' EXIT
recorder='' waited=0

# Every case: the report of a move that went well, whose parts are what the whole is made of.
move() { # ARGUMENT-OF-RUN...
	start "$a" --mem 64M && mkdir -p "$b" && : >"$b/ticks" || return 1
	"$guest/ticks" --gap 100000 "$a/ticks" "$b/ticks" >"$dir/gaps" &
	recorder=$!
	local before rc
	receive "$a" "$b" && via && before=$(starved $recorder) && run "$a" "$@" && sleep 0.3
	rc=$?
	waited=$(starved $recorder "$(qemu_of "$b")" | awk "{ print \$1 - ${before:-0} }")
	kill $recorder
	wait $recorder 2>/dev/null
	echo "# $(jq -c '.pause | .parts |= map({(.name): .took_ms}) ' "$a/run.json")"
	[ $rc = 0 ] && [ "$(state "$b")" = running ] && says "$PARTS"
}

# For how many ms threads of these processes were runnable and had no CPU, since they began.
starved() { # PID...
	local p
	for p in "$@"; do cat "/proc/$p/task/"*/schedstat; done |
		awk '{ ns += $2 } END { print ns / 1e6 }'
}

via() { :; } # what is between the two ends

# shellcheck disable=SC2016 # jq's
PARTS='.pause | (reduce .parts[] as $p ({ok: true, at: 0};
		.ok = (.ok and ($p.at_ms - .at | fabs) < 0.001 and $p.took_ms >= 0) |
		.at += $p.took_ms)) as $sum |
	$sum.ok and .total_ms > 0 and ($sum.at - .total_ms | fabs) < 0.001'

says() { # FILTER [ARGUMENT OF JQ...]
	jq -e "${@:2}" "$1" "$a/run.json" >/dev/null && return 0
	echo "# not so: $1"
	return 1
}

names() { # NAME...: and no others
	says '.pause.parts | map(.name) == $ARGS.positional' --args "$@"
}

over() { # STATUS NAME
	[ "$1" = 0 ] || errors
	end "$a" "$b"
	rm -rf "$a" "$b"
	result "$1" "$2"
}

# Both ends on this machine have one clock, so the offset is known: SECONDS.
clocks() { # SECONDS
	says '.pause | .clock_error_ms < 5 and .destination_unknown_because == null and
		(.clock_offset_ns - $s * 1000000000 | fabs) <= .clock_error_ms * 1000000' \
		--argjson s "$1"
}

# The ticks' gap has up to 5 ms of the guest's work in it, and the time to see and schedule it.
# Until its vCPUs have stopped the guest ticks.
ticked() {
	local gap
	gap=$(sed -n 's/.*handover_ms=\([0-9.]*\).*/\1/p' "$dir/gaps")
	echo "# the guest's ticks stood still for $gap ms; for $waited ms there was no CPU"
	# A part is until something is known, and the guest runs before QEMU has said that it does;
	# but it isn't given a CPU at once where others want it, too, and nor is who looks on.
	says 'def part($names): [.parts[] | select([.name] | inside($names)).took_ms] | add // 0;
		.pause | .total_ms - part(["stop", "resume", "answer"]) <= $gap + 5 and
		$gap <= .total_ms + 500 + $waited' --argjson gap "${gap:-null}" \
		--argjson waited "$waited"
}

joined() {
	move && clocks 0 && ticked &&
		says '.pause.parts | map(.name) - ["stop"] == ["sync", "pages", "devices", "apply",
			"load", "loaded said", "settle", "go", "resume"]' &&
		says '[.pause.parts[] | select(.side == "destination").name] ==
			["apply", "load", "go", "resume"]'
	over $? "the parts add up to what the guest's ticks show"
}

verified() {
	move --verify && clocks 0 && ticked &&
		says '.pause.parts | map(.name) - ["stop"] == ["sync", "pages", "devices", "apply",
			"load", "loaded said", "verify", "settle", "go", "resume"] and
			all(.took_ms >= 0) and (.[] | select(.name == "verify").took_ms > 0)'
	over $? "comparing pages is a part"
}

own_engine() {
	local secure=(--insecure)
	move --engine qemu && clocks 0 && ticked &&
		says '.pause.parts | map(.name) - ["stop"] ==
			["sync", "load", "loaded said", "settle", "go", "resume"]'
	over $? "QEMU's own data path: the parts that are seen"
}

# A host that was booted 12345 s earlier.
other_clock() {
	local there=(unshare --time --fork --kill-child --monotonic 12345)
	move && clocks 12345 && ticked
	over $? "a destination whose clock is another"
}

# Between the ends: PING of the source's arrives without what it asks.
forgetful() {
	python3 - "$address" "$port" "$dir/port" <<-'END' &
	import socket, struct, sys, threading
	to, s = (sys.argv[1], int(sys.argv[2])), socket.socket()
	s.bind((to[0], 0)); s.listen(8)
	def full(c, n):
	    got = b""
	    while len(got) < n:
	        more = c.recv(n - len(got))
	        if not more: raise EOFError
	        got += more
	    return got
	def pump(a, b, forgets):
	    try:
	        while True:
	            head = full(a, 32)
	            op, n = struct.unpack("<HI", head[6:12])
	            body = full(a, n)
	            if not (forgets and op == 20 and n): b.sendall(head + body)
	    except (EOFError, OSError): pass
	    for c in a, b:
	        try: c.shutdown(socket.SHUT_RDWR)
	        except OSError: pass
	open(sys.argv[3], "w").write(str(s.getsockname()[1]))
	while True:
	    a, _ = s.accept()
	    b = socket.create_connection(to)
	    for c in a, b: c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	    threading.Thread(target=pump, args=(a, b, True), daemon=True).start()
	    threading.Thread(target=pump, args=(b, a, False), daemon=True).start()
	END
	helper=$!
	until [ -s "$dir/port" ]; do sleep 0.05; done
	port=$(cat "$dir/port")
	rm "$dir/port"
}

silent() {
	local secure=(--insecure) # to what is between
	via() { forgetful; }
	move && ticked && says '.pause.clock_error_ms == null and .pause.clock_offset_ns == null and
		(.pause.destination_unknown_because | contains("its clock"))' &&
		says '.pause.parts | map(.name) - ["stop"] == ["sync", "pages", "devices",
			"loaded said", "settle", "answer"] and all(.side == "source")'
	over $? "a destination that does not answer for its clock: its parts are unknown"
	kill $helper
	wait $helper 2>/dev/null
	helper=''
	via() { :; }
}

# A guest that stood already has no pause.
paused() {
	local ok=1
	start "$a" --mem 64M && "$guest/qmp" "$a/mon.sock" stop >/dev/null &&
		receive "$a" "$b" && run "$a" && says '.pause == null' && ok=0
	over $ok "a guest that stood before: no pause"
}

begin 6
joined
verified
own_engine
if unshare --time --fork true 2>/dev/null; then
	other_clock
else
	skip "a destination whose clock is another" "no time namespaces here"
fi
silent
paused
finish
