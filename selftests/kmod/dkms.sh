#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# DKMS builds the module for both of Debian's kernels and installs it: into folders of this
# test's own. It runs in a mount namespace in which the machine's modules and sources are
# read-only and DKMS's own folder, where it would make a signing key, is an empty one.
set -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
kernels=(6.1 6.12)
. "$top/selftests/ktap.sh"

own() { # ACTION [OPTION...]
	local action=$1
	shift
	dkms "$action" -m kmigrate -v "$version" --dkmstree "$tmp/dkms" --sourcetree "$tmp/src" \
		--installtree "$tmp/modules" --no-depmod "$@"
}

# What a package of the source would hold.
copy_source() {
	local to=$tmp/src/kmigrate-$version
	mkdir -p "$to" "$tmp/dkms" "$tmp/modules"
	cd "$top" && cp --parents Kbuild dkms.conf kmod/*.[ch] kmod/compat/*.c \
		kmod/compat/compat.h kmod/compat/*.sh kmod/compat/*.mk \
		include/uapi/linux/kmigrate.h "$to" && rm -f "$to"/kmod/*.mod.c
}

build() { # KERNEL RELEASE
	local log=$tmp/dkms/kmigrate/$version/$2/x86_64/log/make.log
	"$top/selftests/vm/kernels" "$1" || return 1
	own build -k "$2" --arch x86_64 --kernelsourcedir "$top/build/kernels/$1/headers" || {
		cat "$tmp/dkms/kmigrate/$version/build/make.log"
		return 1
	}
	[ -f "$log" ] && ! grep -i -E 'warning[: ]|error[: ]' "$log"
}

install() { # RELEASE
	local file
	mkdir -p "$tmp/modules/$1"
	own install -k "$1" --arch x86_64 || return 1
	file=$(find "$tmp/modules/$1" -name 'kmigrate.ko*')
	echo "installed as: $file"
	[ "${file#"$tmp/modules/$1/updates/dkms/"}" != "$file" ] || return 1
	[ "$(modinfo -F version "$file")" = "$version" ] || return 1
	[[ "$(modinfo -F vermagic "$file")" == "$1 "* ]]
}

remove() {
	own remove --all || return 1
	! find "$tmp/modules" "$tmp/dkms" -name '*.ko*' | grep .
}

main() {
	local kernel release
	tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT || exit 1
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$top/dkms.conf")
	plan $((3 + 2 * ${#kernels[@]}))
	check "the source can be copied" copy_source
	check "dkms add" own add
	for kernel in "${kernels[@]}"; do
		"$top/selftests/vm/kernels" "$kernel" >&2
		release=$(cat "$top/build/kernels/$kernel/release")
		check "$kernel dkms build, without a warning" build "$kernel" "$release"
		check "$kernel dkms install" install "$release"
	done
	check "dkms remove takes all of it away" remove
	finish
}

# In the namespace.
if [ "${1:-}" = inside ]; then
	for dir in /lib/modules /usr/src; do
		[ ! -d $dir ] || { mount --bind $dir $dir && mount -o remount,bind,ro $dir; } ||
			exit 1
	done
	mount -t tmpfs dkms /var/lib/dkms || exit 1
	main
fi

command -v dkms >/dev/null || skip_all "dkms is not installed"
[ "$(id -u)" = 0 ] || skip_all "dkms wants root"
unshare -m true 2>/dev/null || skip_all "no mount namespaces here"
exec unshare -m --propagation private "$0" inside
