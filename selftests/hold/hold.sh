#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate hold, with a cpufreq driver whose frequencies are numbers only and without one, in
# a test host of each kernel: what it holds, what it says, and that the host is as before.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
km=$root/build/kmigrate out=$root/build/selftests/hold
. "$here/../ktap.sh"
. "$here/../said.sh"
. "$here/cpustate.sh"

inside() { # FAKEFREQ
	local other
	cd "$(mktemp -d)" || exit 1
	cp "$km" . && chmod 755 . kmigrate
	state >before
	say none "$km" hold --json
	say none-text "$km" hold
	say bare "$km" hold --cpus 0 --latency-us 7 --json -- "$km" hold --json
	say bare-floor "$km" hold --cpus 0 --floor 2.4GHz -- true
	same bare

	insmod "$1" || exit 1
	state >before
	say top "$km" hold --cpus 0-1 --json -- "$km" hold --json
	same top
	say text "$km" hold --cpus 0-1 -- "$km" hold
	say floor "$km" hold --cpus 1 --floor 2400MHz --keep-governor --json -- "$km" hold --json
	same floor
	say status "$km" hold --cpus 0 -- sh -c 'exit 7'
	say no-command "$km" hold --cpus 0 -- /nowhere
	say too-fast "$km" hold --cpus 0 --floor 9GHz -- true
	say no-cpu "$km" hold --cpus 1,77 -- true
	echo 0 >/sys/devices/system/cpu/cpu1/online
	say offline "$km" hold --cpus 0-1 -- true
	echo 1 >/sys/devices/system/cpu/cpu1/online
	same refused
	say time "$km" hold --cpus 0 --for 300ms
	same time

	"$km" hold --cpus 0-1 >/dev/null 2>&1 &
	other=$!
	sleep 2
	state >held
	echo "@held $(grep -c 'policy.*scaling_min_freq=3200000' held)"
	say both "$km" hold --cpus 1 --floor 1600MHz --json -- "$km" hold --json
	kill -9 $other
	wait $other 2>/dev/null
	same killed

	"$km" hold --cpus 0-1 >/dev/null 2>&1 &
	other=$!
	sleep 1
	kill -INT $other
	wait $other
	echo "@interrupted $?"
	same interrupted

	mkfifo go
	taskset -c 1 "$out/writer" 10 <go >/dev/null &
	other=$!
	exec 3>go
	sleep 1
	say vm "$km" hold --vm $other --json -- "$km" hold --json
	exec 3>&-
	say auto-not-alone "$km" hold --auto on --cpus 0
	say auto-nobody setpriv --reuid 65534 --clear-groups ./kmigrate hold --auto on
	say auto "$km" hold --auto on
	rm -f go && mkfifo go
	taskset -c 1 "$out/writer" --log 10 <go >/dev/null &
	other=$!
	exec 3>go
	sleep 1
	say auto-holds "$km" hold --json
	exec 3>&-
	wait $other
	same auto
	say auto-off "$km" hold --auto off
	say nobody setpriv --reuid 65534 --clear-groups ./kmigrate hold --cpus 0 -- true
	same end
	say driver-goes rmmod fakefreq
	say module-goes rmmod kmigrate
	say no-module "$km" hold --cpus 0 -- true
	say no-module-show "$km" hold
}

try() { # KERNEL
	local same
	log=$out/$1.log
	check "$1 a host runs it" run_host "$1"
	check "$1 nobody holds" holds none 0 '.[0] == {holds: [], policies: [], cpus: []}'
	check "$1 nobody holds, as text" says none-text '^0 no CPUs are held'
	check "$1 no cpufreq driver: latency is held, and it says what is not" holds bare 0 '
		.[0].shortfall == ["no-cpufreq"] and .[1].cpus == [{cpu: 0, latency_us: 7, in_force_us: 7}]'
	check "$1 no cpufreq driver, a floor asked for: one line, exit 3" says bare-floor '^3  kmigrate hold: [^ ].*$'
	check "$1 the top floor, and what was before" holds top 0 '.[0].shortfall == [] and
		(.[1].policies | length == 2 and all(.now == {min_khz: 3200000, max_khz: 3200000,
		governor: "performance"} and .before.min_khz == 800000)) and
		(.[1].holds | length == 1 and .[0].cpus == "0-1" and .[0].floor_khz == null and (.[0].automatic | not))'
	check "$1 as text" says text '^0 HOLD .*0-1 +top +2 us.*POLICY.*policy0 .*3\.20 GHz +performance.*before'
	check "$1 another floor, the governor kept" holds floor 0 '.[1].policies |
		length == 1 and .[0].now.min_khz == 2400000 and .[0].now.governor == .[0].before.governor'
	check "$1 the command's exit status" says status '^7 '
	check "$1 no such command: exit 127" says no-command '^127 .*/nowhere: No such file'
	check "$1 faster than the CPU: one line, exit 3" says too-fast '^3  kmigrate hold: kmigrate.ko: holding CPUs: [^ ].*$'
	check "$1 no such CPU: one line, exit 3" says no-cpu '^3  kmigrate hold: kmigrate.ko: holding CPUs: .*CPU.*$'
	check "$1 an offline CPU: one line, exit 3" says offline '^3  kmigrate hold: kmigrate.ko: holding CPUs: .*offline.*$'
	check "$1 for a time" says time '^0 '
	check "$1 held all the while" says held '^2$'
	check "$1 two at a time: the highest floor" holds both 0 '.[1] | (.holds | length == 2) and
		(.policies | all(.now.min_khz == 3200000))'
	check "$1 Ctrl-C ends it" says interrupted '^0$'
	check "$1 a guest's CPUs" holds vm 0 '.[0].cpus == "1"'
	check "$1 automatic, and more: one line, exit 2" says auto-not-alone '^2  kmigrate hold: --auto'
	check "$1 automatic, without rights: one line, exit 3" says auto-nobody '^3  kmigrate hold: .*needs root'
	check "$1 automatic: on" says auto '^0 '
	check "$1 automatic: the CPUs of a VMM that logs" holds auto-holds 0 '.[0].holds | length == 1 and
		.[0].cpus == "1" and .[0].automatic'
	check "$1 automatic: off" says auto-off '^0 '
	check "$1 without rights: one line, exit 3" says nobody '^3  kmigrate hold: .*needs root'
	for same in bare top floor refused time killed interrupted auto end; do
		check "$1 afterwards all is as before: $same" says "same-$same" '^0 $'
	done
	check "$1 driver and module can go" says module-goes '^0 '
	check "$1 no module: one line, exit 3" says no-module '^3  kmigrate hold: kmigrate.ko is not loaded'
	check "$1 no module, shown: one line, exit 3" says no-module-show '^3  kmigrate hold: kmigrate.ko is not loaded'
}

run_host() { # KERNEL
	local module fakefreq
	module=$("$root/selftests/vm/kmodule" "$1") &&
		fakefreq=$("$root/selftests/kmod/fakefreq/build" "$1") || return 1
	"$root/selftests/vm/host" --kernel "$1" --timeout 200 --name "hold-${1/./-}" \
		--module "$module" -- "$here/hold.sh" --inside "$fakefreq" >"$log" 2>&1
}

if [ "${1:-}" = --inside ]; then
	inside "$2"
	exit
fi
[ $# -gt 0 ] || set -- 6.1 6.12
plan $((36 * $#))
mkdir -p "$out"
kmod=$here/../kmod
${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -pthread -I"$kmod" \
	-o "$out/writer" "$here/../dirty/writer.c" "$kmod/vmm.c" "$kmod/memory.c" || exit 1
for kernel in "$@"; do
	try "$kernel"
done
finish
