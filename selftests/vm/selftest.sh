#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# selftest.sh: does the harness itself tell the truth? KTAP output; exit status 0, 1, or 4
# when there is no QEMU here to run anything with.
#
# A harness that passes everything is worse than none, so most cases here must fail: a
# wrong exit status, a kernel splat, a hang, a crash, a launcher that is killed.
# shellcheck disable=SC2317 # the cases are called by name, from a list
set -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
host=$here/host
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs the launcher, its output in $out, its messages in $err; checks the exit status.
runs() { # STATUS [HOST-ARGUMENT...]
	local want=$1 got
	shift
	"$host" --log "$work/log" "$@" >"$work/out" 2>"$work/err"
	got=$?
	out=$(<"$work/out") err=$(<"$work/err")
	[ "$got" -eq "$want" ] && return
	echo "# exit status $got, wanted $want: host $*"
	sed 's/^/# /' "$work/out" "$work/err"
	return 1
}

# As runs, with one line of message that names the mistake.
refuses() { # TEXT [HOST-ARGUMENT...]
	local text=$1
	shift
	runs 2 "$@" || return
	[[ $err == *"$text"* && $(wc -l <"$work/err") -eq 1 ]] && return
	echo "# message: $err"
	return 1
}

headers_build() { # VERSION
	"$here/kernels" "$1" || return
	mkdir -p "$work/mod"
	printf '%s\n' '#include <linux/module.h>' \
		'static int __init t_init(void) { return 0; }' \
		'static void __exit t_exit(void) { }' \
		'module_init(t_init);' 'module_exit(t_exit);' \
		'MODULE_DESCRIPTION("test"); MODULE_LICENSE("GPL");' >"$work/mod/t.c"
	echo 'obj-m := t.o' >"$work/mod/Kbuild"
	make -s -C "$here/../../build/kernels/$1/headers" "M=$work/mod" clean modules \
		>"$work/make" 2>&1 || { sed 's/^/# /' "$work/make"; return 1; }
	# No BTF for modules where the headers package has no vmlinux (6.1): no warning of ours.
	! grep -v '^Skipping BTF' "$work/make" | sed 's/^/# /' | grep .
}

module_loads() { # VERSION
	mkdir -p "$here/../../build/vm"
	cp "$work/mod/t.ko" "$here/../../build/vm/selftest-$$.ko"
	# shellcheck disable=SC2016
	runs 0 --kernel "$1" --module "$here/../../build/vm/selftest-$$.ko" -- \
		grep -q '^t ' /proc/modules
	local code=$?
	rm -f "$here/../../build/vm/selftest-$$.ko"
	return "$code"
}

status_zero() { # VERSION
	runs 0 --kernel "$1" -- uname -r && [ "$out" = "$(<"$here/../../build/kernels/$1/release")" ]
}

status_other() { runs 3 -- sh -c 'echo to-out; echo to-err >&2; exit 3' &&
	[ "$out" = $'to-out\nto-err' ]; }

# Single quotes, blanks and newlines of arguments and variables arrive as they were.
quoting() {
	local text=$'it\'s "a" $HOME\n `b` \\'
	# shellcheck disable=SC2016
	runs 0 --env "TEXT=$text" -- sh -c 'printf "%s|%s" "$1" "$TEXT"' sh "$text" &&
		[ "$out" = "$text|$text" ]
}

kvm_usable() { # VERSION
	# KVM_GET_API_VERSION is _IO(0xae, 0) and answers 12 (Documentation/virt/kvm/api.rst).
	# shellcheck disable=SC2016
	runs 0 --kernel "$1" -- sh -c 'cat /sys/module/kvm_*/parameters/npt /sys/module/kvm_*/parameters/ept 2>/dev/null
		python3 -c "import fcntl, os; print(fcntl.ioctl(os.open(\"/dev/kvm\", os.O_RDWR), 0xae00, 0))"' &&
		[[ $out == [Y1]$'\n'12 ]]
}

# A large output arrives whole and in order, also when its end and power-off coincide.
large_output() {
	runs 0 -- seq 1 300000 && [ "$(sha256sum <"$work/out")" = "$(seq 1 300000 | sha256sum)" ]
}

topology() {
	# shellcheck disable=SC2016
	runs 0 --sockets 2 --cores 2 --threads 1 --numa 2 --mem 1G -- sh -c \
		'nproc; ls -d /sys/devices/system/node/node? | wc -l
		cat /sys/devices/system/cpu/cpu3/topology/physical_package_id' &&
		[ "$out" = $'4\n2\n1' ]
}

shared_folder() {
	mkdir -p "$work/shared dir" "$work/shared"
	refuses blanks --shared "$work/shared dir" -- true || return
	# The root below is not written to, the shared folder is.
	runs 0 --shared "$work/shared" -- \
		sh -c "echo yes >'$work/shared/file'; echo no >'/var/kmigrate-selftest'" &&
		[ "$(<"$work/shared/file")" = yes ] && [ ! -e /var/kmigrate-selftest ]
}

live_output() {
	# The line must be there while the command still runs.
	"$host" --log "$work/log" -- sh -c 'echo first; sleep 20' >"$work/live" 2>&1 &
	local pid=$! n
	for ((n = 0; n < 600; n++)); do
		[ ! -s "$work/live" ] || break
		sleep 0.1
	done
	sleep 1
	kill -0 "$pid" 2>/dev/null && grep -q first "$work/live"
	local code=$?
	kill "$pid"
	wait "$pid"
	return "$code"
}

splat_warning() { runs 90 -- sh -c 'echo "WARNING: CPU: 0 PID: 1 at x.c:1" >/dev/kmsg' &&
	[[ $err == *'x.c:1'* ]]; }

# What looks like a splat in the command's own output is none.
splat_in_output() { runs 0 -- echo 'WARNING: BUG: Oops: general protection fault'; }

# A real crash ends the run at once (oops=panic), well before the limit.
splat_crash() {
	local start=$SECONDS
	runs 90 --timeout 300 -- sh -c 'echo c >/proc/sysrq-trigger; sleep 600' &&
		[[ $err == *panic* ]] && ((SECONDS - start < 150))
}

time_limit() {
	runs 124 --timeout 20 -- sleep 600 && [[ $err == *"CPU 1: RIP "*"sleep "*" S: do_nanosleep "*"$work/log"* ]]
}

no_boot() { runs 125 --timeout 60 --append 'rdinit=/nonexistent' -- true && [[ $err == *panic* ]]; }

bad_cpu() { runs 125 --cpu nonesuch -- true && [[ $err == *nonesuch* ]]; }

bad_arguments() {
	refuses '6.12 or 6.12-debug' --kernel 5.10 -- true &&
		refuses 'unknown option' --nonesuch x -- true &&
		refuses 'no command' --kernel 6.1 &&
		refuses 'no command' -- &&
		refuses 'needs a value' --timeout -- true &&
		refuses '--timeout takes' --timeout 0 -- true &&
		refuses '--timeout takes' --timeout 1x -- true &&
		refuses '--mem takes' --mem 2T -- true &&
		refuses '--module: no such' --module /nonexistent.ko -- true &&
		refuses 'VAR=VALUE' --env 1A=2 -- true &&
		refuses 'VAR=VALUE' --env A -- true &&
		refuses 'NUMA' --numa 9 -- true &&
		refuses 'needs --net' --ip 10.0.0.1/24 -- true &&
		refuses 'after --' true
}

# Waits until a command succeeds, for 30 s.
eventually() {
	local n
	for ((n = 0; n < 300; n++)); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

running() { pgrep -f -- "qemu-system-x86_64.*-name $1 " >"$work/pids"; }
gone() { ! running "$1"; }

# SIGNAL to the launcher leaves no QEMU.
no_orphan() { # SIGNAL STATUS
	local name=selftest-$$-$1
	"$host" --name "$name" --log "$work/log" -- sleep 600 >/dev/null 2>&1 &
	local pid=$!
	eventually running "$name" || return
	sleep 1
	kill "-$1" "$pid"
	wait "$pid" 2>/dev/null
	[ $? -eq "$2" ] && eventually gone "$name"
}

# Host a stays until b has it all: what a socket has taken is not yet sent, and a host that
# powers off takes it along without a word to b.
two_hosts() {
	# shellcheck disable=SC2016
	"$here/pair" --timeout 200 -- \
		'until [ -e $DIR/ready ]; do sleep 0.2; done; bash -c "seq 1 100000 >/dev/tcp/$PEER/5000"
		until [ -e $DIR/done ]; do sleep 0.2; done' \
		'busybox nc -l -p 5000 >$DIR/got &
		until grep -q :1388 /proc/net/tcp*; do sleep 0.2; done
		touch $DIR/ready; wait; touch $DIR/done; sha256sum <$DIR/got' \
		>"$work/out" 2>&1 || { sed 's/^/# /' "$work/out"; return 1; }
	[ "$(<"$work/out")" = "b: $(seq 1 100000 | sha256sum)" ]
}

# The first failure ends the pair, with that host's status.
pair_fails() {
	"$here/pair" --timeout 200 --grace 2 -- 'exit 7' 'sleep 600' >"$work/out" 2>&1
	[ $? -eq 7 ]
}

segment_full() {
	local net=selftest-$$ pids=() n
	for n in 1 2; do
		"$host" --net "$net" --log "$work/log$n" -- sleep 600 >/dev/null 2>&1 &
		pids+=($!)
		eventually test -e "$here/../../build/vm/net/$net/$n"
	done
	runs 125 --net "$net" -- true && [[ $err == *"two hosts already"* ]]
	local code=$?
	kill "${pids[@]}"
	wait
	rm -rf "$here/../../build/vm/net/$net"
	return "$code"
}

cases=(
	'bad arguments are one line and status 2: bad_arguments'
	'a trivial module builds without warnings on 6.1: headers_build 6.1'
	'that module loads on 6.1: module_loads 6.1'
	'a trivial module builds without warnings on 6.12: headers_build 6.12'
	'that module loads on 6.12: module_loads 6.12'
	'status 0 on 6.1: status_zero 6.1'
	'status 0 on 6.12: status_zero 6.12'
	'status and both outputs of the command: status_other'
	'arguments and variables arrive unchanged: quoting'
	'large output arrives whole: large_output'
	'output comes while the command runs: live_output'
	'nested paging and /dev/kvm on 6.1: kvm_usable 6.1'
	'nested paging and /dev/kvm on 6.12: kvm_usable 6.12'
	'sockets and NUMA nodes: topology'
	'shared folders are written, the root is not: shared_folder'
	'a WARNING fails the run: splat_warning'
	'output that looks like one does not: splat_in_output'
	'a crash fails the run at once: splat_crash'
	'a command that hangs is killed at its limit: time_limit'
	'a host that does not boot is reported: no_boot'
	'an unknown CPU model is reported: bad_cpu'
	'no QEMU is left after SIGTERM: no_orphan TERM 143'
	'no QEMU is left after SIGKILL: no_orphan KILL 137'
	'two hosts reach each other: two_hosts'
	'a pair fails with its host: pair_fails'
	'a third host on a segment is refused: segment_full'
)

main() {
	local i=0 failed=0 name call
	echo "TAP version 13"
	command -v qemu-system-x86_64 >/dev/null || { echo "1..0 # SKIP no QEMU"; exit 4; }
	echo "1..${#cases[@]}"
	for name in "${cases[@]}"; do
		call=${name##*: } name=${name%: *}
		i=$((i + 1))
		# shellcheck disable=SC2086 # function and arguments
		if $call; then echo "ok $i $name"; else echo "not ok $i $name"; failed=1; fi
	done
	exit $failed
}

out='' err=''
main
