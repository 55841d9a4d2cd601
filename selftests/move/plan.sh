#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a move is foretold to be, and beside it what it was: `plan --vm` of a working guest, `run
# --plan` and `run --predict`, and `plan --accuracy` over their reports; and what is refused before
# anything is touched.
#
# How true it is depends on what else the machine does, so no time and no pause is asserted: that
# is `make bench-plan`. What is asserted of bytes is what can't be otherwise: of RAM, half of
# which is random, at least that has to be sent.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
reports=$dir/reports plan=$dir/plan.json
link=(--link 400Mbit)
mkdir "$reports"

working_guest() { start "$a" --mem 64M --param ws=4M --param rate=500; }

# FOUND is what it printed.
holds() { jq -e "$1" <<<"$found" >/dev/null || { jq -c . <<<"$found" | head -c 3000; return 1; }; } # FILTER

# Ranges in the right order, of a guest that can be moved.
ranges='def ordered: .low <= .likely and .likely <= .high and .low > 0;
	.can_be_moved and (.total_ms | ordered) and (.pause_ms | ordered) and (.wire_bytes | ordered)'

plans() {
	found=$("$km" plan --vm "$a/qmp.sock" "${link[@]}" --seconds 2 --json) || return 1
	echo "$found" >"$plan"
	holds '.kmigrate_plan == 2 and .vm == "'"${dir##*/}"'" and .ram_bytes == 67108864 and
		(.uuid | length) == 36 and (.guest | length) > 0 and
		([.guest[].pages] | add) * 4096 >= .ram_bytes and
		(now - .taken_s | . >= 0 and . < 300)' && holds ".prediction | $ranges"
}

# A move with a prediction, whose report goes to REPORTS/NAME.json.
moves() { # NAME ARGUMENT...
	local name=$1 rc
	shift
	receive "$a" "$b" || return 1
	run "$a" "$@"
	rc=$?
	found=$(cat "$a/run.json")
	cp "$a/run.json" "$reports/$name.json"
	[ $rc = 0 ] && [ "$(state "$b")" = running ] && [ ! -s "$a/run.err" ] && holds ".prediction | $ranges"
}

# The guest has 64 MiB, and what is foretold to be sent is no more than a few times of it.
by_plan() {
	local ok=1
	if moves by-plan --plan "$plan" --max-pause 300ms --deadline 10m --streams 3 --verify; then
		holds '.outcome == "moved" and .times.total_ms > 0 and .counters.wire_bytes > 0 and
			.verify.passed and .streams == 3 and
			.prediction.link_by == "by the plan" and .prediction.age_s >= 0 and
			(.prediction.link_bytes_per_s - 50e6 | fabs) < 1 and
			.prediction.goal == {max_pause_ms: 300, deadline_ms: 600000} and
			.prediction.wire_bytes.likely > 1e6 and
			.prediction.wire_bytes.likely < 4 * .ram_bytes' && ok=0
	fi
	[ $ok = 0 ] || errors
	end "$a" "$b"
	rm -rf "$a" "$b"
	result $ok "run --plan: what was foretold and what it was, in one report"
}

# By a look of its own, over a link that --bandwidth says, as text: on stderr before the move, in
# the report beside the outcome.
by_look() {
	local ok=1
	if working_guest && receive "$a" "$b"; then
		"$km" run --vm "$a/qmp.sock" --to "$address:$port" "${secure[@]}" --predict 1 \
			--streams 2 --bandwidth 400Mbit >"$a/run.out" 2>"$a/run.err" &&
			[ "$(state "$b")" = running ] &&
			grep -q "^looking at the guest's memory for 1 s$" "$a/run.err" &&
			grep -q '^link  *47.7 MiB/s, by --bandwidth; 2 streams$' "$a/run.err" &&
			grep -q '^goal  *a pause of 100 ms: ' "$a/run.err" &&
			grep -q '^  foretold  *for a link of 47.7 MiB/s, by --bandwidth; ' "$a/run.out" &&
			[ "$(grep -cE '^    (total time|pause|on the wire|CPU (here|there)) .* (inside|above|below)$' "$a/run.out")" = 5 ] &&
			ok=0
	fi
	[ $ok = 0 ] || { errors; sed 's/^/# /' "$a/run.out"; }
	end "$a" "$b"
	rm -rf "$a" "$b"
	result $ok "run --predict: told before the move, and beside what it was"
}

# A deadline that can't be met is foretold, and what becomes of the move is judged by it.
hopeless() {
	local ok=1 rc
	if working_guest && receive "$a" "$b"; then
		run "$a" --predict 1 --bandwidth 20Mbit --deadline 2s
		rc=$?
		found=$(cat "$a/run.json")
		cp "$a/run.json" "$reports/hopeless.json"
		[ $rc = 1 ] && [ "$(state "$a")" = running ] &&
			holds '.outcome == "stayed" and (.prediction | .can_be_moved == false and
				.total_ms == null and .needed_bytes_per_s > 2.5e6 and
				.goal.deadline_ms == 2000)' && ok=0
	fi
	[ $ok = 0 ] || errors
	result $ok "a deadline that can't be met is foretold"
}

# SIGINT while it looks, which is long before the move: the guest is where it was.
cancelled() {
	local ok=1 rc
	go "$a" --to 127.0.0.1:1 --predict 600 --link 1Gbit
	for _ in $(seq 100); do
		# Both signals are blocked when it has begun to look.
		grep -q '^SigBlk:.*4002$' "/proc/$mover/status" 2>/dev/null && break
		sleep 0.1
	done
	kill -INT "$mover"
	await_run
	rc=$?
	[ $rc = 130 ] && [ "$(state "$a")" = running ] && grep -q ': cancelled$' "$a/run.err" && ok=0
	[ $ok = 0 ] || { echo "# exit $rc"; errors; }
	result $ok "SIGINT while it looks at the guest"
}

sums_up() {
	found=$("$km" plan --accuracy "$reports" --json 2>"$dir/accuracy.err") || return 1
	[ ! -s "$dir/accuracy.err" ] &&
		holds '.moves == 2 and .compared == 1 and .judged == 2 and .right == 2 and
			.otherwise == 0 and .bad_files == 0 and .others == 0 and
			.total_ms.moves == 1 and .pause_ms.moves == 1 and .wire_bytes.moves == 1 and
			(.worst | length) == 1 and .worst[0].file == "by-plan.json"' || return 1
	# The error, by another's reckoning.
	holds "$(jq '(.prediction.total_ms.likely - .times.total_ms) / .times.total_ms * 100 |
		if . < 0 then -. else . end' "$reports/by-plan.json") as \$error |
		(.total_ms.median_error_percent - \$error) * 1e4 | round == 0"
}

# Each of what is wrong is told in a line with its name, and the rest is summed up.
goes_on() {
	local name
	head -c 3000 "$reports/by-plan.json" >"$reports/half.json"
	: >"$reports/nothing.json"
	printf '\033[2Jnonsense' >"$reports/none.json"
	mkdir "$reports/folder.json" && mkfifo "$reports/fifo.json"
	jq -c . "$reports/by-plan.json" "$reports/hopeless.json" >"$reports/lines.json"
	jq '.prediction.pause_ms.low = -1' "$reports/by-plan.json" >"$reports/hostile.json"
	cp "$plan" "$reports/a-plan.json"
	echo "not read" >"$reports/other.txt"
	found=$(timeout 60 "$km" plan --accuracy "$reports" --json 2>"$dir/accuracy.err") || return 1
	holds '.moves == 4 and .judged == 4 and .right == 4 and .bad_files == 6 and .others == 1 and
		([.worst[].file] | index("lines.json")) != null' || return 1
	for name in half nothing none folder fifo hostile; do
		[ "$(grep -c "^kmigrate plan: $name.json: " "$dir/accuracy.err")" = 1 ] ||
			{ echo "$name.json is not told"; cat "$dir/accuracy.err"; return 1; }
	done
	[ "$(wc -l <"$dir/accuracy.err")" = 6 ] && ! grep -q $'\033' "$dir/accuracy.err"
}

none_there() {
	mkdir "$dir/none" && cp "$plan" "$dir/none/plan.json" &&
		one_line 1 'has a report of' plan --accuracy "$dir/none"
}

# Refused with exit status 2; the guest goes on.
not_taken() { # TEXT ARGUMENT...
	local text=$1
	shift
	one_line 2 "$text" run --vm "$a/qmp.sock" --to 127.0.0.1:1 "$@"
}

altered() { # FILTER TEXT
	jq "$1" "$plan" >"$dir/altered.json" && not_taken "$2" --plan "$dir/altered.json"
}

hostile() {
	head -c 2000 "$plan" >"$dir/half.json"
	not_taken 'not JSON, or not all of it' --plan "$dir/half.json" &&
		not_taken 'No such file' --plan "$dir/none.json" &&
		not_taken 'not a plan for a guest' --plan "$reports/by-plan.json" &&
		altered '.kmigrate_plan = 1' 'version 1' &&
		altered '.guest[0].pages = 1e15' 'guest[[]0]' &&
		altered '.guest = []' 'list of 1 to 512' &&
		altered '.link_bytes_per_s = 1e-9' 'out of its range'
}

another_guest() {
	altered '.vm = "another"' 'the plan is of a guest another' &&
		altered '.ram_bytes *= 2' '128 MiB of RAM' &&
		altered '.uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"' 'another UUID'
}

wrong_options() {
	not_taken 'one too many' --plan "$plan" --predict 1 &&
		not_taken '--bandwidth' --link 1Gbit &&
		not_taken 'tell it with --link' --predict 1 &&
		not_taken '--predict takes 1 to 600' --predict 0 &&
		one_line 3 "QEMU's own engine" run --vm "$a/qmp.sock" --to 127.0.0.1:1 --insecure \
			--engine qemu --plan "$plan" &&
		one_line 2 'needs one of' plan --vm "$a/qmp.sock" --accuracy "$reports" &&
		one_line 2 'No such file' plan --accuracy "$dir/nowhere" &&
		one_line 2 '--to takes' plan --vm "$a/qmp.sock" --to 'b:' &&
		one_line 2 'interface lo' plan --vm "$a/qmp.sock" --to 127.0.0.1:4777
}

[ -w /dev/kvm ] || skip_all "there is no KVM here, and a guest under TCG may lose pages by itself"
begin 11
working_guest || exit 1
check "plan --vm: what was seen, and what the move would be like" plans
by_plan
by_look
hopeless
cancelled
check "plan --accuracy: sums up both" sums_up
check "and goes on after what is broken" goes_on
check "plan --accuracy: none there" none_there
check "a plan that is none, or hostile" hostile
check "a plan of another guest" another_guest
check "options that don't go together" wrong_options
finish
