#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What `make install` leaves in a DESTDIR: that it works there, that the man page and the
# completion say what the tool can do, and that `make uninstall` takes it all away.
set -u # no pipefail: grep -q does not read to the end
cd "$(dirname "$0")/../.." || exit 1
. selftests/ktap.sh
dest=$(mktemp -d) && trap 'rm -rf "$dest"' EXIT
# What make check was called with is not for the make in here.
unset MAKEFLAGS MFLAGS MAKELEVEL
version=$(grep -o '"[0-9.]*"' kmod/version.h | tr -d '"')
tool=$dest/usr/sbin/kmigrate man=$dest/usr/share/man/man8/kmigrate.8
completion=$dest/usr/share/bash-completion/completions/kmigrate src=$dest/usr/src/kmigrate-$version

installs() {
	make -s install DESTDIR="$dest" prefix=/usr || return 1
	[ -x "$tool" ] && [ -f "$man" ] && [ -f "$completion" ] && [ -f "$src/Kbuild" ] || return 1
	# Nothing else, and nothing that only root can read.
	! find "$dest" -type f ! -path "$src/*" ! -path "$tool" ! -path "$man" \
		! -path "$completion" | grep . && ! find "$src" ! -perm -044 | grep .
}

default_prefix() {
	make -n install DESTDIR="$dest" | grep -q " $dest/usr/local/sbin/kmigrate$"
}

says_version() {
	[ "$("$tool" version)" = "kmigrate $version" ]
}

# Every object of Kbuild, every file that one of ours includes, and the probes' makefile.
module_source() {
	local file missing=0
	for file in $(grep -o 'kmod/[a-z_]*\.o' Kbuild | sed 's/o$/c/') kmod/compat/probe.mk \
		kmod/compat/probe.sh kmod/compat/works.c kmod/build; do
		[ -f "$src/$file" ] || { echo "no $file"; missing=1; }
	done
	for file in $(grep -rhoE '^#include "[^"]+"' "$src/kmod" | cut -d'"' -f2 | sort -u); do
		[ "$(basename "$file")" = have.h ] || find "$src" -path "*/$file" | grep -q . ||
			{ echo "included, but not there: $file"; missing=1; }
	done
	[ ! -f dkms.conf ] || diff dkms.conf "$src/dkms.conf" || missing=1
	! find "$src" -name '*.o' -o -name '*.mod*' -o -name have.h | grep . && [ $missing = 0 ]
}

renders() {
	local warnings
	warnings=$(MANROFFSEQ='' MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -l "$man" 2>&1 >"$dest/text")
	local rc=$?
	printf '%s' "$warnings"
	[ $rc = 0 ] && [ -z "$warnings" ] && grep -q 'KMIGRATE(8)' "$dest/text"
	rc=$?
	rm -f "$dest/text"
	return $rc
}

commands() { "$tool" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | sort; }
in_man() { # SECTION: the page's lines between its heading and the next .SH
	awk -v want=".SH $1" '/^\.SH/ { on = $0 == want; next } on' "$man"
}
man_commands() { in_man COMMANDS | sed -n 's/^\.SS //p' | sort; }
man_options() { # COMMAND
	in_man COMMANDS | awk -v want=".SS $1" '/^\.SS/ { on = $0 == want } on && tag; { tag = /^\.TP/ }' |
		sed 's/\\-/-/g' | grep -oE -e '--[a-z-]+' | sort
}
help_options() { "$tool" "$1" --help | grep -oE '^  --[a-z-]+' | tr -d ' ' | sort; }

same() { # WHAT A B
	[ -n "$2" ] && [ "$2" = "$3" ] && return 0
	echo "$1 (< the tool, > the man page):"
	diff <(echo "$2") <(echo "$3")
	return 1
}

documented() {
	local c rc=0
	same commands "$(commands)" "$(man_commands)" || rc=1
	for c in $("$tool" complete | grep -vxE 'help|version'); do
		same "options of $c" "$(help_options "$c")" "$(man_options "$c")" || rc=1
	done
	return $rc
}

exit_codes() {
	same "exit codes" "$(sed -n 's/^\tKM_EXIT_[A-Z]* = \([0-9]*\),.*/\1/p' user/model.h)" \
		"$(in_man 'EXIT STATUS' | sed -n 's/^\.B \([0-9]*\)$/\1/p')"
}

json_keys() {
	local key missing=0
	for key in $(grep -hoE 'put\([oj], "[a-z_]+"' user/report/{json,check,baseline,drainplan_json,plan,foretold,accuracy}.c \
		user/place/explain_json.c | cut -d'"' -f2 | sort -u) \
		$(sed -n '/km_guest_fields/,$p' user/check/schema.c | grep -oE '"[a-z_]+"|km_guest_record, [a-z_]+\)' |
			tr -d '")' | sed 's/.* //'); do
		in_man 'JSON OUTPUT' | grep -qwE -- "$key" || { echo "not in the page: $key"; missing=1; }
	done
	for key in $("$tool" host --json | grep -oE '"[a-z_]+":' | tr -d '":' | sort -u); do
		in_man 'HOST RECORD' | grep -qwE -- "$key" || { echo "not in the page: $key"; missing=1; }
	done
	return $missing
}

finding_ids() {
	local id missing=0 page
	page=$(in_man FINDINGS | sed 's/\\-/-/g')
	for id in $(grep -hoE '^	\{ "[a-z-]+", KM_[A-Z]+' user/check/rules_*.c | cut -d'"' -f2); do
		grep -qE -- "^\.BR.* \"?,? ?\"? ?$id( |\$)" <<<"$page" || { echo "not in the page: $id"; missing=1; }
	done
	return $missing
}

# What <TAB> offers behind the words; the last may be half a word or ''.
offers() ( # WORD...
	COMP_WORDS=("$tool" "$@") COMP_CWORD=$#
	# shellcheck disable=SC1090
	. "$completion"
	_kmigrate "$tool" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	[ "${#COMPREPLY[@]}" = 0 ] || printf '%s\n' "${COMPREPLY[@]}" | sort | xargs
)

offered() { # WANTED WORD...
	local want=$1 got
	shift
	got=$(offers "$@")
	[ "$got" = "$want" ] || { echo "$*<TAB>: '$got', not '$want'"; return 1; }
}

completes_commands() {
	offered "$(commands | xargs)" '' && offered "receive resolve run" r && offered "vms" vm &&
		offered "$(commands | xargs)" help '' && offered '' frobnicate ''
}

completes_options() {
	local c
	for c in $("$tool" complete | grep -vxE 'help|version'); do
		offered "$(help_options "$c" | xargs)" "$c" -- || return 1
	done
	offered "--streams" run --str && offered "--peer-timeout --port --psk-file" receive --p
}

completes_values() {
	# With a space, and with the = that bash makes a word of its own.
	offered "qemu relay" run --engine '' && offered "relay" run --engine r &&
		offered "qemu relay" run --engine = && offered "qemu" run --engine = q &&
		offered "" run --tls-name '' && offered "--verify" run --json --ver &&
		offered "power" trace po && offered "dirtying" trace --json d || return 1
	touch "$dest/own.json"
	offered "$dest/own.json" baseline "$dest/own" && offered "$dest/own.json" check --to "$dest/own" &&
		offered "$dest/own.json" run --plan "$dest/own" && offered "$dest/usr" plan --accuracy "$dest/us" &&
		offered "--probe" host --prob && rm "$dest/own.json"
}

registers() (
	# shellcheck disable=SC1090
	. "$completion" && complete -p kmigrate | grep -q -- '-F _kmigrate kmigrate'
)

uninstalls() {
	make -s uninstall DESTDIR="$dest" prefix=/usr || return 1
	! find "$dest" ! -type d | grep . && [ ! -e "$src" ]
}

plan 14
check "install: tool, man page, completion, module source, nothing else" installs
check "install: the prefix is /usr/local without another" default_prefix
check "install: the tool says its version" says_version
check "install: the module's source is whole" module_source
if command -v man >/dev/null; then
	check "man page: no warnings" renders
else
	skip "man page: no warnings" "there is no man (package man-db)"
fi
check "man page: the tool's commands and options, no more and no less" documented
check "man page: the exit codes" exit_codes
check "man page: every key of the JSON" json_keys
check "man page: every finding of check" finding_ids
check "completion: commands" completes_commands
check "completion: options" completes_options
check "completion: values" completes_values
check "completion: bash knows it" registers
check "uninstall: nothing is left" uninstalls
finish
