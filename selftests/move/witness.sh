#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The witness of faults.sh finds what it is there for: guests that ran at both ends, one that ran
# again where it had left, and one that nobody watched.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../ktap.sh"
file=$(mktemp) || exit 1
trap 'rm -f "$file"' EXIT

# Events as watch writes them, heard some time after they were said: TIME SIDE WORD...
events() {
	local e
	for e; do
		# shellcheck disable=SC2086 # three words
		set -- $e
		case $3 in
		RESUME | STOP) echo "$1.9 $1.5 ${*:2}" ;;
		*) echo "$1.5 - ${*:2}" ;;
		esac
	done >"$file"
}
judged() { "$here/witness" judge "$file" "$@"; }
blamed() { # TEXT ARGUMENT...
	local said
	! said=$(judged "${@:2}" 2>&1) && [[ $said == *"$1"* ]] && return 0
	echo "said: ${said:-nothing}"
	return 1
}

plan 10
events "1 a is running" "3 b is inmigrate" "4 a STOP" "5 b RESUME"
check "a move" judged b
check "a move, judged to have stayed" blamed "runs at: b, not: a" a
events "1 a is running" "3 b is inmigrate" "4 a STOP" "5 b gone" "6 a RESUME"
check "a guest that went back" judged a
events "1 a is running" "3 b is inmigrate" "5 b RESUME" "6 a STOP"
check "both run" blamed "both ran it at 5.5" b
events "1 a is running" "3 b is inmigrate" "4 a STOP" "5 b RESUME" "6 b gone" "7 a RESUME"
check "the source runs it after the destination did" blamed "again at 7.5" a
events "1 a is running" "4 a STOP" "5 b is running"
check "the destination was not watched from the begin" blamed "nobody saw" b
events "3 b is inmigrate" "5 b RESUME"
check "nor the source" blamed "nobody saw the source" b
events "1 a is running" "3 b is inmigrate" "4 a STOP" "5 b gone" "6 a gone"
check "neither" judged none
# Said at 2, heard at 5.9: a clock that was put back.
printf '%s\n' "1.5 - a is running" "4.9 4.5 a STOP" "5.9 2.5 b RESUME" >"$file"
check "by arrival" judged b --by-arrival
check "and not by that clock" blamed "both ran it at 2.5" b
finish
