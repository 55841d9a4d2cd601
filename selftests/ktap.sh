# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# KTAP output for the tests that are scripts; ktap.h for scripts. A case is a command
# that succeeds; what it prints stays in $said and is shown when it fails.
nr=0 failed=0 skipped=0 said=''

plan() { # NUMBER
	echo "TAP version 13"
	echo "1..$1"
}

check() { # NAME COMMAND [ARGUMENT...]
	local name=$1
	shift
	nr=$((nr + 1))
	if said=$("$@" 2>&1); then
		echo "ok $nr $name"
	else
		[ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/# /'
		echo "not ok $nr $name"
		failed=1
	fi
}

skip() { # NAME REASON
	nr=$((nr + 1)) skipped=$((skipped + 1))
	echo "ok $nr $1 # SKIP $2"
}

# kselftest's exit codes: 4 when nothing could be tried.
finish() {
	[ "$skipped" = "$nr" ] && exit 4
	exit $failed
}
