#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A working guest goes to and fro between two test hosts under KVM: Linux with kmigrate.ko loaded, on
# both kernels, and the flat guest, which writes faster, without it.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../ktap.sh"
moves=${MOVES:-10} flat_moves=${MOVES:-2}

moves() { # KERNEL KIND MOVES NAME, then options of pair
	local kernel=$1 kind=$2 moves=$3 name=$4
	shift 4
	# A packet costs an emulated host more than what is in it.
	"$here/../vm/pair" --kernel "$kernel" --timeout 1500 --mtu 60000 "$@" -- \
		"$here/side $kind $moves" "$here/side $kind $moves" | sed 's/^/# /'
	result $? "$kernel: $name, $moves moves, no page wrong"
}

plan 3
make -s -C "$here/../guest" >&2 && "$here/../vm/kernels" 6.12 >&2 || exit 1 # the guest's, too
for kernel in 6.1 6.12; do
	module=$("$here/../vm/kmodule" $kernel) &&
		fakefreq=$("$here/../kmod/fakefreq/build" $kernel) || exit 1
	# One CPU: a Linux guest did not come up in hosts with two, emulated on one thread.
	moves $kernel linux $moves "Linux, with the module" --cores 1 \
		--module "$module" --module "$fakefreq" --env MODULE=1
done
moves 6.12 flat $flat_moves "the flat guest, without the module"
finish
