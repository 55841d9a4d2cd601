#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `check`, `host` and `baseline` with a real guest and a real QEMU: against this host's own
# record, of which nothing of the CPU can be missing, against records that were altered, and over
# ssh (see `sshd`); and the CPU that baseline names, with QEMU's own judgement of it.
#
# The guest is looked at, and goes on as before.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
. "$here/sshd"
. "$here/net"
own=$dir/own.json
ssh_to=(--to ssh://root@127.0.0.1)

# A disk that QEMU has open, on a file system of this host's own.
guest_with_disk() {
	truncate -s 1M "$dir/disk" && mkdir "$a" &&
		"$guest/start" flat --dir "$a" --mem 32M --backing memfd --name checked --ready 120 -- \
			-qmp "unix:$a/mon.sock,server=on,wait=off" \
			-drive "file=$dir/disk,format=raw,if=none,id=d0" >&2
}

# The record with a jq filter applied.
altered() { # FILTER
	jq "$1" "$own" >"$dir/altered.json" || return 1
}

# FOUND is the answer; its exit status is this one.
asks() { # EXIT ARGUMENT...
	local want=$1 rc
	shift
	found=$(timeout 60 "$km" check --vm checked --json "$@" 2>"$dir/check.err")
	rc=$?
	[ $rc = "$want" ] && return 0
	echo "# exit $rc: $(jq -c '[.findings[] | .id]' <<<"$found") $(cat "$dir/check.err")"
	return 1
}

holds() { jq -e "$1" <<<"$found" >/dev/null || { jq -c . <<<"$found"; return 1; }; } # FILTER

# This machine's clock may be synchronised or not, which is all that may be wrong.
own_record() {
	"$km" host --json --file "$dir/disk" >"$own" &&
		jq -e '.kmigrate_host == 1 and .kvm.usable and (.qemus | length) >= 1 and
			(.kvm.cpuid | length) > 5 and .topology.cpus == '"$(nproc --all)"' and
			.software.kernel == "'"$(uname -r)"'" and
			(.qemus[0].cpu_features | length) > 50 and
			(.qemus[0].machines | index("pc-i440fx-7.2"))' "$own" >/dev/null || return 1
	asks 6 --to "$own" &&
		holds '[.findings[] | .id] - ["soft-clock", "power-throttled"] == ["disk-local"]'
}

changed() { # EXIT FILTER WANTED-OF-THE-ANSWER
	altered "$2" && asks "$1" --to "$dir/altered.json" && holds "$3"
}

# The guest's QEMU says which features it could not be given here. One that the other host has
# would appear.
appears() {
	local missing
	missing=$("$guest/qmp" "$a/mon.sock" qom-get \
		'{"path": "/machine/unattached/device[0]", "property": "unavailable-features"}' |
		jq -r '.[0] // empty')
	[ -n "$missing" ] || { echo "# this host gives all that was asked for"; return 0; }
	python3 - "$own" "$dir/altered.json" "$missing" <<-'END' || return 1
		import json, sys
		h = json.load(open(sys.argv[1]))
		for q in h["qemus"]:
		    bit = q["cpu_features"].index(sys.argv[3])
		    q["host"] = "%x" % (int(q["host"], 16) | 1 << bit)
		json.dump(h, open(sys.argv[2], "w"))
	END
	asks 6 --to "$dir/altered.json" &&
		holds 'any(.findings[]; .id == "cpu-appears" and (.there | contains("'"$missing"'")))'
}

# The other way round: the first feature that the guest sees is taken from the other host.
lacks() {
	python3 - "$own" "$dir/altered.json" <<-'END' || return 1
		import json, sys
		h = json.load(open(sys.argv[1]))
		for q in h["qemus"]:
		    bit = q["cpu_features"].index("fpu")
		    q["host"] = "%x" % (int(q["host"], 16) & ~(1 << bit))
		json.dump(h, open(sys.argv[2], "w"))
	END
	asks 3 --to "$dir/altered.json" && holds '.worst == "blocks" and
		.findings[0].id == "cpu-features" and .findings[0].there == "1 missing: fpu"'
}

by_ssh() {
	local began spent
	began=$(date +%s%N)
	asks 6 "${ssh_to[@]}" --ssh "$(ssh_with user known)" || return 1
	spent=$((($(date +%s%N) - began) / 1000000))
	echo "# check over ssh took $spent ms"
	holds 'any(.findings[]; .id == "disk-local" and (.here | contains("'"$dir/disk"'"))) and
		([.findings[] | .id] - ["soft-clock", "power-throttled", "disk-local"] == [])'
}

# In seconds, of what a command and its children take of CPU time.
cpu_of() { # COMMAND...
	bash -c '"$@" >/dev/null 2>&1; times' _ "$@" | tail -1 |
		awk '{ split($1, u, /[ms]/); split($2, s, /[ms]/); print u[1] * 60 + u[2] + s[1] * 60 + s[2] }'
}

# It looks at this host and at the guest, and compares; `host` starts QEMUs besides. How long it
# takes is what `make bench-check` measures.
no_more_than_host() {
	local check host
	check=$(cpu_of "$km" check --vm checked --to "$own")
	host=$(cpu_of "$km" host --json)
	echo "# check $check s of CPU time, host $host s"
	awk -v c="$check" -v h="$host" 'BEGIN { exit !(c > 0 && h > 0 && c <= 2 * h) }'
}

# A host that answers otherwise: a shell function's output in place of ssh.
pretend() { # WHAT-IT-SAYS
	printf '#!/bin/sh\n%s\n' "$1" >"$dir/pretend" && chmod +x "$dir/pretend"
}

not_asked() { # TEXT SSH [ARGUMENT...]
	local text=$1 ssh=$2
	shift 2
	one_line 1 "$text" check --vm checked "${ssh_to[@]}" --ssh "$ssh" "$@"
}

silent() {
	pretend 'exec sleep 60'
	not_asked 'did not answer within 1 s' "$dir/pretend" --peer-timeout 1s
}

babbles() {
	pretend 'echo "Welcome to this host"'
	not_asked 'root@127.0.0.1: not JSON' "$dir/pretend"
}

floods() {
	pretend 'exec yes'
	not_asked "can't be taken: File too large" "$dir/pretend"
}

# What it asks for there, with names that a shell must leave alone.
asks_there() {
	pretend "echo \"\$2\" >$dir/asked; exit 1"
	not_asked 'cannot run' "$dir/pretend" || return 1
	grep -q -F -- "kmigrate host --json --peer ssh --qemu '$(readlink "/proc/$(qemu_of "$a")/exe")' --file '$dir/disk'" "$dir/asked" ||
		{ cat "$dir/asked"; return 1; }
}

# What takes time is to go there and to measure: once, and not at all without --probe.
asks_once() {
	: >"$dir/asked"
	pretend "echo \"\$2\" >>$dir/asked; cat $own"
	asks 6 "${ssh_to[@]}" --ssh "$dir/pretend" && holds '.probe == null' || return 1
	[ "$(wc -l <"$dir/asked")" = 1 ] && ! grep -q -e --probe "$dir/asked" ||
		{ cat "$dir/asked"; return 1; }
}

truncated() {
	head -c 5000 "$own" >"$dir/altered.json"
	one_line 1 'not JSON, or not all of it' check --vm checked --to "$dir/altered.json"
}

# QEMU itself says whether this host can run it: with enforce it ends at once if not. In the
# background it would wait for a command.
baseline() {
	local cpu rc
	altered '.software.host = "other"' || return 1
	cpu=$("$km" baseline --json "$own" "$dir/altered.json" | jq -r .qemu)
	[ -n "$cpu" ] || return 1
	timeout 2 qemu-system-x86_64 -S -nodefaults -display none -machine pc,accel=kvm \
		-cpu "$cpu,enforce" >"$dir/qemu.out" 2>&1
	rc=$?
	[ $rc = 124 ] && return 0
	echo "# QEMU ended with $rc: $(cat "$dir/qemu.out")"
	return 1
}

# Without what one host lacks, and it says whose fault it is.
baseline_costs() {
	python3 - "$own" "$dir/altered.json" <<-'END' || return 1
		import json, sys
		h = json.load(open(sys.argv[1]))
		for q in h["qemus"]:
		    bit = q["cpu_features"].index("nx")
		    q["movable"] = "%x" % (int(q["movable"], 16) & ~(1 << bit))
		json.dump(h, open(sys.argv[2], "w"))
	END
	found=$("$km" baseline --json "$own" "$dir/altered.json") &&
		holds '.costs == [{"feature": "nx", "lacking": ["'"$dir/altered.json"'"]}]' &&
		holds '(.add | index("nx") | not) and (.vendor == "" or
			.vendor == "'"$(jq -r .cpu.vendor "$own")"'")'
}

# The same CPU, all of it: nothing of it is missing at an equal host, which this one is.
whole_cpu() {
	"$guest/start" flat --dir "$dir/whole" --mem 32M --accel kvm --cpu host --name whole --paused \
		>&2 || return 1
	found=$("$km" check --vm whole --json --to "$own")
	end "$dir/whole"
	holds '[.findings[] | .id | select(startswith("cpu-") or startswith("kvm-"))] == []'
}

# The other host is a network namespace behind a link of 200 Mbit/s, and whoever is asked to run
# something there runs it in it.
measures() {
	pretend "exec ip netns exec $ns env PATH=$root/build:\$PATH SSH_CONNECTION='$net.1 1 $net.2 2' sh -c \"\$2\""
	asks 6 --to "ssh://$net.2" --ssh "$dir/pretend" --probe || return 1
	echo "# $(jq -c .probe <<<"$found")"
	holds '.probe.bit_per_s > 150e6 and .probe.bit_per_s < 205e6 and .probe.round_trip_us > 0' &&
		holds 'any(.findings[]; .id == "net-below")'
}

# Who listens where nobody can get to.
unreachable() {
	pretend "case \$2 in *--probe*) echo '{\"event\": \"listening\", \"port\": 1}'; exec sleep 3 ;;
		*) cat $own ;; esac"
	asks 6 "${ssh_to[@]}" --ssh "$dir/pretend" --probe &&
		holds '.probe == null and any(.findings[]; .id == "net-unreachable" and
			(.here | startswith("no TCP connection to 127.0.0.1 port 1: ")))'
}

still_there() { [ "$(state "$a")" = running ] && "$guest/status" "$a" --progress 60 >/dev/null; }

[ -w /dev/kvm ] || skip_all "there is no KVM here to ask"
make_keys || exit 1
serve "$root/build"
lets_us_in || skip_all "root's account is locked, and sshd without PAM does not let it in"
begin 29
guest_with_disk || exit 1
check "its own record: nothing but a local disk" own_record
check "another vendor blocks" changed 3 '.cpu.vendor = "Other"' '.findings[0].id == "cpu-vendor"'
check "a machine type that is not known blocks" changed 3 '.qemus[].machines = ["none"]' \
	'.findings[0].id == "guest-machine"'
check "no room blocks" changed 3 '.memory.available_bytes = 1000000 | .memory.swap_free_bytes = 0' \
	'.findings[0].id == "mem-free"'
check "an old record warns" changed 6 '.software.taken_s -= 200000' \
	'any(.findings[]; .id == "soft-record")'
check "a feature that the guest sees and the other lacks blocks" lacks
check "one that would appear warns" appears
check "over ssh, with the disk looked for" by_ssh
check "that takes no more CPU time here than twice what host does" no_more_than_host
check "no such guest" one_line 1 "no guest nobody" check --vm nobody --to "$own"
check "no such file" one_line 1 "is no file: take ssh://" check --vm checked --to "$dir/none.json"
check "half a record" truncated
check "no --to" one_line 2 "--to" check --vm checked
check "a wrong key" not_asked "Permission denied" "$(ssh_with other-user known)"
serve "$dir/home"
check "no kmigrate there" not_asked "not found" "$(ssh_with user known)"
check "a host that does not answer" silent
check "one that says something else" babbles
check "one that says too much" floods
check "what is asked of it" asks_there
check "it is asked once, and measured only with --probe" asks_once
check "a target that would be an option" one_line 1 "cannot start ssh" check --vm checked --to ssh://-v
check "baseline: a CPU that QEMU can run here" baseline
check "baseline: what one host costs" baseline_costs
check "baseline without hosts" one_line 2 "name hosts" baseline
check "a guest with all of the CPU, to an equal host" whole_cpu
check "--probe with a file" one_line 2 "--probe takes --to ssh://" check --vm checked --to "$own" --probe
check "--probe where nobody can get to" unreachable
if net_up 200mbit; then
	check "--probe of a link of 200 Mbit/s" measures
else
	skip "--probe of a link of 200 Mbit/s" "no right to make network namespaces"
fi
check "the guest has gone on" still_there
finish
