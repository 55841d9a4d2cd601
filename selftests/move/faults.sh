#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Something goes wrong, at any moment of a move: whatever it is, afterwards one guest runs, or one
# stands still and the move is in doubt, and `resolve` settles that; never two, and no page of it is
# wrong.  What goes wrong is in `breaks`, when in `moment`, and what is asked afterwards in `verdict`.
#
# MOVES=200 (`make check-faults`): each fault in each phase, in turn, in an order that SEED chooses,
# as it does all else; few moves have some of them. FIRST= begins with another move than the first:
# what SEED=5 chose for move 17 is tried again by SEED=5 FIRST=17 MOVES=1. What comes of it depends on
# the machine as well. FAULTS="stall kill_run", KIND=mirror: these alone.
#
# build/faults.json (JSON=) has the seed, and sums for all moves, for each fault, phase and kind (plain;
# paths: by two links; mirror: with disks that move along): moves, late (the moment never came, or
# there was nothing to break any more), how they ended: source, destination (it was run there, for
# whatever was killed after that), neither (the guest itself was killed); in_doubt (and resolved),
# redialled, failed. And a list of all moves: also when, run_exit, seconds.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/move/ends
. "$here/ends"
. "$here/net"
. "$here/moment"
. "$here/breaks"
. "$here/verdict"
[ -w /dev/kvm ] || skip_all "no /dev/kvm"
# A move takes some three seconds.
rate=40mbit
net_up $rate || skip_all "no right to make network namespaces"
net_second $rate || exit 1
between='' mounted='' witness='' moved=''
trap '[ -z "$mounted" ] || umount "$mounted"; kill $between $witness 2>/dev/null; cleanup; net_down' EXIT
moves=${MOVES:-8} seed=${SEED:-$RANDOM} first=${FIRST:-0} kinds=(plain plain plain mirror)
command -v qemu-img >/dev/null || kinds=(plain)
read -r -a faults <<<"${FAULTS:-kill_run kill_receive kill_there kill_here kill_server stop_run \
	stop_receive stop_there stop_here unplugged stall away torn stream_lost stream_torn path_lost \
	path_away flip truncate clock clock_there full_disk no_files no_memory refused cancelled \
	quit_there interrupted not_allowed}"
list=$dir/list out=${JSON:-$root/build/faults.json}
clock=(LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 FAKETIME_NO_CACHE=1
	FAKETIME_DONT_FAKE_MONOTONIC=1 "FAKETIME_TIMESTAMP_FILE=$dir/time")

# ---- what is chosen ----

shuffle() { # by SEED
	mapfile -t faults < <(for f in "${faults[@]}"; do
		echo "$(printf '%s %s' "$seed" "$f" | sha256sum) $f"
	done | sort | sed 's/.* //')
}

pick_kind() {
	pick "${kinds[@]}"
	case $fault in
	kill_server) picked=mirror ;;
	path_*) picked=paths ;;
	flip | truncate | clock*) picked=plain ;;
	esac
	kind=${KIND:-$picked}
}

# Of move I: FAULT, KIND, and when and how.
choose() { # I
	cast_lots "$1"
	fault=${faults[$1 % ${#faults[@]}]}
	pick_kind
	draw_moment $(($1 / ${#faults[@]} + $1 % ${#faults[@]}))
	what='' refuses=''
	! declare -F "its_$fault" >/dev/null || phase='' point='' held=''
	! declare -F "draw_$fault" >/dev/null || "draw_$fault"
}

# ---- one move ----

# A guest that rewrites, and checks, a part of its memory all the time, itself and by its devices,
# and sweeps over all of it; and who watches when it runs.
begin_guest() {
	local disks=() drives=() i
	rm -rf "$a" "$b" "$dir/both" "$dir/events" "$KMIGRATE_STATE_DIR"
	mkdir -p "$a" "$b"
	if [ "$kind" = mirror ]; then
		make_disks || return
		disks=(--param disks=2 --param diskrate=300)
		for i in 0 1; do
			drives+=(-drive "file=$a/d$i,if=none,id=d$i,format=$([ $i = 0 ] && echo raw || echo qcow2)"
				-device "ide-hd,drive=d$i,bus=ide.0,unit=$i")
		done
	fi
	"$guest/start" flat --dir "$a" --mem 16M --backing memfd --name a --ready 120 \
		--param ws=2M --param rate=1000 --param dma=2M --param drate=300 --param sweep=20000 \
		--param status=250 "${disks[@]}" -- -qmp "unix:$a/mon.sock,server=on,wait=off" \
		-qmp "unix:$a/events.sock,server=on,wait=off" "${drives[@]}" >&2 || return
	caps >"$dir/caps"
	"$here/witness" watch "$a" "$b" "$dir/events" &
	witness=$!
	for _ in $(seq 200); do
		grep -qs ' a is running' "$dir/events" && return 0
		sleep 0.05
	done
	echo "# no witness"
	return 1
}

# What has to be there before the fault, in RECEIVE and RUN: their arguments.
prepare() {
	to_run=(--peer-timeout "$patience" --retry-for 3s) to_receive=(--peer-timeout "$patience")
	case $fault in
	*away) to_run+=(--retry-for 15s) ;;
	clock*) echo +0 >"$dir/time" ;;
	full_disk)
		mkdir "$KMIGRATE_STATE_DIR" &&
			mount -t tmpfs -o size=256k tmpfs "$KMIGRATE_STATE_DIR" &&
			mounted=$KMIGRATE_STATE_DIR || return ;;
	not_allowed)
		echo "$what" >"$dir/rules" && to_receive+=(--allow "$dir/rules") ;;
	esac
	[ "$kind" != mirror ] || to_run+=(--storage mirror)
	[ "$kind" != paths ] || to_run+=(--path "$net.2" --path "$two" --streams 3)
}

# KM_FAULT and KM_REFUSE of that one.
point_of() { [[ $point != "$1":* ]] || echo "${point#*:}"; }
refuse() { [ "$fault $refuses" != "refused $1" ] || echo "$what"; }
fake_clock() { [ "$fault" != "$1" ] || around=(env "${clock[@]}"); }

begin_move() {
	local out_there=("${there[@]}")
	begin_guest && prepare || return
	[ "$kind" != paths ] || address=0.0.0.0
	[ "$fault" != clock_there ] || there+=(env "${clock[@]}")
	KM_FAULT=$(point_of receive) KM_REFUSE=$(refuse receive) receive "$a" "$b" "${to_receive[@]}"
	local rc=$?
	there=("${out_there[@]}") address=$net.2
	[ $rc = 0 ] || return
	to=$address:$port
	case $fault in flip | truncate) meddle "$fault" ;; esac
	fake_clock clock
	KM_FAULT=$(point_of run) KM_REFUSE=$(refuse run) go "$a" --to "$to" "${to_run[@]}"
	# shellcheck disable=SC2034 # it is go's
	around=()
}

# LATE: the moment never came, or there was nothing to break any more.
break_it() {
	late=late
	stopped=''
	if declare -F "its_$fault" >/dev/null; then
		return
	fi
	await_moment && "break_$fault" 2>/dev/null && late=''
	let_go
	if [ -z "$late" ] && declare -F "mend_$fault" >/dev/null; then "mend_$fault"; fi
}

end_move() {
	[ -z "$between" ] || { kill $between; wait $between; }
	kill $witness && wait $witness
	[ -z "$mounted" ] || umount "$mounted"
	between='' mounted='' witness=''
} 2>/dev/null

note() { # I EXIT OK SECONDS
	local ends redials
	redials=$(jq -s 'map(.redials) | add // 0' "$a/run.json" 2>/dev/null) # empty if run was killed
	case $where in
	a) ends=source ;;
	b | gone) ends=destination ;;
	none) ends=neither ;;
	*) ends=unclear ;;
	esac
	jq -nc --argjson move "$1" --arg fault "$fault" --arg kind "$kind" --arg phase "${phase:-none}" \
		--arg when "$when" --argjson late "$([ -n "$late" ] && echo true || echo false)" \
		--argjson run_exit "$2" --arg end $ends \
		--argjson in_doubt "$([ -n "$resolved" ] && echo true || echo false)" \
		--argjson redials "${redials:-0}" \
		--argjson ok "$3" --argjson seconds "$4" '$ARGS.named' >>"$list"
}

one() { # I
	local rc=255 ok=1 since=$SECONDS
	choose "$1"
	when=${what:-$(moment_in_words)}
	resolved='' late=late where=''
	echo "# $fault, $kind, $when (again: SEED=$seed FIRST=$1 MOVES=1)"
	if begin_move; then
		break_it
		await_run
		rc=$?
		mend_all
		! declare -F "its_$fault" >/dev/null || ! "its_$fault" || late=''
		judge $rc && ok=0
	else
		echo "# no move"
	fi
	note "$1" $rc "$([ $ok = 0 ] && echo true || echo false)" $((SECONDS - since))
	[ -z "$late" ] || echo "# it came too late"
	over $ok "$fault, $kind, $when"
	end_move
}

# ---- all of them ----

undisturbed() {
	local t='' ok=1
	fault=none kind=plain point='' what='' refuses=''
	begin_move && ended 0 && settle 0 && [ "$where" = b ] && says moved && witnessed &&
		t=$(jq -r '.times | [.setup_ms, .total_ms - .setup_ms - .pause_ms, .pause_ms] |
			map(floor | tostring) | join(" ")' "$a/run.json") &&
		read -r 'length[set-up]' 'length[pre-copy]' 'length[switch-over]' <<<"$t" &&
		moved=yes ok=0
	echo "# set-up, pre-copy and switch-over took $t ms"
	over $ok "left alone, the guest moves"
	end_move
}

summary() {
	jq -s --argjson seed "$seed" '
		def sums: {moves: length, late: map(select(.late)) | length,
			source: map(select(.end == "source")) | length,
			destination: map(select(.end == "destination")) | length,
			neither: map(select(.end == "neither")) | length,
			in_doubt: map(select(.in_doubt)) | length,
			redialled: map(select(.redials > 0)) | length,
			failed: map(select(.ok | not)) | length};
		def by(f): group_by(f) | map({key: .[0] | f, value: sums}) | from_entries;
		{seed: $seed, all: sums, faults: by(.fault), phases: by(.phase), kinds: by(.kind),
		list: .}' "$list" >"$out.new" && mv "$out.new" "$out" || return
	jq -r '"# fault           moves  late  source  destination  neither  doubt  redial  failed",
		((.faults | to_entries[]), {key: "all", value: .all} |
		[.key, .value[]] | "# " + (.[0] + " " * (16 - (.[0] | length))) +
		([.[1:], [5, 5, 7, 12, 8, 6, 7, 7]] | transpose |
		map((.[0] | tostring) as $n | " " * (.[1] - ($n | length)) + $n) | join(" ")))' "$out"
}

# With some of each: no fault is one in name only, and moments are met.
driven() {
	summary && [ "$(jq .all.moves "$out")" = "$moves" ] || return
	[ "$moves" -ge ${#faults[@]} ] || return 0
	jq -e '[.faults[] | select(.moves == .late)] == [] and .all.late * 5 <= .all.moves' "$out" \
		>/dev/null
}

begin $((moves + 2))
echo "# SEED=$seed"
shuffle
: >"$list"
undisturbed
for ((i = first; i < first + moves; i++)); do
	if [ -n "$moved" ]; then one "$i"; else result 1 "there are no moves to break"; fi
done
driven
result $? "each fault was met: $out"
finish
