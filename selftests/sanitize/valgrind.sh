#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The unit tests as they are, in valgrind: it sees reads of uninitialised memory and what
# libraries do with ours, which the sanitizers do not.
set -u
. "$(dirname "$0")/common.sh"
tests=$(unit_tests)

plan "$(wc -w <<<"$tests")"
if ! command -v valgrind >/dev/null; then
	for t in $tests; do
		skip "valgrind: $t" "there is no valgrind"
	done
	finish
fi
make -s unit-tests >&2 || exit 1
for t in $tests; do
	check "valgrind: $t" env KM_SEEDS=1 valgrind -q --error-exitcode=99 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect build/selftests/unit/"$t"
done
finish
