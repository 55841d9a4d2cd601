#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmarks' machinery: one short section of `dirty`, and a short `hold`, in a test host.
# What they find is not judged here, but that the verdicts are those that the figures ask for.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../build/selftests/bench
. "$here/../ktap.sh"

measure() { # COMMAND [ARGUMENT...]
	"$@" >"$out/said" 2>"$out/said.err"
	echo $? >"$out/status"
	[ "$(cat "$out/status")" -le 1 ] || { cat "$out/said.err"; return 1; }
}

# jq 1.6 is content with no input at all.
holds() { [ -s "$out/said" ] && jq -e "$1" "$out/said" >/dev/null || { cat "$out/said"; return 1; }; } # FILTER

# A command that must fail with one line.
refuses() { # STATUS REGEX COMMAND [ARGUMENT...]
	local wanted=$1 regex=$2 said rc
	shift 2
	said=$("$@" 2>&1)
	rc=$?
	[ $rc = "$wanted" ] && [ "$(wc -l <<<"$said")" = 1 ] && grep -q -E -- "$regex" <<<"$said" ||
		{ echo "$rc: $said"; return 1; }
}

agrees() { # The exit status is what was missed.
	holds "([.rows[] | select(.held | not)] | length) == .missed and
		(.missed == 0) == ($(cat "$out/status") == 0)"
}

plan 11
mkdir -p "$out"
check "dirty measures in a test host" measure "$here/dirty" -k 6.1 --count --quick --json shares
check "a verdict for each row, by its ratio" holds '.rows | length == 2 and
	all(.wanted > 1 and .held == (.ratio <= .wanted) and .low <= .ratio and .ratio <= .high)'
check "1:2:4:8 seen within 5 %, observed and driven" holds '.rows | length > 0 and all(.held)'
check "the exit status is what was missed" agrees
check "an unknown section: one line, exit 2" refuses 2 'observe, drive' "$here/dirty" nonsense
check "an unknown kernel: one line, exit 2" refuses 2 '6\.1' "$here/dirty" -k 5.10
check "hold measures in a test host" measure "$here/hold" --count --quick --json
check "a verdict for each row, by what it found" holds '.rows | length == 4 and
	all(.held == (.ours <= .wanted * .theirs)) and ([.[] | select(.pairs == 1)] | length == 2)'
check "the exit status is what was missed" agrees
check "an unknown option: one line, exit 2" refuses 2 '--than' "$here/hold" nonsense
check "no such module: one line, exit 2" refuses 2 'a module' "$here/hold" --than /nowhere
finish
