#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A working guest goes to and fro between two test hosts under KVM, on both kernels.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
moves=${MOVES:-4} nr=0 failed=0

echo "TAP version 13"
echo "1..2"
make -s -C "$here/../guest" >&2 || exit 1
for kernel in 6.1 6.12; do
	nr=$((nr + 1))
	if "$here/../vm/kernels" $kernel >&2 &&
		"$here/../vm/pair" --kernel $kernel --timeout 900 -- \
			"$here/side flat $moves" "$here/side flat $moves" | sed 's/^/# /'; then
		echo "ok $nr $kernel: $moves moves of a working guest, no page wrong"
	else
		echo "not ok $nr $kernel: $moves moves of a working guest, no page wrong"
		failed=1
	fi
done
exit $failed
