# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For tests that run commands in a test host and judge what they said out here: say() there
# makes a line that begins with @NAME, and the others look for it in the file $log.

say() { # NAME COMMAND [ARGUMENT...]
	local name=$1 rc
	shift
	"$@" >said 2>said.err
	rc=$?
	echo "@$name $rc $(jq -s -c 'select(. != [])' said 2>/dev/null || tr '\n' '~' <said) $(tr '\n' ' ' <said.err)"
}

said_of() { sed -n "s/^@$1 //p" "$log"; } # WHAT

# The exit status, and what the JSON values that follow it, in a list, must fulfil.
holds() { # WHAT STATUS FILTER [ARGUMENT OF JQ...]
	local what=$1 json
	json=$(said_of "$1" | sed -n "s/^$2 //p" | head -1)
	# jq 1.6 is content with no input at all.
	[ -n "${json// /}" ] && jq -e "${@:4}" "$3" <<<"$json" >/dev/null || { said_of "$what"; return 1; }
}

says() { said_of "$1" | grep -q -E -- "$2" || { said_of "$1"; return 1; }; } # WHAT REGEX
