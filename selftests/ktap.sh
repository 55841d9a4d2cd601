# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# KTAP output for the tests that are scripts; ktap.h for scripts. A case is a command
# that succeeds; what it prints stays in $said and is shown when it fails.
nr=0 failed=0 skipped=0 said=''

plan() { # NUMBER
	echo "TAP version 13"
	echo "1..$1"
}

# For what check can't run, as its subshell would lose what it starts: a case that ran
# already and printed its own comments.
result() { # STATUS NAME
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		echo "ok $nr $2"
	else
		echo "not ok $nr $2"
		failed=1
	fi
}

check() { # NAME COMMAND [ARGUMENT...]
	local name=$1 rc
	shift
	said=$("$@" 2>&1)
	rc=$?
	[ $rc = 0 ] || [ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/# /'
	result $rc "$name"
}

skip() { # NAME REASON
	nr=$((nr + 1)) skipped=$((skipped + 1))
	echo "ok $nr $1 # SKIP $2"
}

# Instead of a plan.
skip_all() { # REASON
	plan "0 # SKIP $1"
	exit 4
}

# kselftest's exit codes: 4 when nothing could be tried.
finish() {
	[ "$skipped" = "$nr" ] && exit 4
	exit $failed
}
