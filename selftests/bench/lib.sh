# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the benchmarks' scripts have in common: [-k 6.1|6.12] [--json] [--quick] [--count], and
# what says that it takes more. With --count the host's clock counts executed instructions, and
# so doesn't notice what else this machine does (../vm/qemu.sh, tcg-count). Exit status: 0 if
# all that is wanted was held, 1 if not, 4 if that can't be told, 2 for wrong arguments, else
# it could not be measured.
# shellcheck disable=SC2034 # variables of those who source this
set -u -o pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$top/build/selftests/bench
kernel=6.12 host=() arguments=() sections='' than='' takes_than=''

usage() { # WHAT
	echo "bench: $1" >&2
	exit 2
}

unknown() { # ARGUMENT
	[ -z "$sections" ] || usage "$1: the sections are ${sections// /, }"
	usage "$1: there are -k, --json, --quick, --count${takes_than:+ and --than}"
}

# Sets kernel; host and arguments, which are the host's and the program's; than.
parse() { # ARGUMENT...
	while [ $# -gt 0 ]; do
		case $1 in
		-k)
			kernel=${2:-}
			[[ $kernel =~ ^6\.(1|12)$ ]] || usage "-k $kernel: the kernels are 6.1 and 6.12"
			shift
			;;
		--than)
			[ -n "$takes_than" ] || unknown "$1"
			than=$(realpath -e -- "${2:-}" 2>/dev/null) || usage "--than takes a module's file"
			shift
			;;
		--count) host+=(--accel tcg-count) arguments+=("$1") ;;
		--json | --quick) arguments+=("$1") ;;
		*)
			[[ $1 =~ ^[a-z]+$ && " $sections " == *" $1 "* ]] || unknown "$1"
			arguments+=("$1")
			;;
		esac
		shift
	done
}

build() { # PROGRAM
	mkdir -p "$out"
	make -s -C "$top/selftests/bench" OUTPUT="$out" "$out/$1" >&2 || exit 125
}

in_host() { # NAME [OPTION OF HOST...] -- COMMAND...
	exec "$top/selftests/vm/host" --kernel "$kernel" --timeout 3600 --name "$1" "${host[@]}" "${@:2}"
}
