#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace faults, against a guest that touches known pages for the first time, in a test
# host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PROBES=4

inside() {
	cd "$(mktemp -d)" || exit 1
	# Another guest does the same meanwhile, and isn't counted.
	during() { echo | "$out/toucher" 400 >/dev/null; }
	traced touched faults $PROBES "$out/toucher" 4000
	during() { :; }
	# Writes to pages that are protected are no first touches.
	traced tracked faults $PROBES "$out/dirtier" rounds 1000 3
	killed_tracer faults "$out/toucher" 4
	listed list faults
}

JQ='def of($what): [.rows[] | select(.what == $what and .vcpu != null)] | sort_by(.vcpu);
	def guest: of("guest'\''s fault on an unmapped page");
	def inner: of("in it, VMM'\''s memory faulted in");
	def own: .rows[] | select(.what == "VMM'\''s own page fault" and .vcpu == null);'

of_guest() { # FILTER
	holds touched "$JQ $1" --argjson g "$(said_of touched-guest | grep . || echo null)"
}

judge() { # KERNEL
	check "$1 each first touch of each vCPU is counted, once" of_guest \
		'.lost == 0 and (guest | map(.count)) == $g.pages'
	check "$1 each is timed, within the time that it took" of_guest \
		'guest | map(.timed == .count and .sum_ns > 0 and .sum_ns <= $g.guest_ns and
		.timed == ([.histogram[].count] | add)) | all'
	check "$1 where there was no memory it was faulted in" of_guest '(inner | map(.count)) ==
		[$g.pages[0] - $g.there[0], $g.pages[1] - $g.there[1]]'
	check "$1 which is a part of that time" of_guest '[guest, inner] | transpose |
		map(.[1].timed == .[1].count and .[1].sum_ns > 0 and .[1].sum_ns < .[0].sum_ns) | all'
	# A few more while it ends.
	check "$1 the VMM's own are counted as the kernel does" of_guest \
		'$g.faults >= $g.own and (own | .count >= $g.faults and .count <= $g.faults + 30)'
	check "$1 and timed" of_guest 'own | .timed == .count and .sum_ns > 0 and
		.sum_ns <= $g.own_ns + $g.guest_ns'
	check "$1 writes to protected pages are none" holds tracked "$JQ"'
		[guest[].count] | (add // 0) < 100'
	check "$1 it ends with its guest, quietly" equals touched-left "0 "
	check "$1 while it runs its programs are there" equals attached $PROBES
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 this one lacks nothing" holds list '.works and .lacks == ""'
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
on_kernels faults 11
