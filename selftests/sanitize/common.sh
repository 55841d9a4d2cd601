# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Between asan.sh, tsan.sh and valgrind.sh: building and running the unit tests.
cd "$(dirname "$0")/../.." || exit 1
. selftests/ktap.sh
# What make check was called with is not for the make in here.
unset MAKEFLAGS MFLAGS MAKELEVEL
# kselftest's runner preloads stdbuf's library, and ASan insists on being the first.
unset LD_PRELOAD

# One at a time in a folder: asan.sh and fuzz.sh have the same.
build() { # BUILD SANITIZERS TARGET...
	local dir=$1 san=$2
	shift 2
	mkdir -p "$dir"
	flock "$dir/.lock" make -s -j"$(nproc)" BUILD="$dir" CFLAGS='-O1 -g' SAN="$san" "$@" >&2 || exit 1
}

# Whether a program that does nothing runs with it: a container may forbid what a
# sanitizer needs, and that is no fault of ours.
can_run() { # SANITIZER [PREFIX...]
	local dir rc san=$1
	shift
	dir=$(mktemp -d)
	echo 'int main(void) { return 0; }' | ${CC:-cc} "-fsanitize=$san" -x c -o "$dir/nothing" - &&
		"$@" "$dir/nothing" >/dev/null 2>&1
	rc=$?
	rm -rf "$dir"
	return $rc
}

unit_tests() { # [PATTERN]: the names, from the sources: no binary that has none any more
	local t
	for t in selftests/unit/*.c; do
		grep -qE "${1:-.}" "$t" && basename "$t" .c
	done
}
