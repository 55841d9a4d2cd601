#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kmigrate plan --drain: plans for made-up fleets, judged by judge.py, which knows the inventory
# and the manual page only; and what is said of bad inventories.
set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/ktap.sh
tool=build/kmigrate
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export PYTHONDONTWRITEBYTECODE=1

tries() { selftests/plan/try $tool "$@"; }

# One line on standard error that has the words, nothing on standard output, exit status 2.
refused() { # WORDS INVENTORY
	local rc
	printf '%s' "$2" >"$dir/bad.json"
	$tool plan --drain "$dir/bad.json" >"$dir/out" 2>"$dir/err"
	rc=$?
	[ $rc = 2 ] && [ ! -s "$dir/out" ] && [ "$(wc -l <"$dir/err")" = 1 ] &&
		grep -qF -- "$dir/bad.json: $1" "$dir/err" ||
		{ echo "'$1' expected, exit status $rc"; cat "$dir/err" "$dir/out"; return 1; }
}

host() { echo "{\"name\":\"$1\",\"memory_bytes\":8000,\"up_bit_per_s\":1e9}"; } # NAME
inventory() { # GUESTS [MORE]
	echo "{\"kmigrate_inventory\":1,\"hosts\":[$(host a),$(host b)],\"vms\":[$1],\"drain\":[\"a\"]${2-}}"
}

bad_inventories() {
	local whole
	whole=$(inventory '{"name":"v","host":"a","memory_bytes":4096}')
	refused 'line 1, column' '{"kmigrate_inventory":1,' &&
		refused 'line 1, column' "${whole%\}}" &&
		refused 'line 2, column' $'{\n"a":1,"a":2}' &&
		refused 'not an inventory' '[]' && refused 'not an inventory' '{"hosts":[]}' &&
		refused 'kmigrate_inventory: version 2 is not known' '{"kmigrate_inventory":2}' &&
		refused "there is no key 'vmss'" '{"kmigrate_inventory":1,"vmss":[]}' &&
		refused 'drain: must name' '{"kmigrate_inventory":1}' &&
		refused "vms[0] (v): host: there is no host 'c'" \
			"$(inventory '{"name":"v","host":"c","memory_bytes":4096}')" &&
		refused 'vms[1] (v): name: there is another' "$(inventory \
			'{"name":"v","host":"a","memory_bytes":1},{"name":"v","host":"a","memory_bytes":1}')" &&
		refused "vms[0] (v): there is no key 'anti_afinity'" \
			"$(inventory '{"name":"v","host":"a","memory_bytes":1,"anti_afinity":["x"]}')" &&
		refused 'vms[0] (v): memory_bytes: must be a number from 1' \
			"$(inventory '{"name":"v","host":"a","memory_bytes":-1}')" &&
		refused 'vms[0] (v): dirty: ms must rise' "$(inventory \
			'{"name":"v","host":"a","memory_bytes":9,"dirty":[{"ms":2,"bytes":1},{"ms":2,"bytes":2}]}')" &&
		refused "links[0] (l): hosts: 'a' comes twice" \
			"$(inventory '' ',"links":[{"name":"l","up_bit_per_s":1e9,"hosts":["a","a"]}]')"
}

no_file() {
	! $tool plan --drain "$dir/none" 2>"$dir/err" && grep -q 'none: No such file' "$dir/err" &&
		! $tool plan 2>"$dir/err" && grep -q 'needs one of --vm, --drain and --accuracy' "$dir/err" &&
		! $tool plan --drain "$dir" 2>"$dir/err" && [ "$(wc -l <"$dir/err")" = 1 ]
}

# In words: the guest, and what is in the way.
says_why() {
	inventory '{"name":"big","host":"a","memory_bytes":8000},
		{"name":"needy","host":"a","memory_bytes":1,"cpu":{"features":["amx"]}},
		{"name":"fixed","host":"a","memory_bytes":1,"movable":false},
		{"name":"there","host":"b","memory_bytes":4000}' >"$dir/fleet.json"
	$tool plan --drain "$dir/fleet.json" >"$dir/out"
	[ $? = 3 ] && grep -q '3 guests can.t go; there is no plan with fewer' "$dir/out" &&
		! grep -q 'big on a.*too small' "$dir/out" &&
		grep -q 'needy on a: .* 1 host without what it needs (b: no feature amx)' "$dir/out" &&
		grep -q 'fixed on a: it may not be moved' "$dir/out" || { cat "$dir/out"; return 1; }
}

same_each_time() {
	$tool plan --drain "$dir/fleet.json" --json --tries 50 >"$dir/one" &&
		$tool plan --drain - --json --tries 50 <"$dir/fleet.json" >"$dir/two" &&
		cmp "$dir/one" "$dir/two"
}

in_words() {
	$tool plan --drain "$dir/fleet.json" --tries 0 >"$dir/out" || return 1
	[ "$(grep -cE '^(makespan|at least|pauses) ' "$dir/out")" = 3 ] &&
		[ "$(grep -cE '\|.{40}\|' "$dir/out")" = 10 ] || { cat "$dir/out"; return 1; }
}

plan 8
check "small fleets: no constraint is broken, nobody left who could go" tries small "${FLEETS:-400}"
check "full fleets: guests make room for others, and are waited for" tries tight "${TIGHT:-40}"
check "fleets of 60 hosts: no constraint is broken" tries large "${LARGE:-6}"
check "bad inventories: one line with the place" bad_inventories
check "files that aren't there" no_file
check "who can't go, and why" says_why
selftests/plan/inventory --hosts 100 --vms 3000 --drain 10 >"$dir/fleet.json"
check "the same plan each time" same_each_time
check "in words: makespan, bound, pauses, a line a host" in_words
finish
