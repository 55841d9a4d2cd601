#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmarks' machinery: two sections of `dirty`, a `hold` and a `trace`, all short, in
# test hosts; and the ledger's and that of MSG_ZEROCOPY, here.
# What they find is not judged here, but that their verdicts are those that the figures ask for
# (unit/verdict.c has the rule).
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../build/selftests/bench
. "$here/../ktap.sh"

measure() { # COMMAND [ARGUMENT...]
	"$@" >"$out/said" 2>"$out/said.err"
	echo $? >"$out/status"
	[[ $(cat "$out/status") =~ ^[014]$ ]] || { cat "$out/said.err"; return 1; }
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

# Of rows that have one.
by_interval='.verdict == if .high <= .wanted then "held" elif .low > .wanted then "not held"
	else "can'"'"'t tell" end'
summed_up() {
	holds "([.rows[] | select(.verdict == \"not held\")] | length) == .missed and
		([.rows[] | select(.verdict == \"can't tell\")] | length) == .untold and
		$(cat "$out/status") == if .missed > 0 then 1 elif .untold > 0 then 4 else 0 end"
}

plan 21
mkdir -p "$out"
check "dirty measures shares in a test host" measure "$here/dirty" --count --quick --json -k 6.1 shares
check "a verdict for each row, by its interval" holds ".rows | length == 2 and
	all(.wanted > 1 and .low <= .ratio and .ratio <= .high and $by_interval)"
check "1:2:4:8 seen within 5 %, observed and driven" holds \
	'.rows | length > 0 and all(.verdict == "held")'
check "the exit status is what was missed, or can't be told" summed_up
check "it observes, and unloads the module for what it compares with" measure \
	"$here/dirty" --count --quick --json -k 6.12 observe
# Instructions differ by less than the precision that is asked of the control, even so few; but
# two pairs may well differ by more than the tenth of it to which they must be alike.
check "the control has no verdict, the others have theirs if it holds" holds ".rows |
	length == 3 and (.[0] | has(\"verdict\") | not) and (.[0] | .low > 0.99 and .high < 1.01) and
	(.[0].low <= 1.001 and .[0].high >= 0.999) as \$alike | .[1:] | all(.wanted == 1.03 and
	if \$alike then $by_interval else .verdict == \"can't tell\" end)"
check "the exit status is what was missed, or can't be told, again" summed_up
check "an unknown section: one line, exit 2" refuses 2 'observe, drive' "$here/dirty" nonsense
check "an unknown kernel: one line, exit 2" refuses 2 '6\.1' "$here/dirty" -k 5.10
check "hold measures in a test host" measure "$here/hold" --count --quick --json
check "a verdict for each row, by what it found" holds ".rows | length == 4 and
	all($by_interval) and ([.[] | select(.pairs == 1)] | length == 2)"
check "the exit status is what was missed, or can't be told, of holds" summed_up
check "trace measures in a test host" measure "$here/trace" --count --quick --json
# What it costs a guest at work, a hundredth or so, two pairs can't tell from nothing.
check "tracing costs an exit something" holds ".rows | length == 12 and
	([.[] | select(has(\"verdict\"))] | length == 2 and all(.wanted == 1.02 and $by_interval)) and
	([.[] | select(.row | test(\"^an exit, .*, traced\"))] | length == 4 and all(.low > 1))"
check "the exit status is what was missed, or can't be told, of traces" summed_up
check "an unknown option: one line, exit 2" refuses 2 '--than' "$here/hold" nonsense
check "no such module: one line, exit 2" refuses 2 'a module' "$here/hold" --than /nowhere
check "the ledger of a move is measured up to 1 TiB" measure make -s -C "$here/../.." bench-ledger \
	BENCH=--json
check "it takes at most 0.6 % of the guest's memory" holds \
	'.page_bytes > 16 and .page_bytes <= 0.006 * 4096 and (.sizes | length) == 4'
# Not by make, which has an exit status of its own.
make -s -C "$here/../.." build/selftests/bench/zerocopy >&2
check "MSG_ZEROCOPY is measured over two links" measure "$here/zerocopy" --json --quick
check "it is worth having where a row says so" holds "(.rows | length == 4 and all(.pairs == 3)) and
	$(cat "$out/status") == if any(.rows[]; .cpu_ratio < 0.9) then 1 else 0 end"
finish
