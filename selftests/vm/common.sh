# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# common.sh: what the launchers `host` (QEMU) and `bochs` have in common. Sourced by both.
# They set $me, the defaults of the options below, and before launch() the array `machine`,
# which is the emulator with its arguments; and have machine_says(), its first complaint.
#
# In the folder of the run the emulator leaves `out`, what the command printed, and
# `status`, its exit status; kernel messages go to the log.
# shellcheck disable=SC2154,SC2034 # variables of the launcher

# shellcheck disable=SC2154
build=$(cd "$here/../.." && pwd)/build
state=$build/vm
name='' prefix='' log='' append=''
modules=() vars=() command=() machine=()
run='' machine_pid='' timer_pid='' poke_pid='' off_pid='' timed_out=''

# Kernel arguments, and why:
#   oops=panic panic=-1   an oops ends the run at once (-no-reboot) instead of at its limit
#   loglevel=5            a UART under emulation is slow; init raises it to 8
#   rcu_cpu_stall_timeout, watchdog_thresh, hung_task_timeout_secs
#                         virtual CPUs are threads that wait for a busy machine's CPUs, under
#                         emulation for seconds on end: near their defaults (21, 10 and 120 s;
#                         21 s is upstream's) these detectors report the machine's load.
#                         300 and 60 are the kernel's own maxima (kernel/rcu/tree_stall.h,
#                         kernel/watchdog.c).
#   no_timer_check        for the same reason: the kernel panics unless five of its ticks come
#                         in the time of ten (timer_irq_works(), io_apic.c)
common_arguments="loglevel=5 oops=panic panic=-1 \
rcupdate.rcu_cpu_stall_timeout=300 rcupdate.rcu_exp_cpu_stall_timeout=0 \
watchdog_thresh=60 sysctl.kernel.hung_task_timeout_secs=300 \
no_timer_check random.trust_cpu=on mitigations=off"

bad() { echo "$me: $* (--help lists the options)" >&2; exit 2; }
die() { echo "$me: $*" >&2; exit 125; }

# Option values are checked here, so that a mistake is one line and not the emulator's or
# the kernel's.
number() { # OPTION VALUE MIN MAX
	{ [[ $2 =~ ^[0-9]{1,6}$ ]] && ((10#$2 >= $3 && 10#$2 <= $4)); } ||
		bad "$1 takes a number from $3 to $4, not '$2'"
}

match() { # OPTION VALUE REGEX WHAT
	[[ $2 =~ ^($3)$ ]] || bad "$1 takes $4, not '$2'"
}

# An absolute path that can be written into QEMU's comma lists and init's line lists.
existing() { # OPTION PATH TEST
	local path
	path=$(realpath -e -- "$2" 2>/dev/null) || bad "$1: no such file or folder: $2"
	test "$3" "$path" || bad "$1: wrong kind of file: $2"
	[[ $path =~ ^[^,[:space:]]+$ ]] || bad "$1: commas and blanks in paths are not supported: $2"
	echo "$path"
}

common_option() { # OPTION VALUE
	local path
	case $1 in
	--kernel) match "$1" "$2" '6\.1|6\.12(-debug)?' '6.1, 6.12 or 6.12-debug'
		kernel=$2 ;;
	--mem) match "$1" "$2" '[1-9][0-9]{0,6}[MG]' 'a size such as 512M or 2G'; mem=$2 ;;
	--name) match "$1" "$2" '[A-Za-z0-9][A-Za-z0-9-]{0,31}' 'a short name'; name=$2 ;;
	--prefix) match "$1" "$2" '[A-Za-z0-9_.: -]{0,32}' 'a short text'; prefix=$2 ;;
	--module) path=$(existing "$1" "$2" -f) || exit 2; modules+=("$path") ;;
	--append) append+=" $2" ;;
	--env) match "$1" "${2%%=*}${2:+=}" '[A-Za-z_][A-Za-z0-9_]*=' 'VAR=VALUE'
		[[ $2 == *=* ]] || bad "$1 takes VAR=VALUE, not '$2'"
		vars+=("$2") ;;
	--log) log=$(realpath -m -- "$2") ;;
	*) bad "unknown option $1" ;;
	esac
}

# Calls option() for each option with its value, flag() for what may be one without.
parse_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--) shift; command=("$@"); break ;;
		--help) usage; exit 0 ;;
		--*=*) option "${1%%=*}" "${1#*=}" ;;
		--*) flag "$1" || {
			[ "${2:---}" != -- ] || bad "$1 needs a value, or is unknown"
			option "$1" "$2"; shift
		} ;;
		*) bad "'$1' is no option; the command comes after --" ;;
		esac
		shift
	done
	[ ${#command[@]} -gt 0 ] || bad "no command"
	[ -n "$name" ] || name=$me
}

mebibytes() { # SIZE
	case $1 in
	*G) echo $((${1%G} * 1024)) ;;
	*M) echo "${1%M}" ;;
	esac
}

quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# The script that init runs.
write_command() {
	local var word
	echo "export HOME=/root LANG=C.UTF-8 TERM=dumb"
	echo "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for var in "${vars[@]}"; do echo "export ${var%%=*}=$(quote "${var#*=}")"; done
	echo "cd $(quote "$PWD") 2>/dev/null || cd /"
	printf exec
	for word in "${command[@]}"; do printf ' %s' "$(quote "$word")"; done
	echo
}

# Kernel and initramfs, made once; by one launcher if several start together.
prepare() {
	local image=$state/initramfs-$me-$kernel
	mkdir -p "$state/logs" "$state/run" || die "cannot make $state"
	exec 8>"$state/.lock"
	flock 8 || die "cannot lock $state/.lock"
	"$here/kernels" "$kernel" || die "no kernel $kernel"
	if [ "$image" -ot "$here/init" ] || [ "$image" -ot "$here/initramfs" ] ||
		[ "$image" -ot "$here/nudge.c" ] ||
		[ "$image" -ot "$build/kernels/$kernel/release" ]; then
		"$here/initramfs" "$me" "$build/kernels/$kernel" "$image" || die "no initramfs"
	fi
	exec 8>&-
	# The newest logs are kept, the rest would only pile up.
	find "$state/logs" -name '*.log' -printf '%T@ %p\n' | sort -rn |
		tail -n +200 | cut -d ' ' -f 2- | xargs -r -d '\n' rm -f
	# Of launchers that were killed outright.
	find "$state/run" -mindepth 1 -maxdepth 1 -mmin +2880 -exec rm -rf {} +
	run=$(mktemp -d "$state/run/$name.XXXXXX") || die "cannot make a folder in $state/run"
	[ -n "$log" ] || log=$state/logs/$name.$$.log
	: >"$log" || die "cannot write $log"
}

# The initramfs of this run: the kernel's, and what is in $run/job and in DIR...
pack_job() { # [DIR...]
	local dir
	write_command >"$run/job/command" || return 1
	(cd "$run" && find job | cpio --quiet -o -H newc >job.cpio) || return 1
	for dir; do
		(cd "$dir" && find . | cpio --quiet -o -H newc) >>"$run/job.cpio" || return 1
	done
	cat "$state/initramfs-$me-$kernel" "$run/job.cpio" >"$run/initramfs"
}

cleanup() {
	[ -z "$machine_pid" ] || kill -KILL "$machine_pid" 2>/dev/null
	[ -z "$timer_pid" ] || kill -KILL "$timer_pid" 2>/dev/null
	[ -z "$poke_pid" ] || kill -KILL "$poke_pid" 2>/dev/null
	[ -z "$off_pid" ] || kill -KILL "$off_pid" 2>/dev/null
	[ -z "$run" ] || rm -rf "$run"
}

traps() {
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# Prints the output as it grows, until the emulator has ended. That writes to a file and not
# to a pipe: it does not wait for a slow reader when the machine powers off.
show_output() {
	local show=(tail -c +1 -f -s 0.05 "--pid=$machine_pid" "$run/out")
	if [ -n "$prefix" ]; then
		"${show[@]}" | sed -u "s/^/$prefix/"
	else
		"${show[@]}"
	fi
}

# The emulator runs in the folder of this run, so that unix sockets have short names
# (sun_path holds 108 bytes, unix(7)).
launch() { # TIME-LIMIT
	local show_pid ended
	: >"$run/out"
	(cd "$run" && exec setpriv --pdeathsig KILL "${machine[@]}") </dev/null >"$run/machine" 2>&1 &
	machine_pid=$!
	[ "$me" != host ] || {
		(cd "$run" && exec setpriv --pdeathsig KILL "$here/poke" qmp) &
		poke_pid=$!
	}
	show_output &
	show_pid=$!
	setpriv --pdeathsig KILL sleep "$1" >/dev/null &
	timer_pid=$!
	# QEMU 7.2 may stay when its machine is off, with a monitor's client (poke) on its way just
	# then: seen once in some thousand hosts. Nothing is to be learned of it any more.
	setpriv --pdeathsig KILL bash -c 'until grep -a -q "reboot: Power down" "$0"; do
		sleep 2; done; sleep 20' "$log" >/dev/null 2>&1 &
	off_pid=$!
	wait -n -p ended "$machine_pid" "$timer_pid" "$off_pid"
	if [ "$ended" = "$timer_pid" ]; then
		timed_out=$1
		[ "$me" != host ] || (cd "$run" && "$here/lastwords" qmp "$log") >&2
	fi
	kill -KILL "$machine_pid" "$timer_pid" "$off_pid" $poke_pid 2>/dev/null
	wait "$machine_pid" "$timer_pid" "$off_pid" $poke_pid 2>/dev/null
	wait "$show_pid"
	machine_pid='' timer_pid='' poke_pid='' off_pid=''
}

verdict() {
	local code splats
	code=$(cat "$run/status" 2>/dev/null)
	if [ -z "$timed_out" ] && ! grep -a -q 'kmigrate-vm: user space starts' "$log"; then
		echo "$me: $name: did not boot: $(reason); log: $log" >&2
		return 125
	fi
	if splats=$("$here/splat" "$log"); then
		[ -z "$timed_out" ] || {
			echo "$me: $name: killed at its time limit of $timed_out s; log: $log" >&2
			return 124
		}
		[[ $code =~ ^[0-9]+$ ]] && return "$code"
		echo "$me: $name: ended without a status: $(reason); log: $log" >&2
		return 125
	fi
	echo "$me: $name: the kernel complained (log: $log):" >&2
	echo "$splats" | head -n 20 >&2
	[ -z "$timed_out" ] || echo "$me: $name: and killed at its time limit of $timed_out s" >&2
	return 90
}

reason() {
	local line
	line=$(grep -a -m 1 -E 'kmigrate-vm: FAILED|Kernel panic' "$log") || line=$(machine_says)
	echo "${line:-see the log}" | tr -d '\r'
}
