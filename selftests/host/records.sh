#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The records in records/ are of emulated hosts with unlike CPUs and topologies, made by
# `kmigrate host --json`; what is found between them is tested in selftests/unit/check_golden.c.
# Here they are made anew: what depends on the host alone must be the same.
#
#     selftests/host/records.sh --write    puts the new ones in place of the old
#
# The EPYCs have SVM, so KVM works in them; TCG has no VMX, so in the Intel hosts it does not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../ktap.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

declare -A host=(
	[epyc]='--cpu EPYC,+svm,+npt --sockets 2 --cores 1 --numa 2 --mem 1G'
	[rome]='--cpu EPYC-Rome,+svm,+npt --cores 2 --mem 2G'
	[haswell]='--no-kvm-module --cpu Haswell-noTSX --cores 2 --threads 2 --mem 1G'
	[skylake]='--no-kvm-module --cpu Skylake-Server --sockets 2 --cores 2 --numa 2 --mem 1G'
)

# And what `inside` found, in NAME.found.
record() { # NAME
	# shellcheck disable=SC2086 # words
	"$here/../vm/host" ${host[$1]} --name "$1" --timeout 580 -- "$here/inside" >"$dir/said" ||
		{ cat "$dir/said"; return 1; }
	jq -c -s '.[0]' "$dir/said" >"$dir/$1.json" && jq -c -s '.[1:]' "$dir/said" >"$dir/$1.found"
}

# Without times, sizes of what is free, and what a newer kernel or QEMU may change. A set is the
# names of its features.
lasting() { # FILE
	jq -S 'def digits: explode | map(if . >= 97 then . - 87 else . - 48 end) | reverse;
		def names($of): digits as $d | [range($of | length)] |
			map(select((($d[. / 4 | floor] // 0) / pow(2; . % 4) | floor) % 2 == 1) | $of[.]) | sort;
		{cpu, encryption, power,
		kvm: (.kvm | {usable, module, nested, nested_paging, ad_bits, pml, tsc_scaling,
			phys_bits, xsave_bytes, pmu_version}),
		topology: (.topology | {cpus, cores, packages,
			nodes: [.nodes[] | {node, cpus, distances}]}),
		host: .software.host, wire: .software.wire_abi, overcommit: .memory.overcommit,
		qemus: [.qemus[] | .cpu_features as $f | {path, kvm, machines: (.machines | sort),
			host: (.host | names($f)), movable: (.movable | names($f)),
			models: [.cpu_models[] | {name, vendor, family, runs,
				features: (.features | names($f))}]}]}' "$1"
}

same() { # NAME
	record "$1" && diff <(lasting "$here/records/$1.json") <(lasting "$dir/$1.json")
}

# Whatever CPU a guest has here, an equal host has it, whatever else is found.
loses_nothing() { # NAME
	jq -e '[.[] | [.findings[] | .id]] == [["net-route", "soft-clock"], ["net-route", "soft-clock"]] and
		(.[0].guest.features | length) > 60 and (.[1].guest.missing_features | length) > 0' \
		"$dir/$1.found" >/dev/null || { jq -c 'map(del(.guest))' "$dir/$1.found"; return 1; }
}

names=$(printf '%s\n' "${!host[@]}" | sort)
if [ "${1:-}" = --write ]; then
	make -s -C "$here/../guest" >&2 || exit 1
	for name in $names; do
		record "$name" && cp "$dir/$name.json" "$here/records/" || exit 1
	done
	exit 0
fi
command -v qemu-system-x86_64 >/dev/null || skip_all "there is no QEMU to emulate hosts with"
make -s -C "$here/../guest" >&2 || exit 1
plan $(($(wc -w <<<"$names") + 2))
for name in $names; do
	check "$name: as recorded" same "$name"
done
for name in epyc rome; do
	check "$name: guests with -cpu host and EPYC, to its like" loses_nothing "$name"
done
finish
