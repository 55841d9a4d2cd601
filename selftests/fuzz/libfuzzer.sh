#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# libFuzzer on the parsers of what the network and QEMU say, from the same seeds as fuzz.sh,
# SECONDS_EACH long (20). Unlike there its input is not the same every time: what it finds is
# left in build/libfuzzer/TARGET.*, to be given to build/asan/selftests/fuzz/TARGET.
set -u
. "$(dirname "$0")/../sanitize/common.sh"
seconds=${SECONDS_EACH:-20} dir=build/libfuzzer seeds=build/asan/selftests/fuzz
read -r -a targets <<<"${TARGETS:-allow mainchan multifd pack qmp tls wire}"

fuzz() { # TARGET
	rm -rf "$dir/corpus/$1" "$dir/$1".*
	mkdir -p "$dir/corpus/$1" && "$seeds/$1" -w "$dir/corpus/$1" >/dev/null &&
		"$dir/selftests/libfuzzer/$1" -max_total_time="$seconds" -max_len=32768 -timeout=10 \
			-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$dir/$1." \
			"$dir/corpus/$1" >"$dir/$1.log" 2>&1
}

# How much it has tried and reached; a fuzzer that is stuck at the first check has not tested much.
tried() { # TARGET
	local runs
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$1.log")
	echo "# ${runs:-no} inputs$(grep -o ' cov: .*corp: [0-9]*' "$dir/$1.log" | tail -1)"
	[ "${runs:-0}" -gt 1000 ]
}

build build/asan "-fsanitize=address,undefined -fno-sanitize-recover=all" fuzz
build $dir "-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" CC=clang \
	"${targets[@]/#/$dir/selftests/libfuzzer/}"
can_run address || export ASAN_OPTIONS=detect_leaks=0
plan ${#targets[@]}
for t in "${targets[@]}"; do
	fuzz "$t"
	rc=$?
	[ "$rc" = 0 ] || tail -n 30 "$dir/$t.log" | sed 's/^/# /'
	[ "$rc" = 0 ] && tried "$t"
	result $? "libFuzzer, $seconds s: $t"
done
finish
