#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ynl.sh [-k KERNEL]...: the kernel tree's own generic netlink client and its schemas, out
# of Debian's linux-source-6.12, against the module in a test host of each kernel (ynl.py).
# apt fetches the package once; what is needed of it stays in build/ynl. KTAP.
set -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=$top/build/selftests/ynl
package=linux-source-6.12
tree=$top/build/ynl

# shellcheck source=selftests/kmod/lib.sh
. "$here/lib.sh"

unpack() { # DEB DIR
	dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$package.tar.xz" | xz -dc |
		tar -x -C "$2" --strip-components=1 "$package/tools/net/ynl" \
			"$package/Documentation/netlink"
}

# Complete or absent: made beside its place and renamed.
fetch() {
	local new=$tree.new.$$
	[ ! -d "$tree" ] || return 0
	mkdir -p "$new/deb" || return 1
	(cd "$new/deb" && apt-get -qq -o APT::Sandbox::User=root download "$package") &&
		unpack "$new"/deb/*.deb "$new" && rm -r "$new/deb" && mv "$new" "$tree" && return
	rm -rf "$new"
	echo "no $package: apt-get update? bookworm-security in apt's sources?"
	return 1
}

run_host() { # KERNEL MODULE
	"$top/selftests/vm/host" --kernel "$1" --timeout 600 --name "ynl-${1/./-}" \
		--log "$out/host-$1.log" --module "$2" --env "KM_TREE=$tree" \
		--env "KM_SPEC=$top/include/kmigrate.yaml" -- \
		"$here/inside" "$out" "${programs[@]}" 2>&1 |
		merge "$1"
	statuses=("${PIPESTATUS[@]}")
}

run_kernel() { # KERNEL
	local statuses
	build_module "$1"
	result $? "$1 the module builds without a warning"
	run_host "$1" "$(module_of "$1")"
	conclude "$1" "$out/host-$1.log" "${statuses[@]}"
}

arguments "$@"
programs=(ynl)
echo "TAP version 13"
if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "1..0 # SKIP no qemu-system-x86_64 to run test hosts with"
	exit 4
fi
mkdir -p "$out"
make -s -C "$here" OUTPUT="$out" "$out/ynl" "$out/obey" >&2 && make_plan >"$out/plan" || exit 1
echo "1..$((1 + ${#kernels[@]} * ($(wc -l <"$out/plan") + 2)))"
fetch 2>&1 | note
result $? "$package has the client and the schemas"
for kernel in "${kernels[@]}"; do
	run_kernel "$kernel"
done
exit $failed
