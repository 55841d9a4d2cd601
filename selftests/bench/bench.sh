#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark's machinery: one short section in a test host. What it finds is not judged
# here, but that its verdicts are those that its figures ask for.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../build/selftests/bench
. "$here/../ktap.sh"

measure() {
	"$here/dirty" -k 6.1 --count --quick --json shares >"$out/said" 2>"$out/said.err"
	echo $? >"$out/status"
	[ "$(cat "$out/status")" -le 1 ] || { cat "$out/said.err"; return 1; }
}

# jq 1.6 is content with no input at all.
holds() { [ -s "$out/said" ] && jq -e "$1" "$out/said" >/dev/null || { cat "$out/said"; return 1; }; } # FILTER

# A command that must fail with one line.
refuses() { # STATUS REGEX ARGUMENT...
	local wanted=$1 regex=$2 said rc
	shift 2
	said=$("$here/dirty" "$@" 2>&1)
	rc=$?
	[ $rc = "$wanted" ] && [ "$(wc -l <<<"$said")" = 1 ] && grep -q -E -- "$regex" <<<"$said" ||
		{ echo "$rc: $said"; return 1; }
}

plan 6
mkdir -p "$out"
check "it measures in a test host" measure
check "a verdict for each row, by its ratio" holds '.rows | length == 2 and
	all(.wanted > 1 and .held == (.ratio <= .wanted) and .low <= .ratio and .ratio <= .high)'
check "1:2:4:8 seen within 5 %, observed and driven" holds '.rows | length > 0 and all(.held)'
check "the exit status is what was missed" holds \
	"([.rows[] | select(.held | not)] | length) == .missed and
	(.missed == 0) == ($(cat "$out/status") == 0)"
check "an unknown section: one line, exit 2" refuses 2 'observe, drive' nonsense
check "an unknown kernel: one line, exit 2" refuses 2 '6\.1' -k 5.10
finish
