#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# pml.sh [-k KERNEL]... [PROGRAM...]: the module where the CPU logs dirty pages itself, in a
# Bochs host (../vm/bochs) of each kernel, 6.1 and 6.12 unless -k names one: truth.c, such
# programs of ../kmod as tell something new there, and that nothing is left in the end. KTAP;
# every result of every program counts, and one for each kernel's log.
set -u -o pipefail

here=$(cd "$(dirname "$0")/../kmod" && pwd)
top=$(cd "$here/../.." && pwd)
out=$top/build/selftests/pml

# shellcheck source=selftests/kmod/lib.sh
. "$here/lib.sh"

# Time in the host has little to do with ours (see ../vm/bochs), so only the host has a limit.
run_host() { # KERNEL MODULE
	local program files=()
	for program in "${programs[@]}" writer kmigrate; do files+=(--file "$out/$program"); done
	"$top/selftests/vm/bochs" --kernel "$1" --time-limit 900 --name "pml-${1/./-}" \
		--log "$out/host-$1.log" --module "$2" "${files[@]}" --file "$here/inside:/inside" \
		--env KM_TIMEOUT=100000 --env KM_SLOW=1 -- /bin/sh /inside "$out" "${programs[@]}" 2>&1 |
		tee "$out/output-$1" | merge "$1"
	statuses=("${PIPESTATUS[@]:0:1}" "${PIPESTATUS[2]}")
}

run_kernel() { # KERNEL
	local statuses
	build_module "$1"
	result $? "$1 the module builds without a warning"
	run_host "$1" "$(module_of "$1")"
	conclude "$1" "$out/host-$1.log" "${statuses[@]}"
}

arguments "$@"
[ ${#programs[@]} -gt 0 ] || programs=(truth info counts bitmap track tool left)

echo "TAP version 13"
if ! command -v bochs-bin >/dev/null; then
	echo "1..0 # SKIP no bochs to run test hosts with"
	exit 4
fi
mkdir -p "$out"
make -s -C "$here" OUTPUT="$out" >&2 && make -s -C "$top/selftests/pml" OUTPUT="$out" >&2 &&
	make_plan >"$out/plan" || exit 1
echo "1..$((${#kernels[@]} * ($(wc -l <"$out/plan") + 2)))"
for kernel in "${kernels[@]}"; do
	run_kernel "$kernel"
done
exit $failed
