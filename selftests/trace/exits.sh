#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kmigrate trace exits, against a guest whose exits are known, in a test host of each kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
km=$root/build/kmigrate out=$root/build/selftests/trace
. "$here/../ktap.sh"
. "$here/../said.sh"

# What runs in the host; each answer goes to a file there and comes out as a line of JSON.
inside() {
	local dir pid tracer
	dir=$(mktemp -d)
	cd "$dir" || exit 1
	mkfifo go
	"$out/leaver" 3000 200 400 <go &
	pid=$!
	exec 3>go
	has_vcpu $pid
	"$km" trace --vm $pid exits --seconds 60 --json >counts 2>counts.err &
	tracer=$!
	attached $tracer
	echo >&3
	wait $pid || echo "the guest failed" >&2
	# It ends with its guest.
	timeout 20 tail -f --pid=$tracer /dev/null
	echo "@counts $(jq -c '.answers[0]' counts)"
	echo "@after-guest $(links) $(cat counts.err)"

	"$out/leaver" 1000 1 <go &
	pid=$!
	has_vcpu $pid
	"$km" trace --vm $pid --seconds 60 >/dev/null &
	tracer=$!
	attached $tracer
	echo "@attached $(links)"
	kill -9 $tracer
	wait $tracer 2>/dev/null
	echo "@after-kill $(links)"
	"$km" trace --vm $pid --seconds 60 >text &
	tracer=$!
	attached $tracer
	kill -INT $tracer
	wait $tracer
	echo "@interrupted $? $(head -1 text)"
	echo "@list $("$km" trace --list --json | jq -c '.questions[0]')"
	echo "@nobody $(setpriv --reuid 65534 --clear-groups "$km" trace --list --json |
		jq -r '.questions[0].why_not')"
	kill $pid
	wait $pid 2>/dev/null
	modprobe -r kvm_amd kvm
	echo "@no-kvm $("$km" trace --list --json | jq -r '.questions[0].why_not')"
}

has_vcpu() { # PID: wait for it
	until readlink /proc/"$1"/fd/* | grep -q kvm-vcpu; do sleep 0.1; done
}

# Both probes of a tracer hang on links of its own, which fdinfo shows.
attached() { # PID
	until [ "$(grep -l '^link_type' /proc/"$1"/fdinfo/* 2>/dev/null | wc -l)" -ge 2 ]; do
		kill -0 "$1" || return
		sleep 0.1
	done
}

# Our programs that the kernel has. They are freed after a grace period.
links() {
	local n
	for _ in $(seq 20); do
		n=$(bpftool prog list | grep -c 'name on_e')
		[ "$n" = 0 ] && break
		sleep 0.2
	done
	echo "$n"
}

equals() { [ "$(said_of "$1")" = "$2" ] || { said_of "$1"; return 1; }; } # WHAT TEXT
holds() { # WHAT FILTER; jq 1.6 is content with no input at all
	said_of "$1" | grep -q . && said_of "$1" | jq -e "$2" >/dev/null || { said_of "$1"; return 1; }
}

try() { # KERNEL
	log=$out/$1.log
	check "$1 a host runs it" run_host "$1"
	check "$1 the question works" holds list '.works'
	check "$1 each vCPU's exits, exactly" holds counts '[.rows[] | select(.what == "io")] |
		map({(.vcpu | tostring): .count}) | add == {"0": 200, "1": 400}'
	check "$1 each is timed" holds counts '.lost == 0 and ([.rows[] |
		select(.what == "io") | .count == .timed and .timed == ([.histogram[].count] | add)] |
		all)'
	# 3 ms each, on a clock that may only be late.
	check "$1 none is shorter than it was" holds counts '[.rows[] | select(.what == "io") |
		.sum_ns >= .count * 3000000 and .histogram[0].from_ns >= 2097152] | all'
	check "$1 the last exit is counted and not timed" holds counts '[.rows[] |
		select(.what == "hlt") | .count == 1 and .timed == 0] | length == 2 and all'
	check "$1 it ends with its guest, quietly" equals after-guest "0 "
	check "$1 Ctrl-C shows what was seen" eval 'said_of interrupted | grep "^0 exits, "'
	check "$1 while it runs its programs are there" equals attached 2
	check "$1 killed, it leaves nothing" equals after-kill 0
	check "$1 without rights" eval 'said_of nobody | grep "needs root"'
	check "$1 without KVM" eval 'said_of no-kvm | grep "no tracepoint kvm/kvm_exit"'
}

run_host() { # KERNEL
	"$root/selftests/vm/host" --kernel "$1" --timeout 300 --name "trace-${1/./-}" -- \
		"$here/exits.sh" --inside >"$log" 2>&1
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi
plan 24
mkdir -p "$out"
${CC:-gcc} -O2 -Wall -Wextra -Werror -pthread -o "$out/leaver" "$here/leaver.c" || exit 1
try 6.1
try 6.12
finish
