#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The unit tests, built with the address, leak and undefined-behaviour sanitizers.
set -u
. "$(dirname "$0")/common.sh"
dir=build/asan
tests=$(unit_tests)

build $dir "-fsanitize=address,undefined -fno-sanitize-recover=all" unit-tests
export UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1
if ! can_run address; then
	echo "# no leak check: the sanitizer may not stop its threads here (ptrace)"
	ASAN_OPTIONS+=:detect_leaks=0
fi
plan "$(wc -w <<<"$tests")"
for t in $tests; do
	check "address and undefined behaviour: $t" $dir/selftests/unit/"$t"
done
finish
