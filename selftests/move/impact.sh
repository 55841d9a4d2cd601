#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest-impact ledger, as `run --trace` reports it, against what a working guest has missed
# by its own clock: in a test host whose one CPU everybody wants, and whose clock stands still
# while the host itself has none (../vm/qemu.sh).
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
kernels=${KERNELS:-6.1 6.12}

says() { # FILTER [ARGUMENT OF JQ...]
	jq -e "${@:2}" "$1" "$a/run.json" >/dev/null && return 0
	echo "# not so: $1"
	return 1
}

# The guest asks its clock each time that its work loop comes round, and says so each 50 ms.
stalled() { "$guest/status" "$a" stalled_ms; }

# From the first page to the last line that the guest says here. What it misses after that is
# in the ledger, and is not to be seen here: the ledger may have more.
# shellcheck disable=SC2016 # jq's
JQ='def of($phase): [.impact.vcpus[].phases[] | select(.phase == $phase)];
	def by($cause): map(.by_cause_ms[$cause] // 0) | add;'

precopy() {
	says "$JQ"'.impact.on and .impact.lost == 0 and (.impact.vcpus | length) == 1 and
		(of("precopy") | map(.stalled_ms) | add) >= 0.95 * $g' --argjson g "$missed" &&
		says "$JQ"'.impact.vcpus | all((.unexplained_ms | fabs) < 1)'
}

causes() {
	says "$JQ"'of("precopy") | by("no-cpu") > 0 and by("page-tracking") > 0 and
		by("throttled") == 0'
}

# In the pause the vCPU has been asleep in QEMU, but on its way there, on a CPU that others want. The
# source hears that the guest runs when it has been resumed, and that may be before it is entered.
pause() {
	says "$JQ"'of("switchover") as $p | .pause.total_ms as $t |
		([.pause.parts[] | select(.name == "stop").took_ms] | add // 0) as $stop |
		([.pause.parts[] | select(.name == "resume").at_ms] | add) as $resumed |
		($p | map(.stalled_ms) | add) as $all |
		$all <= $t + 1 and $all >= 0.95 * ($resumed - $stop) and ($p | by("stopped")) >= 0.5 * $all and
		($p | by("stopped") + by("no-cpu")) >= 0.95 * $all'
}

# The guest runs there, is seen to, and the pause lasts until it does. Its second vCPU has been
# asleep since the firmware has looked at it.
arrives() {
	# shellcheck disable=SC2016
	says '.arrival | .on and .lost == 0 and (.vcpus | length) == 2 and (.vcpus[0] |
		.entered_at_ms > 0 and .first_stay_ms > 0 and (.first_exit | length) > 0 and
		.stalled_ms <= 1001 and (.unexplained_ms | fabs) < 1)' &&
		says '.pause.parts[-1].name == "entry" and
			(.pause.total_ms - .arrival.vcpus[0].entered_at_ms | fabs) < 0.001' &&
		says '.arrival.vcpus[1] | .entered_at_ms == null and .first_exit == null and
			.stalled_ms < 20 and (.unexplained_ms | fabs) < 1'
}

# What it has missed in its first 0.9 s there, from its first line on, by its own clock, which
# stands still while it misses some.
missed_there() {
	tr -d '\r' <"$b/serial.log" | awk '/^flat: tick=.*stalled_ms=/ {
		for (i = 1; i <= NF; i++) { split($i, kv, "="); v[kv[1]] = kv[2] }
		if (!n++) { up = v["up_ms"]; stalled = v["stalled_ms"] }
		if (v["up_ms"] - up + v["stalled_ms"] - stalled <= 900) last = v["stalled_ms"] - stalled
	} END { print last + 0 }'
}

first_second() {
	local there
	there=$(missed_there)
	echo "# in its first 0.9 s there the guest has missed $there ms"
	[ "$there" -gt 50 ] &&
		says '.arrival.vcpus[0].stalled_ms >= 0.95 * $g and
			.arrival.vcpus[0].by_cause_ms["no-cpu"] > 0' --argjson g "$there"
}

moves() {
	start "$a" --mem 32M --vcpus 2 --accel kvm --param ws=1M --param rate=0 --param status=50 &&
		receive "$a" "$b" --peer-timeout 60s || { errors; return 1; }
	"$guest/status" "$a" --progress 120 >/dev/null || return 1
	# It stops itself when the first page may go.
	KM_FAULT=set-up go "$a" --to "$address:$port" --trace --peer-timeout 60s
	until [[ $(cat "/proc/$mover/stat") == *") T "* ]]; do
		kill -0 "$mover" || return 1
		sleep 0.1
	done
	sleep 0.5 # until it has said all that it has missed before
	missed=-$(stalled)
	kill -CONT "$mover"
	await_run || { errors; return 1; }
	missed=$(($(stalled) + missed))
	echo "# the guest has missed $missed ms; $(jq -c '.impact, .arrival, .times, .pause' "$a/run.json" | tr '\n' ' ')"
	"$guest/status" "$b" --progress 120 >/dev/null
}

inside() { # KERNEL
	moves && [ "$missed" -gt 100 ]
	result $? "$1 a guest at work is moved, and misses something"
	precopy
	result $? "$1 the causes add up to at least 95 % of that"
	causes
	result $? "$1 others had its CPU, and its writes were seen"
	pause
	result $? "$1 the pause is its vCPU's stop"
	arrives
	result $? "$1 it is in the guest at the end of the pause"
	first_second
	result $? "$1 the first second there: the causes add up to at least 95 %"
}

in_host() { # KERNEL
	local rc
	"$here/../vm/kernels" "$1" >&2 || exit 1
	"$here/../vm/host" --kernel "$1" --accel tcg-count --cores 1 --timeout 1200 -- \
		"$0" inside "$1" "$nr"
	rc=$? nr=$((nr + 6))
	[ $rc = 0 ] || failed=1
	[ $rc != 90 ]
	result $? "$1 the host's kernel does not complain"
}

km=$root/build/faults/kmigrate
if [ "${1:-}" = inside ]; then
	nr=$3
	inside "$2"
	exit $failed
fi
begin $((7 * $(wc -w <<<"$kernels")))
make -s -C "$root" faults >&2 || exit 1
for kernel in $kernels; do in_host "$kernel"; done
finish
