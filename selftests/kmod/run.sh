#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [-k KERNEL]... [PROGRAM...]: builds kmigrate.ko for Debian's kernels, 6.1 and 6.12
# unless -k names one, and tests it in a test host of each. KTAP; every result of every
# program counts, and one for each kernel's log. Seconds after which a program,
# and the host, is killed: KM_TIMEOUT, KM_HOST_TIMEOUT.
set -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=$top/build/selftests/kmod

# shellcheck source=selftests/kmod/lib.sh
. "$here/lib.sh"

# The host's status is 90 if the kernel complained, else that of `inside`, which is 0.
# Debian's kernels have no KASAN and no lockdep; but memory that is used after it was freed,
# freed twice or written past its end shows with SLUB's checks on, and in part with KFENCE
# (6.12 has it).
run_host() { # KERNEL MODULE
	"$top/selftests/vm/host" --kernel "$1" --timeout "${KM_HOST_TIMEOUT:-1200}" \
		--name "kmod-${1/./-}" \
		--log "$out/host-$1.log" --append "slub_debug=FZP,kmalloc-* kfence.sample_interval=20" \
		--module "$2" --env "KM_MODULE=$2" --env "KM_FAKEFREQ=$(fakefreq_of "$1")" --env "KM_TIMEOUT=${KM_TIMEOUT:-400}" -- \
		"$here/inside" "$out" "${programs[@]}" 2>&1 |
		merge "$1"
	statuses=("${PIPESTATUS[@]}")
}

run_kernel() { # KERNEL
	local statuses
	build_module "$1" && build_fakefreq "$1"
	result $? "$1 the module builds without a warning"
	objdump -dr --no-show-raw-insn "$(dirname "$(module_of "$1")")/kmod/direct.o" |
		awk -f "$here/direct.awk" | note
	result $? "$1 the direct hook leaves its caller's registers alone"
	run_host "$1" "$(module_of "$1")"
	conclude "$1" "$out/host-$1.log" "${statuses[@]}"
}

arguments "$@"
[ ${#programs[@]} -gt 0 ] || programs=(info vm counts hooks bitmap track backing many ring
	container hotplug event hostile holdauto holdrace hold holdfight misuse fuzz life unload)

echo "TAP version 13"
if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "1..0 # SKIP no qemu-system-x86_64 to run test hosts with"
	exit 4
fi
mkdir -p "$out"
make -s -C "$here" OUTPUT="$out" >&2 && make_plan >"$out/plan" || exit 1
echo "1..$((${#kernels[@]} * ($(wc -l <"$out/plan") + 3)))"
for kernel in "${kernels[@]}"; do
	run_kernel "$kernel"
done
exit $failed
