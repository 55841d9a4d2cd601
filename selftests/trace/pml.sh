#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace dirtying and exits where the CPU logs dirty pages itself (Intel's PML), in a
# Bochs host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/trace/lib.sh
. "$here/lib.sh"

PAGES=3000 ROUNDS=2

run_bochs() { # KERNEL
	local files=() program kvm
	"$root/selftests/vm/kernels" "$1" || return 1
	# That host's own has no type information, which takes long to check there.
	kvm=$(find "$root/build/kernels/$1/root" -name kvm.ko) &&
		objcopy --strip-debug "$kvm" "$out/kvm.$1.ko" || return 1
	for program in "$km" "$out/dirtier"; do files+=(--file "$program:/${program##*/}"); done
	"$root/selftests/vm/bochs" --kernel "$1" --name "trace-pml-${1/./-}" "${files[@]}" \
		--file "$out/kvm.$1.ko:/modules/kvm.ko" --file "$here/pml.inside:/inside" -- \
		/bin/sh /inside $PAGES $ROUNDS >"$log" 2>&1
}

JQ='def counts($q; $what): [.answers[] | select(.question == $q) | .rows[] |
	select(.what == $what)] | sort_by(.vcpu) | map(.count);'

judge() { # KERNEL
	check "$1 every question works" holds list '[.questions[] | .works and .lacks == ""] | all'
	check "$1 nothing is complained of" equals errors 0
	# 512 entries are in a buffer, which other exits empty as well.
	check "$1 full buffers, not more than there can be" holds answers "$JQ"'
		counts("dirtying"; "PML buffer full") as $c | ($c | length) == 2 and
		$c[0] <= ($p / 512 | floor) * $r and $c[1] <= ($p / 2 / 512 | floor) * $r' \
		--argjson p $PAGES --argjson r $ROUNDS
	check "$1 as many as vCPUs left the guest for" holds answers "$JQ"'
		counts("dirtying"; "PML buffer full") == counts("exits"; "pml_full")'
	check "$1 none of the writes is a fault" holds answers "$JQ"'
		counts("dirtying"; "write-protect fault") == []'
	check "$1 each ioctl is counted" holds answers "$JQ"'
		counts("dirtying"; "KVM_GET_DIRTY_LOG") == [$r] and
		counts("dirtying"; "KVM_CLEAR_DIRTY_LOG") == [$r]' --argjson r $ROUNDS
	check "$1 and the pages that they were about" holds answers "$JQ"'
		counts("dirtying"; "page armed again") == [($p + ($p / 2 | floor)) * $r]' \
		--argjson p $PAGES --argjson r $ROUNDS
	check "$1 VMX's reasons have names" holds answers "$JQ"'
		counts("exits"; "io_instruction") | length == 2'
}

command -v bochs-bin >/dev/null || skip_all "no bochs to run test hosts with"
kernels=${KERNELS:-6.1 6.12}
make -s -C "$root" trace-guests >&2 || exit 1
plan $(($(wc -w <<<"$kernels") * 9))
for kernel in $kernels; do
	log=$out/pml.$kernel.log
	check "$kernel a host runs it" run_bochs "$kernel"
	judge "$kernel"
done
finish
