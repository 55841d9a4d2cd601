# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For the tests of kmigrate trace: what they need inside the test host, and to judge what
# was said there (lines that begin with @NAME in $log).
root=$(cd "$here/../.." && pwd)
km=$root/build/kmigrate out=$root/build/selftests/trace
. "$here/../ktap.sh"
. "$here/../said.sh"

# Until the command succeeds. Not when the process has ended, and not for much longer than it takes a
# busy machine: what then is said is of more use than a host at its time limit.
await() { # PID COMMAND...
	local until=$((SECONDS + 150))
	while ((SECONDS < until)); do
		"${@:2}" && return
		kill -0 "$1" || return
		sleep 0.1
	done
	echo "in vain: ${*:2}" >&2
	return 1
}

vcpu_is_there() { readlink /proc/"$1"/fd/* | grep -q kvm-vcpu; } # PID
has_vcpu() { await "$1" vcpu_is_there "$1"; }			 # PID
has_said() { await "$1" [ -s "$2" ]; }				 # PID FILE

# The probes of a tracer hang on links of its own, which fdinfo shows.
links_are_there() { [ "$(grep -l '^link_type' /proc/"$1"/fdinfo/* 2>/dev/null | wc -l)" -ge "$2" ]; }
attached() { await "$1" links_are_there "$@"; } # PID PROBES

# Our programs that the kernel has. They are freed after a grace period.
links() {
	local n
	for _ in $(seq 20); do
		n=$(bpftool prog list | grep -c 'name on_')
		[ "$n" = 0 ] && break
		sleep 0.2
	done
	echo "$n"
}

# How it is watched, and when it can be; a test of processes that are no guests has its own.
watch=--vm
ready() { has_vcpu "$1"; } # PID FILE-WITH-WHAT-IT-SAYS

# A guest in the background, as $pid: GUEST is a command that makes it and waits for a line,
# which comes from descriptor 3. What it says goes to FILE.
start_guest() { # FILE GUEST...
	[ -p go ] || mkfifo go
	rm -f "$1"
	"${@:2}" <go >"$1" &
	pid=$!
	exec 3>go
	ready $pid "$1" || echo "${*:2} does not start" >&2
}

# Runs a guest under a tracer. What the tracer says goes to the file NAME, what the guest says
# to NAME.guest.
traced() { # NAME QUESTION PROBES GUEST...
	local name=$1 question=$2 probes=$3 pid tracer
	start_guest "$name.guest" "${@:4}"
	"$km" trace $watch $pid "$question" --seconds 600 --json >"$name" 2>"$name.err" &
	tracer=$!
	attached $tracer "$probes"
	before
	echo >&3
	during "$pid" "$name.guest"
	wait $pid || echo "the guest failed" >&2
	exec 3>&-
	# It ends with its guest.
	timeout 20 tail -f --pid=$tracer /dev/null
	echo "@$name $(jq -c '.answers[0]' "$name")"
	echo "@$name-guest $(jq -s -c add "$name.guest")"
	echo "@$name-left $(links) $(cat "$name.err")"
}

# What --list says of a question.
listed() { # NAME QUESTION
	echo "@$1 $("$km" trace --list --json |
		jq -c --arg q "$2" '.questions[] | select(.name == $q)')"
}

# As if the kernel had no such tracepoint; tracefs may be in two places.
hide() { # CATEGORY/NAME
	local mount
	for mount in /sys/kernel/tracing /sys/kernel/debug/tracing; do
		[ ! -d "$mount/events/$1" ] || mount -t tmpfs tmpfs "$mount/events/$1"
	done
}

unhide() {
	local mount
	for mount in /sys/kernel/tracing /sys/kernel/debug/tracing; do
		[ ! -d "$mount/events/$1" ] || umount "$mount/events/$1"
	done
}

# What else happens before the guest starts, and while it runs; a test may have its own.
before() { :; }
during() { :; } # PID FILE-WITH-WHAT-IT-SAYS

killed_tracer() { # QUESTION GUEST...
	local question=$1 pid tracer
	start_guest killed.guest "${@:2}"
	"$km" trace $watch $pid "$question" --seconds 600 >/dev/null &
	tracer=$!
	attached $tracer $PROBES
	echo "@attached $(links)"
	kill -9 $tracer
	wait $tracer 2>/dev/null
	echo "@after-kill $(links)"
	kill -9 $pid
	exec 3>&-
}

equals() { [ "$(said_of "$1")" = "$2" ] || { said_of "$1"; return 1; }; } # WHAT TEXT
holds() { # WHAT FILTER [ARGUMENT OF JQ...]; jq 1.6 is content with no input at all
	said_of "$1" | grep -q . && said_of "$1" | jq -e "${@:3}" "$2" >/dev/null ||
		{ said_of "$1"; return 1; }
}

# What is said there goes to $log; the end of it here, if it fails.
host() { # KERNEL NAME ARGUMENT OF HOST...
	"$root/selftests/vm/host" --kernel "$1" --timeout 600 --name "trace-$2-${1/./-}" "${@:3}" \
		>"$log" 2>&1 || { tail -n 30 "$log" | cut -c -300; return 1; }
}

run_host() { # KERNEL SCRIPT [OPTION OF HOST...]
	log=$out/$2.$1.log
	host "$1" "$2" "${@:3}" -- "$here/$2.sh" --inside
}

# All of a test: SCRIPT.sh --inside in a host of each kernel, and what judge, which has CASES,
# says of that.
on_kernels() { # SCRIPT CASES [OPTION OF HOST...]
	local kernel kernels=${KERNELS:-6.1 6.12}
	make -s -C "$root" trace-guests >&2 || exit 1
	plan $(($(wc -w <<<"$kernels") * (1 + $2)))
	for kernel in $kernels; do
		check "$kernel a host runs it" run_host "$kernel" "$1" "${@:3}"
		log=$out/$1.$kernel.log
		judge "$kernel"
	done
	finish
}
