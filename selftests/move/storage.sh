#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest's disks move with it, or are shared: whole moves of a guest that writes its disks all the
# time, and reads each sector again before it writes it anew (guest/flat/disk.c). Whatever dies
# meanwhile, the guest runs at exactly one end, on a disk that holds what it has written.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/move/ends
. "$here/ends"
command -v qemu-img >/dev/null || skip_all "there is no qemu-img (qemu-utils)"
[ -w /dev/kvm ] || skip_all "there is no /dev/kvm"
where=$a		# the folder of the disks
mib=16			# of content that nobody writes, on the first of them
formats=(raw qcow2)
tmpfs='' loop=''
trap '[ -z "$tmpfs" ] || umount "$tmpfs"; [ -z "$loop" ] || losetup -d "$loop"; cleanup' EXIT

# ---- the guest and its disks ----

# The guest writes the first sector of each 64 KiB in the first 16 MiB; what lies between them
# and behind is ours. Zeroes that take room at the source are to take none there.
make_disks() {
	mkdir -p "$where" || return
	head -c ${mib}M /dev/urandom >"$dir/content"
	truncate -s 96M "$where/d0" "$dir/raw"
	dd if="$dir/content" of="$where/d0" bs=1M seek=40 conv=notrunc status=none
	dd if=/dev/zero of="$where/d0" bs=1M seek=80 count=4 conv=notrunc status=none
	printf 'kmigrate knows these words\n' | dd of="$where/d0" bs=1k seek=60k conv=notrunc status=none
	dd if="$dir/content" of="$dir/raw" bs=1M seek=50 count=2 conv=notrunc status=none
	[ "${formats[0]}" = raw ] ||
		{ qemu-img convert -O "${formats[0]}" "$where/d0" "$where/t" && mv "$where/t" "$where/d0"; }
	qemu-img convert -O "${formats[1]}" "$dir/raw" "$where/d1"
}

drives() { # OPTIONS-OF-ALL
	local i
	more=()
	for i in 0 1; do
		more+=(-drive "file=$where/d$i,format=${formats[i]},if=none,id=d$i$1"
			-device "ide-hd,drive=d$i,bus=ide.0,unit=$i")
	done
}

start() { # DIR [OPTION...]: of guest/start
	make_disks && drives "" && begin_guest "$@" --ready 120
}

begin_guest() {
	mkdir -p "$1"
	"$guest/start" flat --dir "$1" --mem 32M --backing memfd --name "${1##*/}" \
		--param disks=2 --param diskrate=200 --param rate=500 "${@:2}" -- \
		-qmp "unix:$1/mon.sock,server=on,wait=off" "${more[@]}" >&2
}

# It has read all its sectors again, and found none wrong.
disks_sound() { # DIR
	local now want=''
	for _ in $(seq 600); do
		now=$("$guest/status" "$1" disk 2>/dev/null) # none yet where it has just come
		[ -n "$want" ] || [ -z "$now" ] || want=$((now + 520))
		[ -z "$now" ] || [ "$now" -lt "$want" ] || return 0
		! grep -E 'WRONG|PANIC' "$1/serial.log" || return 1
		sleep 0.2
	done
	echo "# the guest does not get on with its disks: ${now:-nothing} of ${want:-?}"
	return 1
}

# Outside of the guest's own sectors both ends' images have the same content.
same_content() { # A B: files, FORMAT
	qemu-img convert -f "$3" -O raw "$1" "$dir/x" && qemu-img convert -f "$3" -O raw "$2" "$dir/y" &&
		python3 - "$dir/x" "$dir/y" <<-'END'
		import sys
		def read(name):
		    b = bytearray(open(name, "rb").read())
		    for at in range(0, 16 << 20, 65536):
		        b[at:at + 512] = bytes(512)
		    return b
		sys.exit(read(sys.argv[1]) != read(sys.argv[2]))
		END
}

no_guests() { # the images are closed
	# shellcheck disable=SC2046 # pids
	slain $(pgrep -f "qemu-system.*$dir/") 2>/dev/null
}

images_alike() { # FOLDER-A FOLDER-B
	local i
	no_guests
	for i in 0 1; do
		same_content "$1/d$i" "$2/d$i" "${formats[i]}" || { echo "# d$i differs"; return 1; }
	done
}

# ---- what is left ----

# In the source's QEMU and in the folders: nothing of a mirror, no token.
nothing_left() {
	local nodes jobs
	nodes=$("$guest/qmp" "$a/mon.sock" query-named-block-nodes '{"flat": true}' |
		jq '[.[] | select(."node-name" | startswith("kmigrate"))] | length')
	jobs=$("$guest/qmp" "$a/mon.sock" query-jobs | jq length)
	[ "$nodes" = 0 ] && [ "$jobs" = 0 ] && no_images && no_token && return 0
	echo "# left: $nodes nodes, jobs $("$guest/qmp" "$a/mon.sock" query-jobs); $(ls -A "$b" "$where" | tr '\n' ' ')"
	echo "# run: $(jq -c '{times, held, disks}' "$a/run.json")"
	return 1
}
no_images() { [ ! -e "$b/d0" ] && [ ! -e "$b/d1" ]; }
no_token() { [ -z "$(find "$dir" -name '.kmigrate-*')" ]; }
server() { pgrep -f "kmigrate-disks.*/run/kmigrate/disks" | while read -r p; do
	[ "$(sed 's/.*) //' "/proc/$p/stat" | cut -d ' ' -f 2)" = "$receiver" ] && echo "$p"; done; }

says_line() { # TEXT: one line
	[ "$(wc -l <"$a/run.err")" = 1 ] && grep -q -- "$1" "$a/run.err" && return 0
	echo "# run: $(cat "$a/run.err")"
	return 1
}

setup() { # FAULT-OF-RUN FAULT-OF-RECEIVE [RECEIVE-ARGUMENT...]
	fresh && KM_FAULT=$2 receive "$a" "$b" --peer-timeout $patience "${@:3}" || return 1
	KM_FAULT=$1 go "$a" --to "$address:$port" --peer-timeout $patience "${asks[@]}"
}

# ---- the cases ----

disk_facts() { # FILTER: of .disks
	jq -e ".disks | $1" "$a/run.json" >/dev/null && return 0
	echo "# run says of disks: $(jq -c .disks "$a/run.json")"
	return 1
}

mirrored() {
	asks=(--storage mirror)
	setup '' '' && ended 0 && at B && says moved && disks_sound "$b" && no_token &&
		disk_facts '.copying_ms as $all | .list | length == 2 and all(.how == "mirrored" and
			.wire_bytes > 0 and .in_sync_ms > 0 and .in_sync_ms <= $all and
			.copied_bytes > 0) and map(.format) == ["raw", "qcow2"]' &&
		images_alike "$a" "$b"
	over $? "mirrored while the guest writes: raw and qcow2, no sector is wrong there"
}

by_qemu() {
	asks=(--storage mirror --insecure --engine qemu)
	setup '' '' --insecure && ended 0 && at B && disks_sound "$b" && images_alike "$a" "$b"
	over $? "the memory by QEMU's own engine"
}

# What is sparse stays sparse, and what has zeroes in it becomes so.  Its disks take longer to copy
# than its memory, should anybody not wait for them.
blocks() { stat -c %b "$1"; } # of 512 bytes
stands_still() {
	asks=(--storage mirror --bandwidth 8MB) mib=40
	fresh && sleep 3 && "$guest/qmp" "$a/mon.sock" stop >/dev/null && receive "$a" "$b" &&
		go "$a" --to "$address:$port" "${asks[@]}" && ended 0 &&
		[ "$(state "$b")" = paused ] && no_guests && cmp "$a/d0" "$b/d0" &&
		qemu-img compare -q -f qcow2 -F qcow2 "$a/d1" "$b/d1"
	over $? "a guest that stands still: the images are identical"
	mib=16
	echo "# blocks of d0: $(blocks "$a/d0"), there $(blocks "$b/d0"); of d1: $(blocks "$a/d1"), $(blocks "$b/d1")"
	[ "$(blocks "$b/d0")" -le "$(($(blocks "$a/d0") - 4 * 2048 + 64))" ] &&
		[ "$(blocks "$b/d1")" -le "$(($(blocks "$a/d1") + 64))" ] &&
		disk_facts ".list[0] | .allocated_there_bytes == $(blocks "$b/d0") * 512 and
			.allocated_bytes == $(blocks "$a/d0") * 512"
	result $? "what is sparse stays sparse, and zeroes become holes"
}

refused() {
	asks=()
	setup '' '' && ended 3 && says_line "disk d0 .*does not see it: --storage mirror" &&
		at A && nothing_left && disks_sound "$a"
	over $? "a local disk without --storage: refused, and nothing was touched"
}

shared() { # NAME ARGUMENT...
	local name=$1
	asks=("${@:2}") where=$dir/shared
	setup '' '' && ended 0 && at B && no_token && disks_sound "$b"
	over $? "$name"
	rm -rf "$where"
	where=$a
}

another_file() { # in the same folder: the token is seen, the inode is another one
	local ok=1
	asks=() where=$dir/shared
	fresh && cp "$where/d0" "$where/e0" && cp "$where/d1" "$where/e1" &&
		receive "$where/d" "$where/e" && go "$a" --to "$address:$port" &&
		ended 3 && says_line "does not see it" && ok=0
	over $ok "another file in a folder that both see is not the same disk"
	rm -rf "$where"
	where=$a
}

in_the_way() {
	asks=(--storage mirror)
	fresh && mkdir -p "$b" && echo precious >"$b/d1" && receive "$a" "$b" &&
		go "$a" --to "$address:$port" "${asks[@]}" && ended 3 &&
		says_line "disk d1 .*something is there already.*--overwrite-disks" &&
		[ "$(cat "$b/d1")" = precious ] && [ ! -e "$b/d0" ] && at A &&
		receive "$a" "$b" --overwrite-disks && go "$a" --to "$address:$port" "${asks[@]}" &&
		ended 0 && at B && disks_sound "$b" && images_alike "$a" "$b"
	over $? "an image is there already: refused, and taken with --overwrite-disks"
}

# It is made anew, in the source's format and size, whatever it was.
unlike() { # NAME COMMAND...: which makes what is there
	asks=(--storage mirror)
	fresh && mkdir -p "$b" && "${@:2}" && receive "$a" "$b" --overwrite-disks &&
		go "$a" --to "$address:$port" "${asks[@]}" && ended 0 && at B && disks_sound "$b" &&
		images_alike "$a" "$b"
	over $? "images of another size or format are there: $1"
}
larger() {
	truncate -s 128M "$b/d0" && dd if="$dir/content" of="$b/d0" bs=1M seek=90 conv=notrunc status=none &&
		qemu-img convert -O qcow2 "$b/d0" "$b/d1"
}
smaller() { # and each in the other's format
	cp "$dir/content" "$b/d1" && qemu-img convert -O qcow2 "$b/d1" "$b/d0"
}

# A device can't be given a size.
device() { # NAME SIZE CHECK...
	asks=(--storage mirror)
	truncate -s "$2" "$dir/device"
	loop=$(losetup -f --show "$dir/device") || { skip "$1" "no loop devices here"; return; }
	fresh && mkdir -p "$b" && ln -s "$loop" "$b/d0" && receive "$a" "$b" --overwrite-disks &&
		go "$a" --to "$address:$port" "${asks[@]}" && "${@:3}"
	over $? "$1"
	losetup -d "$loop"
	loop=''
}
fits() { ended 0 && at B && disks_sound "$b" && [ -b "$b/d0" ] && images_alike "$a" "$b"; }
fits_not() {
	ended 3 && says_line "disk d0 .*the device has 101711872 bytes, and the disk 100663296" &&
		at A && rm "$b/d0" && nothing_left && disks_sound "$a"
}

# A QEMU that waits has opened its images, and looks at their size and format no more.
attached() { # NAME CHECK...
	asks=(--storage mirror)
	cp --sparse=always "$b/d0" "$dir/d0" && cp "$b/d1" "$dir/d1" && where=$b drives "" &&
		begin_guest "$b" --name a --incoming && listen "$b" --attach "$b/qmp.sock" --overwrite-disks &&
		go "$a" --to "$address:$port" "${asks[@]}" && "${@:2}"
	over $? "$1"
}
arrived() { ended 0 && at B && disks_sound "$b" && images_alike "$a" "$b"; }
waits_on() { # TEXT
	ended 3 && says_line "$1" && [ "$(state "$a")" = running ] && [ "$(state "$b")" = inmigrate ] &&
		cmp "$b/d0" "$dir/d0" && cmp "$b/d1" "$dir/d1" && disks_sound "$a"
}
attached_alike() {
	fresh && mkdir -p "$b" && truncate -s 96M "$b/d0" && qemu-img create -q -f qcow2 "$b/d1" 96M &&
		attached "the QEMU that waits has such images: taken" arrived
}
attached_larger() {
	fresh && mkdir -p "$b" && truncate -s 97M "$b/d0" && qemu-img create -q -f qcow2 "$b/d1" 96M &&
		attached "the QEMU that waits has a larger disk: refused" waits_on \
			"disk d0 .*here has it with 101711872 bytes, the source's with 100663296"
}

# What --overwrite-disks does not do.
own_image() { # --storage-dir is where the source has it
	asks=(--storage mirror)
	setup '' '' --storage-dir "$a" --overwrite-disks && ended 3 &&
		says_line "disk d0 .*the source's own image" && at A && nothing_left && disks_sound "$a"
	over $? "the source's own image is never overwritten"
}
in_use() { # by a guest, under another name
	asks=(--storage mirror)
	fresh && mkdir -p "$b" && ln "$a/d0" "$b/d0" && receive "$a" "$b" --overwrite-disks &&
		go "$a" --to "$address:$port" "${asks[@]}" && ended 3 && says_line "disk d0 .*in use here" &&
		at A && rm "$b/d0" && nothing_left && disks_sound "$a"
	over $? "nor one that a guest uses"
}

no_folder() {
	rm -rf "$a" "$b"
	one_line 3 "--storage-dir $dir/none: No such file" receive --storage-dir "$dir/none" &&
		one_line 3 "--storage-dir $dir/psk: Not a directory" receive --storage-dir "$dir/psk" &&
		one_line 2 "--attach takes no" receive --attach x --storage-dir "$dir"
	result $? "a folder that is none, or not to be had: one line"
}

# Before it is made, as the rules are for what QEMU is told to open.
not_allowed() {
	asks=(--storage mirror)
	echo "file * !*/d1" >"$dir/rules"
	setup '' '' --allow "$dir/rules" && ended 3 && says_line "the file .*/d1 is not allowed here" &&
		at A && nothing_left && disks_sound "$a"
	over $? "an image that the destination's rules don't allow: refused"
}

# Nor is anything emptied or made for a command line that they forbid.
not_run() {
	asks=(--storage mirror)
	echo "file * !*/serial.log" >"$dir/rules"
	fresh && mkdir -p "$b" && echo precious >"$b/d1" &&
		receive "$a" "$b" --overwrite-disks --allow "$dir/rules" &&
		go "$a" --to "$address:$port" "${asks[@]}" && ended 3 &&
		says_line "the file .*/serial.log is not allowed here" &&
		[ "$(cat "$b/d1")" = precious ] && [ ! -e "$b/d0" ] && at A && rm "$b/d1" &&
		nothing_left && disks_sound "$a"
	over $? "a command line that they don't allow: images are what they were"
}

elsewhere() {
	asks=(--storage mirror)
	mkdir -p "$dir/elsewhere"
	setup '' '' --storage-dir "$dir/elsewhere" && ended 0 && at B && disks_sound "$b" &&
		no_images && images_alike "$a" "$dir/elsewhere"
	over $? "into another folder"
	rm -rf "$dir/elsewhere"
}

full() {
	local ok=1
	asks=(--storage mirror)
	fresh && mkdir -p "$b" && mount -t tmpfs -o size=8M tmpfs "$b" && tmpfs=$b &&
		receive "$a" "$b" && go "$a" --to "$address:$port" "${asks[@]}" && ended 1 &&
		says_line "disk d[01] is not copied: No space left" && at A && nothing_left &&
		disks_sound "$a" && ok=0
	over $ok "the destination's disk is full"
	[ -z "$tmpfs" ] || umount "$tmpfs"
	tmpfs=''
}

# What can't be mirrored is said before anything is made.
obstacle() { # TEXT COMMAND...
	local text=$1
	asks=(--storage mirror)
	rm -rf "$a" "$b"
	make_disks && "${@:2}" && drives "" && { begin_guest "$a" --ready 120 || true; } && watch_nothing &&
		receive "$a" "$b" && go "$a" --to "$address:$port" "${asks[@]}" && ended 3 &&
		says_line "$text" && [ "$(state "$a")" = running ] && nothing_left
	over $? "refused: $text"
	formats=(raw qcow2)
}
watch_nothing() { sleep 600 & sampler=$!; }
as_qed() { qemu-img convert -O qed "$where/d0" "$where/t" && mv "$where/t" "$where/d0" && formats=(qed qcow2); }
with_backing() {
	mv "$where/d1" "$where/base" &&
		qemu-img create -q -f qcow2 -b "$where/base" -F qcow2 "$where/d1"
}
with_snapshot() { qemu-img snapshot -c before "$where/d1"; }

# While the disks are copied, at a speed at which that takes more than a minute: nobody waits for it.
until_copying() {
	for _ in $(seq 400); do
		"$guest/qmp" "$a/mon.sock" query-jobs | jq -e 'any(.[]; .id == "kmigrate-disk0" and
			.status == "running" and ."current-progress" > 0)' >/dev/null && return 0
		sleep 0.05
	done
	echo "# no disk is copied: $("$guest/qmp" "$a/mon.sock" query-jobs)"
	return 1
}
soon() { # EXIT: of run
	local from=$SECONDS
	ended "$1" && [ $((SECONDS - from)) -lt 30 ] && return 0
	echo "# that took $((SECONDS - from)) s"
	return 1
}
killed() { # NAME WHOM EXIT SAYS
	asks=(--storage mirror --bandwidth 2Mbit)
	setup '' '' && until_copying && sleep "$((RANDOM % 2)).$((RANDOM % 10))" && kill_one "$2" &&
		soon "$3" && at A && { [ -z "$4" ] || says stayed; } && sleep 1 && nothing_left &&
		[ -z "$(server)" ] && disks_sound "$a" &&
		cmp -s -n 1048576 -i $((45 << 20)):$((5 << 20)) "$a/d0" "$dir/content"
	over $? "while disks are copied: $1"
}
kill_one() {
	case $1 in
	run) kill -9 "$mover" ;;
	receive) kill -9 "$receiver" ;;
	there) kill -9 "$(qemu_of "$b")" ;;
	server) kill -9 "$(server)" ;;
	int) kill -INT "$mover" ;;
	esac
}

moment() { # NAME-OF-FAULT OF WHERE SAYS EXIT: kill -9 of run or receive there
	asks=(--storage mirror)
	if [ "$2" = run ]; then
		setup "$1" '' && stopped "$mover" && kill -9 "$mover" && at "$3" && says "$4"
	else
		setup '' "$1" && stopped "$receiver" && kill -9 "$receiver" && ended "$5" && at "$3" && says "$4"
	fi && case $3 in
	A) sleep 1 && nothing_left && disks_sound "$a" ;;
	B) disks_sound "$b" ;;
	esac
	over $? "$2 killed: $1"
}

# Nobody is left who could tell QEMU to go on.
nobody() {
	local id
	asks=(--storage mirror)
	setup mirrors-finished '' && stopped "$mover" && pkill -9 -P "$mover" && kill -9 "$mover" &&
		id=$("$km" status --json --open | jq -r '.moves[] | select(.side == "source").id') &&
		[ -n "$id" ] && "$km" resolve "$id" --side source >/dev/null && at A && nothing_left &&
		disks_sound "$a"
	over $? "run and its guard killed when the mirrors were finished, then resolved"
}

# The destination is as if dead while the guest's writes wait for it.
stalled() {
	asks=(--storage mirror)
	setup mirrored '' && stopped "$mover" && kill -STOP "$receiver" && kill -CONT "$mover" &&
		ended 1 && [ "$(state "$a")" = running ] && disks_sound "$a" &&
		kill -CONT "$receiver" && at A && nothing_left
	over $? "receive seems dead when the disks are in sync"
}

slow() {
	local rate=8000000
	asks=(--storage mirror --bandwidth 8MB)
	setup '' '' && ended 0 && at B && disks_sound "$b" &&
		jq -e "(.counters.wire_bytes / .times.total_ms * 1000) < $rate * 1.1 and
			.disks.copying_ms > 2000" "$a/run.json" >/dev/null
	over $? "--bandwidth holds for disks and memory together: $(jq -c '[.counters.wire_bytes, .times.total_ms]' "$a/run.json")"
}

heard() { grep -aqF 'kmigrate knows these words' "$dir"/heard/*; }
between() {
	rm -rf "$dir/heard"
	mkdir "$dir/heard"
	"$here/proxy" 0 "$port" "$dir/heard" &
	helper=$!
	until [ -s "$dir/heard/port" ]; do sleep 0.05; done
	port=$(cat "$dir/heard/port")
}
no_more() { kill -9 "$helper"; wait "$helper" 2>/dev/null; helper=''; }
overheard() {
	local ok=1
	asks=(--storage mirror)
	fresh && receive "$a" "$b" --insecure && between &&
		go "$a" --to "$address:$port" --insecure "${asks[@]}" && ended 0 && heard && ok=0
	no_more
	over $ok "without TLS somebody on the way reads the disk"
	ok=1
	fresh && receive "$a" "$b" && between && go "$a" --to "$address:$port" "${asks[@]}" &&
		ended 0 && at B && ! heard && [ "$(cat "$dir"/heard/*.source | wc -c)" -gt $((mib << 20)) ] && ok=0
	no_more
	over $ok "with TLS nobody does"
}

cut_off() {
	local ok=1
	asks=(--storage mirror --bandwidth 2Mbit)
	fresh && receive "$a" "$b" --peer-timeout $patience && between &&
		go "$a" --to "$address:$port" --peer-timeout $patience "${asks[@]}" && until_copying &&
		no_more && soon 1 && at A && says stayed && nothing_left && disks_sound "$a" && ok=0
	[ -z "$helper" ] || no_more
	over $ok "while disks are copied: the link is cut"
}

# A mirror that fails later is noticed before the guest is stopped for it.
fails_later() {
	asks=(--storage mirror --bandwidth 16Mbit)
	setup mirrored '' && stopped "$mover" && kill_one server && kill -CONT "$mover" && soon 1 &&
		says_line "disk d[01] is not copied" && jq -e '.phase == "precopy"' "$a/run.json" >/dev/null &&
		at A && says stayed && nothing_left && disks_sound "$a"
	over $? "a mirror fails while memory moves: $(jq -r .phase "$a/run.json" 2>/dev/null)"
}

cases=(mirrored by_qemu stands_still refused
	"shared 'shared storage is recognised'" "shared 'said to be shared: nobody looks' --storage shared"
	"shared 'mirror leaves what is shared where it is' --storage mirror"
	another_file in_the_way "unlike larger larger" "unlike 'smaller, of another format' smaller"
	"device 'a device of the same size' 96M fits" "device 'a device that is larger: refused' 97M fits_not"
	attached_alike attached_larger own_image in_use no_folder not_allowed not_run elsewhere
	full
	"obstacle 'its format is neither raw nor qcow2' as_qed"
	"obstacle 'its image has a backing file' with_backing"
	"obstacle 'its image has snapshots inside' with_snapshot"
	"killed 'kill -9 of run' run 137 ''" "killed 'kill -9 of receive' receive 1 says"
	"killed 'kill -9 of the QEMU there' there 1 says" "killed 'kill -9 of the disk server' server 1 says"
	"killed 'Ctrl-C' int 130 says" cut_off fails_later
	"moment mirroring run A stayed" "moment mirrored run A stayed" "moment stopped run A stayed"
	"moment mirrors-finished run A stayed" "moment loaded run A stayed"
	"moment decided run A stayed" "moment go-sent run B moved"
	"moment fence receive A stayed 1" "moment load-done receive A stayed 1"
	"moment go-heard receive B moved 0"
	nobody stalled slow overheard)
[ -z "${CASES:-}" ] || eval "cases=($CASES)"
n=${#cases[@]}
for c in stands_still overheard; do # two results each
	[[ " ${cases[*]} " != *" $c "* ]] || n=$((n + 1))
done
begin $n
for c in "${cases[@]}"; do eval "$c"; done
finish
