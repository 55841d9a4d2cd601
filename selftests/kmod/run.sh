#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [-k KERNEL]... [PROGRAM...]: builds kmigrate.ko for Debian's kernels, 6.1 and 6.12
# unless -k names one, and tests it in a test host of each. KTAP; every result of every
# program counts, and one for each kernel's log.
set -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=$top/build/selftests/kmod
kernels=() programs=()
number=0 failed=0

result() { # STATUS NAME [WHY]
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2${3:+ # $3}"
		failed=1
	fi
}

# Lines of diagnosis.
note() { sed -u 's/^/# /'; }

# Every result that a kernel's run must bring, a line each: PROGRAM TAB NAME.
make_plan() {
	local program
	for program in "${programs[@]}"; do
		"$out/$program" --list | sed "s/^/$program\t/" || return 1
	done
}

build_module() { # KERNEL
	"$top/selftests/vm/kernels" "$1" 2>&1 | note || return 1
	"$top/kmod/build" "$top/build/kernels/$1/headers" "$top/build/kmod" W=1 \
		>"$out/build-$1.log" 2>&1 || { note <"$out/build-$1.log"; return 1; }
	! grep -i -E 'warning[: ]' "$out/build-$1.log" | note
}

# The host's status is 90 if the kernel complained, else that of `inside`, which is 0.
# Debian's kernels have no KASAN and no lockdep; but memory that is used after it was freed,
# freed twice or written past its end shows with SLUB's checks on, and in part with KFENCE
# (6.12 has it).
run_host() { # KERNEL MODULE
	"$top/selftests/vm/host" --kernel "$1" --timeout 600 --name "kmod-${1/./-}" \
		--log "$out/host-$1.log" --append "slub_debug=FZP,kmalloc-* kfence.sample_interval=20" \
		--module "$2" --env "KM_MODULE=$2" -- \
		"$here/inside" "$out" "${programs[@]}" 2>&1 |
		awk -v "prefix=$1 " -v "first=$((number + 1))" -v "plan=$out/plan" \
			-f "$here/merge.awk"
	statuses=("${PIPESTATUS[@]}")
}

run_kernel() { # KERNEL
	local module statuses
	build_module "$1"
	result $? "$1 the module builds without a warning"
	module=$top/build/kmod/$(cat "$top/build/kernels/$1/release")/kmigrate.ko
	run_host "$1" "$module"
	number=$((number + $(wc -l <"$out/plan")))
	[ "${statuses[1]}" = 0 ] || failed=1
	# SLUB's reports start with "BUG", too, but with no colon behind it.
	grep -a -E -A 20 'BUG kmalloc-' "$out/host-$1.log" | note && statuses[0]=90
	result "${statuses[0]}" "$1 the kernel has nothing to complain about" \
		"the host ended with ${statuses[0]}"
}

while getopts k: option; do
	[ "$option" = k ] || exit 2
	kernels+=("$OPTARG")
done
shift $((OPTIND - 1))
programs=("$@")
[ ${#kernels[@]} -gt 0 ] || kernels=(6.1 6.12)
[ ${#programs[@]} -gt 0 ] || programs=(info vm counts bitmap misuse fuzz life unload)

echo "TAP version 13"
if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "1..0 # SKIP no qemu-system-x86_64 to run test hosts with"
	exit 4
fi
mkdir -p "$out"
make -s -C "$here" OUTPUT="$out" >&2 && make_plan >"$out/plan" || exit 1
echo "1..$((${#kernels[@]} * ($(wc -l <"$out/plan") + 2)))"
for kernel in "${kernels[@]}"; do
	run_kernel "$kernel"
done
exit $failed
