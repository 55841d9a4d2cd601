#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The unit tests that have threads, built with the thread sanitizer.
set -u
. "$(dirname "$0")/common.sh"
dir=build/tsan
tests=$(unit_tests 'pthread|fakeqmp|tlspeer')
prefix=''

plan "$(wc -w <<<"$tests")"
# gcc 12's gives up where the kernel spreads addresses over more bits than it knows.
can_run thread || prefix="setarch -R"
# shellcheck disable=SC2086
if ! can_run thread $prefix; then
	for t in $tests; do
		skip "threads: $t" "programs with the thread sanitizer do not start here"
	done
	finish
fi
# shellcheck disable=SC2046
build $dir -fsanitize=thread $(printf "$dir/selftests/unit/%s " $tests)
for t in $tests; do
	# shellcheck disable=SC2086
	check "threads: $t" $prefix $dir/selftests/unit/"$t"
done
finish
