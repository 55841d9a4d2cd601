#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each parser of foreign bytes on damaged input, with the sanitizers; the same input every
# time.  INPUTS and SEED make it longer and other.
set -u
. "$(dirname "$0")/../sanitize/common.sh"
dir=build/asan
targets=$(for t in selftests/fuzz/*.c; do basename "$t" .c; done | grep -vx driver)

build $dir "-fsanitize=address,undefined -fno-sanitize-recover=all" fuzz
can_run address || export ASAN_OPTIONS=detect_leaks=0
plan "$(wc -w <<<"$targets")"
for t in $targets; do
	check "fuzz: $t" $dir/selftests/fuzz/"$t" -n "${INPUTS:-20000}" -s "${SEED:-1}"
	echo "# $said"
done
finish
