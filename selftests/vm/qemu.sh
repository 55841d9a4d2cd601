# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu.sh: the virtual machine of a test host, as QEMU arguments. Sourced by `host`, whose
# variables it reads.
#
# Under TCG the `max` CPU has SVM with nested paging (qemu target/i386/tcg/sysemu), so
# kvm_amd loads with npt=Y and runs real guests. Under KVM, `max` is the machine's own CPU
# with nesting, if the machine allows it.
#
# TCG runs all virtual CPUs on one thread here. With a thread for each (thread=multi, QEMU's
# default) a kernel that patches its own code may die of "Oops: int3" or go on with the old
# code: QEMU's notdirty_write (accel/tcg/cputlb.c) drops a page's translations before
# the new byte is stored, so another CPU can translate the old byte, or the int3 of
# text_poke_bp, once more and keep it. KVM has __schedule patched whenever the first VM
# comes and the last one goes (preempt_notifier_key, virt/kvm/kvm_main.c); ftrace,
# tracepoints and BPF patch as well.
#
# tcg-count: the host's clock advances by 2 ns with each instruction that it executes, its
# guests' included, and skips what it sleeps. So times in it don't depend on how busy this
# machine is; nor on what an instruction costs (QEMU's invocation page, -icount).
# shellcheck disable=SC2154,SC2034 # variables of host
# shellcheck disable=SC2054 # the commas are QEMU's

kernel_arguments() {
	echo "console=ttyS0 $common_arguments net.ifnames=0$append"
}

topology_arguments() {
	local cpus=$((sockets * cores * threads)) size node first last
	size=$(mebibytes "$mem")
	qemu+=(-smp "$cpus,sockets=$sockets,cores=$cores,threads=$threads")
	qemu+=(-m "$((size / numa * numa))M")
	[ "$numa" -gt 1 ] || return 0
	for ((node = 0; node < numa; node++)); do
		first=$((node * cpus / numa))
		last=$(((node + 1) * cpus / numa - 1))
		qemu+=(-object "memory-backend-ram,id=ram$node,size=$((size / numa))M")
		qemu+=(-numa "node,nodeid=$node,cpus=$first-$last,memdev=ram$node")
	done
}

# security_model: with root's rights files keep their owners, without them they cannot.
# multidevs=remap: the root and what is mounted below it are one export (QEMU's invocation
# page, -fsdev).
share_arguments() {
	local i model=none
	[ "$(id -u)" -ne 0 ] || model=passthrough
	qemu+=(-fsdev "local,id=root,path=/,security_model=$model,readonly=on,multidevs=remap")
	qemu+=(-device virtio-9p-pci,fsdev=root,mount_tag=root)
	for ((i = 0; i < ${#shared[@]}; i++)); do
		qemu+=(-fsdev "local,id=shared$i,path=${shared[i]},security_model=$model,multidevs=remap")
		qemu+=(-device "virtio-9p-pci,fsdev=shared$i,mount_tag=shared$i")
	done
}

# Output and status come back through virtio-serial: fast, and apart from the console.
port_arguments() {
	qemu+=(-device virtio-serial-pci)
	qemu+=(-chardev file,id=out,path=out -device virtserialport,chardev=out,name=kmigrate.out)
	qemu+=(-chardev file,id=status,path=status)
	qemu+=(-device virtserialport,chardev=status,name=kmigrate.status)
}

# A segment is a folder with two sockets, one for each host. Datagrams on unix sockets keep
# frames whole and in order, need no rights and no ports, and a frame to a host that is not
# there (yet, any more) is dropped as on a cable: either may start first, or again.
# (qemu net/dgram.c; stream sockets cannot reconnect before QEMU 8.0.) A host owns its place
# by a lock that its shell holds; QEMU must not inherit it.
join_net() {
	local dir=$state/net/$net
	mkdir -p "$dir" || die "cannot make $dir"
	for place in 1 2; do
		exec {place_lock}>"$dir/$place.lock"
		flock -n "$place_lock" && break
		exec {place_lock}>&-
		[ "$place" = 1 ] || die "segment $net has its two hosts already"
	done
	rm -f "$dir/$place"
	[ -n "$ip" ] || ip=10.77.0.$place/24
}

net_arguments() {
	local dir=../../net/$net
	[ -n "$net" ] || return 0
	qemu+=(-netdev "dgram,id=net0,local.type=unix,local.path=$dir/$place,remote.type=unix,remote.path=$dir/$((3 - place))")
	qemu+=(-device "virtio-net-pci,netdev=net0,mac=52:54:00:77:00:0$place,romfile=,host_mtu=$((mtu > 1500 ? mtu : 1500))")
}

qemu_arguments() {
	local accelerator
	case $accel in
	kvm) accelerator=kvm ;;
	tcg) accelerator=tcg,thread=single ;;
	tcg-multi) accelerator=tcg,thread=multi ;;
	tcg-count) accelerator=tcg,thread=single ;;
	esac
	qemu=(qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot)
	qemu+=(-name "$name" -machine "q35,usb=off" -accel "$accelerator" -cpu "$cpu")
	[ "$accel" != tcg-count ] || qemu+=(-icount shift=1,align=off,sleep=off)
	topology_arguments
	qemu+=(-kernel "$build/kernels/$kernel/vmlinux" -initrd initramfs)
	qemu+=(-append "$(kernel_arguments)")
	qemu+=(-chardev "file,id=console,path=$log" -serial chardev:console)
	qemu+=(-qmp unix:qmp,server=on,wait=off)
	share_arguments
	port_arguments
	net_arguments
}

# A KVM whose guests get VMX or SVM: kvm_intel's and kvm_amd's parameter. Others (pKVM, PVM)
# have /dev/kvm, too, and may take very long over a kernel.
nests() { grep -q -s '[Y1]' /sys/module/kvm_{intel,amd}/parameters/nested; }

# KVM if this machine's can boot the kernel and the kernel then has KVM of its own. Found by
# trying, since it depends on the CPU and on what virtual machine this machine may itself be;
# remembered for as long as the machine is up.
choose_accel() {
	local boot file=$state/accel-$kernel known
	boot=$(cat /proc/sys/kernel/random/boot_id)
	[ -w /dev/kvm ] && nests || { echo tcg; return; }
	known=$(cat "$file" 2>/dev/null)
	[ "${known% *}" = "$boot" ] || {
		known="$boot tcg"
		"$0" --kernel "$kernel" --accel kvm --name probe --timeout 60 -- \
			test -c /dev/kvm >/dev/null 2>&1 && known="$boot kvm"
		echo "$known" >"$file"
	}
	echo "${known#* }"
}
