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

# Of the pause the vCPU has been asleep in QEMU, but for the way there, on a CPU that others want.
pause() {
	says "$JQ"'of("switchover") as $p | .pause.total_ms as $t |
		([.pause.parts[] | select(.name == "stop").took_ms] | add // 0) as $stop |
		($p | map(.stalled_ms) | add) as $all |
		$all <= $t + 1 and $all >= 0.95 * ($t - $stop) and ($p | by("stopped")) >= 0.8 * $all'
}

moves() {
	start "$a" --mem 32M --accel kvm --param ws=1M --param rate=0 --param status=50 &&
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
	echo "# the guest has missed $missed ms; $(jq -c '.impact, .times' "$a/run.json" | tr '\n' ' ')"
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
}

in_host() { # KERNEL
	local rc
	"$here/../vm/kernels" "$1" >&2 || exit 1
	"$here/../vm/host" --kernel "$1" --accel tcg-count --cores 1 --timeout 1200 -- \
		"$0" inside "$1" "$nr"
	rc=$? nr=$((nr + 4))
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
begin $((5 * $(wc -w <<<"$kernels")))
make -s -C "$root" faults >&2 || exit 1
for kernel in $kernels; do in_host "$kernel"; done
finish
