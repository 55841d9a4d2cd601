#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# debug.sh [PROGRAM...]: the module's tests (../kmod) on a kernel that checks what it does:
# memory that is used after it was freed or past its end (KASAN), the order of locks
# (lockdep), sleeping where it is not allowed, lists, RCU, and what is left behind (kmemleak;
# ../kmod/leak.c, which comes last). What the kernel says is a failure (../vm/splat). KTAP.
# ../vm/debugkernel must have built the kernel.
#
# Under emulation that kernel is slower than Debian's by far, so the limits, which are there
# to end hangs, are long.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
[ -e "$top/build/kernels/6.12-debug/release" ] || {
	echo "TAP version 13"
	echo "1..0 # SKIP no kernel 6.12-debug: selftests/vm/debugkernel builds it"
	exit 4
}
[ $# -gt 0 ] || set -- info vm counts hooks bitmap track hotplug event hostile hold holdfight holdrace holdauto misuse fuzz life unload leak
export KM_TIMEOUT=${KM_TIMEOUT:-1800} KM_HOST_TIMEOUT=${KM_HOST_TIMEOUT:-7200}
exec "$here/../kmod/run.sh" -k 6.12-debug "$@"
