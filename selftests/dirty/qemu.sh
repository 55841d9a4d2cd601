#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Plain QEMU migrates a working guest while the module observes, in a test host of each
# kernel: the guest notices nothing, and the module counts what QEMU counts, within 5 %.
# Nobody tells the module, which holds the CPUs meanwhile (hold --auto): until QEMU ends, as it
# has its dirty log on for as long as its guest doesn't run (memory_global_dirty_log_stop()).
#
# QEMU tells what each sync of its bitmap found (trace event migration_bitmap_sync_end). The
# number is of a period, which ends with the first sync that comes over a second after the
# last period's end (QEMU migration/ram.c, migration_bitmap_sync), so it grows from one sync
# to the next and then starts again. QEMU counts a page that waits to be sent only once,
# however often it was harvested; so the downtime limit is kept at its smallest, at which a
# sync comes when next to nothing waits, and a guest too fast for that is paused in the end.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
km=$root/build/kmigrate out=$root/build/selftests/dirty guest=$root/selftests/guest
. "$here/../ktap.sh"
. "$here/../said.sh"
. "$here/../hold/cpustate.sh"

options=(--mem 64M --param ws=16M --param rate=4000)
params='{"max-bandwidth":33554432,"downtime-limit":1}'

qmp() { "$guest/qmp" "$@"; }

ended() { # TRIES
	for _ in $(seq "$1"); do
		state=$(qmp a/qmp.sock query-migrate | grep -o '"status": *"[a-z]*"' | head -1)
		case $state in *completed* | *failed*) return ;; esac
		sleep 0.2
	done
	return 1
}

# Each policy's governor and floor, and who holds.
holders() { "$km" hold --json; cat /sys/devices/system/cpu/cpufreq/policy*/scaling_{governor,min_freq} | jq -R .; }

inside() { # FAKEFREQ
	local dir observer state
	dir=$(mktemp -d)
	cd "$dir" || exit 1
	insmod "$1" || exit 1
	state >before
	"$km" hold --auto on || exit 1
	"$guest/start" flat --dir "$dir/a" "${options[@]}" --ready 120 \
		-- -msg timestamp=on -trace migration_bitmap_sync_end || exit 1
	"$guest/start" flat --dir "$dir/b" "${options[@]}" --incoming || exit 1
	qmp b/qmp.sock migrate-incoming "{\"uri\":\"unix:$dir/migration\"}" >/dev/null
	"$km" dirty --vm "$dir/a/qmp.sock" --observe --seconds 600 --json >seen 2>seen.err &
	observer=$!
	sleep 2 # it counts from when it is attached; QEMU's log is off till then
	qmp a/qmp.sock migrate-set-parameters "$params" -- migrate "{\"uri\":\"unix:$dir/migration\"}" \
		>/dev/null
	say early holders
	ended 75 || { qmp a/qmp.sock stop >/dev/null; ended 300; }
	echo "@state $state"
	kill -INT $observer
	wait $observer
	echo "@seen $? $(jq -c . seen) $(cat seen.err)"
	sed -n 's/^[0-9]*@\([0-9.]*\):migration_bitmap_sync_end dirty_pages \([0-9]*\)/@sync \1 \2/p' \
		a/qemu.log
	qmp b/qmp.sock cont >/dev/null
	"$guest/status" b --progress 20
	echo "@guest $?"
	"$guest/stop" a b
	same migrated
}

# Syncs, and the pages that they found. The first comes before the guest's log has been on.
# QEMU looks at its clock a moment after it has told; on a busy host that moment may be long,
# and where a period has lasted about a second, both is possible: that it has ended, or not.
# Then both sums are told, unless what follows is less, which shows that it has.
qemu_counted() {
	said_of sync | awk '
		NR == 1 { n = 1; ended[1] = $1; next }
		{
			m = 0
			for (i = 1; i <= n; i++) {
				if ($2 < before && !fresh[i])
					continue
				s = sum[i] + (fresh[i] ? $2 : $2 - before)
				if ($1 - ended[i] > 0.8) {
					m++; sums[m] = s; ends[m] = $1; news[m] = 1
				}
				if ($1 - ended[i] < 1.2) {
					m++; sums[m] = s; ends[m] = ended[i]; news[m] = 0
				}
			}
			for (n = m; m; m--) {
				sum[m] = sums[m]; ended[m] = ends[m]; fresh[m] = news[m]
			}
			before = $2
		}
		END { printf "%d", NR; for (i = 1; i <= n; i++) printf " %d", sum[i]; print "" }'
}

agree() {
	local syncs sums pages seen
	read -r syncs sums < <(qemu_counted)
	seen=$(said_of seen | sed 's/^0 //' | jq .pages)
	echo "QEMU: $sums pages in $syncs syncs; the module: $seen"
	[ "$syncs" -ge 5 ] || return 1
	for pages in $sums; do
		[ "$pages" -ge 2000 ] && [ $((seen * 100)) -ge $((pages * 95)) ] &&
			[ $((seen * 100)) -le $((pages * 105)) ] && return
	done
	return 1
}

completes() { said_of state | grep -q completed || { cat "$log"; return 1; }; }
unharmed() { [ "$(said_of guest)" = 0 ] || { tail -20 "$log"; return 1; }; }

# Two CPUs, each a policy of 800 MHz to 3.2 GHz.
held() {
	holds early 0 '.[0].holds | length == 1 and .[0].automatic and .[0].cpus == "0-1"' &&
		holds early 0 '.[1:] == ["performance", "performance", "3200000", "3200000"]'
}

run_host() { # KERNEL
	local module fakefreq
	module=$("$root/selftests/vm/kmodule" "$1") &&
		fakefreq=$("$root/selftests/kmod/fakefreq/build" "$1") || return 1
	"$root/selftests/vm/host" --kernel "$1" --timeout 400 --name "dirtyq-${1/./-}" \
		--module "$module" -- "$here/qemu.sh" --inside "$fakefreq" >"$log" 2>&1
}

if [ "${1:-}" = --inside ]; then
	inside "$2"
	exit
fi
[ $# -gt 0 ] || set -- 6.1 6.12
plan $((6 * $#))
mkdir -p "$out"
make -s -C "$guest" >&2 || exit 1
for kernel in "$@"; do
	log=$out/qemu-$kernel.log
	check "$kernel a host runs it" run_host "$kernel"
	check "$kernel QEMU's migration completes" completes
	check "$kernel the guest found no page wrong" unharmed
	check "$kernel as many pages as QEMU counted, within 5 %" agree
	echo "# $said"
	check "$kernel meanwhile its CPUs are held, by nobody's order" held
	check "$kernel and then as before" says same-migrated '^0 '
done
finish
