#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Streams by two links at once: each carries its part, and when one is cut the move goes on by the
# other. Of a working guest under KVM that checks its memory itself, and each page is compared.
# shellcheck disable=SC2154 # of lib, ends and net
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
. "$here/net"

[ -w /dev/kvm ] || skip_all "no /dev/kvm"
net_up 80mbit || skip_all "no right to make a link"
net_second 80mbit || exit 1
patience=4s one=$net.2

begin_move() { # ARGUMENT-OF-RUN...
	rm -rf "$a" "$b" "$dir/both" "$KMIGRATE_STATE_DIR"
	address=0.0.0.0
	start "$a" --accel kvm --mem 64M --param ws=1M --param dma=8M --param drate=500 &&
		receive "$a" "$b" --peer-timeout $patience || return
	watch_both &
	sampler=$!
	go "$a" --to "$one:$port" --peer-timeout $patience --verify "$@"
}

# Bytes that left by a link, as its own counter has it.
left_by() { cat "/sys/class/net/$ns$1/statistics/tx_bytes"; } # a|c

under_way() { # LINK BYTES
	for _ in $(seq 300); do
		[ "$(left_by "$1")" -gt "$2" ] && return 0
		kill -0 "$mover" 2>/dev/null || break
		sleep 0.1
	done
	echo "# no pages flow"
	return 1
}

is() { # JQ: of the result
	[ "$(jq "$1" "$a/run.json")" = true ] && return 0
	echo "# not so: $1: $(jq -c '{paths, streams, redials, redialled_because, error}' "$a/run.json")"
	return 1
}

moved() {
	ended 0 && at B && says moved && is '.verify.passed and .verify.pages * 4096 >= .ram_bytes' &&
		"$guest/status" "$b" --progress 60 >"$b/status"
}

both() {
	local one_bytes two_bytes
	one_bytes=$(left_by a) two_bytes=$(left_by c)
	begin_move --path "$one" --path "$two" --streams 3 && moved &&
		one_bytes=$(($(left_by a) - one_bytes)) two_bytes=$(($(left_by c) - two_bytes)) &&
		echo "# $one_bytes and $two_bytes bytes: $(jq -c .paths "$a/run.json")" &&
		is '.streams == 4 and (.paths | length == 2 and all(.streams == 2))' &&
		is "(.paths[0].wire_bytes - $one_bytes | fabs) < $one_bytes / 10" &&
		is "(.paths[1].wire_bytes - $two_bytes | fabs) < $two_bytes / 10" &&
		[ $((one_bytes * 10)) -gt $((two_bytes * 7)) ] &&
		[ $((two_bytes * 10)) -gt $((one_bytes * 7)) ]
	over $? "each of two links carries its part"
}

# Whichever it is: the control connection goes by the first.
one_is_cut() { # b|d WHICH PATH-THAT-IS-LEFT
	local before
	before=$(left_by a)
	begin_move --path "$one" --path "$two" --streams 4 && under_way a $((before + 2000000)) &&
		unplug_link "$1" && moved &&
		is ".redials >= 1 and .paths[$((1 - $3))].streams == 0 and .paths[$3].streams == 4"
	over $? "$2 link is cut for good: the move goes on by the other"
	plug_link "$1"
}

# At the begin each must be there.
not_there() {
	begin_move --path "$one" --path "${two%.2}.77" --streams 2 && ended 1 && at A &&
		says_of_path
	over $? "a path that isn't there: one line, the guest stays"
}
says_of_path() {
	[ "$(wc -l <"$a/run.err")" = 1 ] && grep -q "cannot reach ${two%.2}.77" "$a/run.err"
}

arguments() {
	rm -rf "$a"
	one_line 2 "too few" run --vm none --to "$one" --streams 1 --path "$one" --path "$two" &&
		one_line 2 "--path needs a value" run --vm none --to "$one" --path "" &&
		one_line 2 "8 times" run --vm none --to "$one" --path 1 --path 2 --path 3 --path 4 \
			--path 5 --path 6 --path 7 --path 8 --path 9
	result $? "too few streams, no address, too many"
}

begin 5
both
one_is_cut d "the second" 0
one_is_cut b "the first" 1
not_there
arguments
finish
