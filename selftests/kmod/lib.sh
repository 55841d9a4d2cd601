# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# lib.sh: what run.sh and ../pml/pml.sh have in common: programs that test the module in a
# test host, and their results. Sourced; $here is selftests/kmod, $top the repository, and
# $out where what is built goes.
# shellcheck disable=SC2154 # see above
number=0 failed=0 kernels=() programs=()

# [-k KERNEL]... [PROGRAM...]
arguments() {
	local option OPTARG OPTIND=1
	while getopts k: option; do
		[ "$option" = k ] || exit 2
		kernels+=("$OPTARG")
	done
	shift $((OPTIND - 1))
	programs=("$@")
	[ ${#kernels[@]} -gt 0 ] || kernels=(6.1 6.12)
}

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

# The cpufreq driver that the programs hold* load, if any of them is to run.
build_fakefreq() { # KERNEL
	[[ " ${programs[*]}" = *' hold'* ]] || return 0
	"$here/fakefreq/build" "$1" 2>&1 >"$out/fakefreq-$1" | note
	[ -s "$out/fakefreq-$1" ]
}

fakefreq_of() { # KERNEL
	cat "$out/fakefreq-$1" 2>/dev/null
}

module_of() { # KERNEL
	echo "$top/build/kmod/$(cat "$top/build/kernels/$1/release")/kmigrate.ko"
}

# Makes results of the output of `inside`.
merge() { # KERNEL
	awk -v "prefix=$1 " -v "first=$((number + 1))" -v "plan=$out/plan" -f "$here/merge.awk"
}

# Takes the exit statuses of the host and of merge.
conclude() { # KERNEL LOG HOST MERGE
	local host=$3
	number=$((number + $(wc -l <"$out/plan")))
	[ "$4" = 0 ] || failed=1
	# SLUB's reports start with "BUG", too, but with no colon behind it.
	grep -a -E -A 20 'BUG kmalloc-' "$2" | note && host=90
	result "$host" "$1 the kernel has nothing to complain about" "the host ended with $host"
}
