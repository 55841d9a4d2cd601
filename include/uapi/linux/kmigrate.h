/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The ABI between kmigrate.ko and user space.
 *
 * The module registers the generic netlink family "kmigrate", in the initial
 * network namespace only. include/kmigrate.yaml specifies the same family in
 * the kernel's own format; selftests/kmod/check_spec.py holds the two together.
 *
 * Rules for every command
 * -----------------------
 *
 * Authority: the sender needs CAP_NET_ADMIN (genetlink's GENL_ADMIN_PERM) and
 * CAP_SYS_ADMIN, over the initial user namespace. So does the process that opened
 * the socket, if the message is sent without an address, as by write(2). Without
 * them the answer is -EPERM.
 *
 * Strict validation: an attribute which the command does not list, one of the
 * wrong length, trailing bytes, or a nest without NLA_F_NESTED get -EINVAL; a
 * value out of its range gets -ERANGE; a missing attribute gets -EINVAL with
 * NLMSGERR_ATTR_MISS_TYPE. Where an attribute that is not marked "multi" is
 * repeated, the last one counts. Extended acks carry a sentence and the offset
 * of the offending attribute; older kernels, 6.1 among them, send none for a
 * dump that does not start.
 *
 * Sessions: KMIGRATE_CMD_VM_ATTACH takes a VM by its file descriptor and gives
 * a session id, which means something only on the netlink socket that got it.
 * The session ends with KMIGRATE_CMD_VM_DETACH, with the close of the socket
 * (however its process ends), or with the removal of the module; all that it
 * caused is then undone. When the VM goes away first (its process exits, or
 * closes the last descriptor of the VM and of its vCPUs), the session lets go of
 * the VM by itself and answers -ESRCH from then on; its id stays taken until it
 * is detached or the socket is closed.
 *
 * Errors of every command that takes KMIGRATE_A_SESSION:
 *   -ENOENT  this socket has no session of that id
 *   -ESRCH   the VM is gone
 *
 * Byte order is the host's. 64-bit attributes may be preceded by
 * KMIGRATE_A_*_PAD on machines that can't read them unaligned. A "page" is
 * 4096 bytes (KVM's PAGE_SIZE) and a "gfn" a guest physical address in pages,
 * throughout.
 *
 * Readers must ignore attributes they do not know: later versions add
 * attributes, commands and feature bits without changing
 * KMIGRATE_A_ABI_VERSION, which changes only when something that is written
 * down here stops being true.
 *
 *
 * KMIGRATE_CMD_INFO (do)
 * ----------------------
 *
 * What this module is and what it can do here. Needs no session.
 *
 *   request: (no attributes)
 *   reply:
 *     KMIGRATE_A_ABI_VERSION: u32, KMIGRATE_ABI_VERSION of the module
 *     KMIGRATE_A_MODULE_VERSION: string, like "0.1.0"
 *     KMIGRATE_A_FEATURES: u32, bits of enum kmigrate_features
 *     KMIGRATE_A_VENDOR: string, KVM's vendor module, "kvm_intel" or "kvm_amd";
 *         absent when neither is loaded
 *     KMIGRATE_A_MECHANISM: u32, enum kmigrate_mechanism: how KVM on this host
 *         learns that a guest wrote to a page
 *     KMIGRATE_A_PARAM: nest, multi: the vendor module's parameters that the
 *         mechanism was derived from (kvm_intel: ept, eptad, pml; kvm_amd: npt)
 *       KMIGRATE_A_PARAM_NAME: string
 *       KMIGRATE_A_PARAM_VALUE: u32, 0 for N and 1 for Y
 *     KMIGRATE_A_NR_SESSIONS: u32, sessions open now, of all sockets
 *     KMIGRATE_A_MAX_SESSIONS: u32, KMIGRATE_MAX_SESSIONS
 *     KMIGRATE_A_MAX_TEST_EXTENTS: u32, KMIGRATE_MAX_TEST_EXTENTS
 *     KMIGRATE_A_MAX_TEST_PAGES: u32, KMIGRATE_MAX_TEST_PAGES
 *     KMIGRATE_A_NR_HOLDS: u32, holds in force now, of all sockets
 *     KMIGRATE_A_MAX_HOLDS: u32, KMIGRATE_MAX_HOLDS
 *
 *
 * KMIGRATE_CMD_VM_ATTACH (do)
 * ---------------------------
 *
 * Opens a session on a VM. Counting starts here. Several sessions, of one
 * socket or of several, may be open on the same VM.
 *
 *   request:
 *     KMIGRATE_A_VM_FD: s32, not negative: a file descriptor of the sender that
 *         refers to a KVM VM (what KVM_CREATE_VM returned; user space gets it
 *         from another process with pidfd_getfd). It may be closed afterwards.
 *   reply:
 *     KMIGRATE_A_SESSION: u32, never 0
 *
 * Errors:
 *   -EBADF   not an open file descriptor (or one opened with O_PATH)
 *   -EINVAL  not a KVM VM
 *   -ESRCH   the VM's process has exited
 *   -ENOSPC  KMIGRATE_MAX_SESSIONS sessions are open
 *   -ENOMEM
 *
 *
 * KMIGRATE_CMD_VM_DETACH (do)
 * ---------------------------
 *
 * Ends a session and undoes all that it caused. Works for a VM that is gone,
 * too (never answers -ESRCH).
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   reply: (acknowledgment only)
 *
 *
 * KMIGRATE_CMD_VM_GET (do)
 * ------------------------
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   reply:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_VM_ID: u64, the VM's number, the same for all sessions that are open on
 *         it at a time, and never another VM's while the module is loaded
 *     KMIGRATE_A_VMM_PID: u32, process id of the VMM as seen from the sender's
 *         PID namespace; absent when it can't be seen from there
 *     KMIGRATE_A_MECHANISM: u32, enum kmigrate_mechanism, of this VM
 *     KMIGRATE_A_LOGGING: u32, enum kmigrate_logging: is dirty logging on, for
 *         at least one slot, and who switched it on
 *     KMIGRATE_A_COUNTING: u32, 1 if dirtied pages are counted, 0 if the
 *         kernel's function tracer could not be used
 *     KMIGRATE_A_NR_SLOTS: u32, memory slots, of all address spaces, KVM's
 *         internal ones included
 *     KMIGRATE_A_NR_VCPUS: u32, vCPUs
 *     KMIGRATE_A_MANUAL_PROTECT: u32, what the VMM enabled as
 *         KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: bits KVM_DIRTY_LOG_MANUAL_PROTECT_*
 *     KMIGRATE_A_DIRTY_RING: u32, bytes of each vCPU's dirty ring, 0 if the VM
 *         uses none
 *
 *
 * KMIGRATE_CMD_SLOT_GET (dump)
 * ----------------------------
 *
 * The VM's memory slots, one message each, sorted by address space and gfn. If
 * slots were added, moved or deleted meanwhile, some messages carry
 * NLM_F_DUMP_INTR: ask again.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   each message:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_SLOT: nest
 *       KMIGRATE_A_SLOT_ID: u32, the slot's number in its address space (the
 *           low 16 bits of kvm_userspace_memory_region.slot)
 *       KMIGRATE_A_SLOT_AS_ID: u32, its address space: 0 normal, 1 SMM
 *       KMIGRATE_A_SLOT_GFN: u64, its first gfn
 *       KMIGRATE_A_SLOT_NPAGES: u64
 *       KMIGRATE_A_SLOT_USERSPACE_ADDR: u64, its address in the VMM's memory
 *       KMIGRATE_A_SLOT_FLAGS: u32, KVM_MEM_* of linux/kvm.h
 *       KMIGRATE_A_SLOT_LOGGING: u32, enum kmigrate_logging
 *       KMIGRATE_A_SLOT_INTERNAL: flag, the slot is KVM's own (APIC access
 *           page, TSS, identity map), not the VMM's
 *
 *
 * KMIGRATE_CMD_VCPU_GET (dump)
 * ----------------------------
 *
 * The VM's vCPUs and what each of them dirtied since KMIGRATE_CMD_VM_ATTACH, one
 * message each, sorted by index.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   each message:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_VCPU: nest
 *       KMIGRATE_A_VCPU_ID: u32, its id as given to KVM_CREATE_VCPU
 *       KMIGRATE_A_VCPU_INDEX: u32, its place in order of creation
 *       KMIGRATE_A_VCPU_TID: u32, id of the thread that ran it last, as seen
 *           from the sender's PID namespace; absent if it never ran or can't be
 *           seen
 *       KMIGRATE_A_VCPU_PAGES: u64, pages it dirtied; see COUNTS_GET
 *       KMIGRATE_A_VCPU_REPEATS: u64, see COUNTS_GET
 *       KMIGRATE_A_VCPU_PML_PAGES: u64, see COUNTS_GET
 *       KMIGRATE_A_VCPU_PML_DRAINS: u64, see COUNTS_GET
 *       KMIGRATE_A_VCPU_PML_FULL: u64, see COUNTS_GET
 *
 * The counts are absent if the VM isn't counted, and for vCPUs
 * beyond the number that the module has room for: at least 64, and at least
 * twice as many as the VM had when its first session was opened. What those
 * dirty is in KMIGRATE_A_UNATTRIBUTED.
 *
 *
 * KMIGRATE_CMD_COUNTS_GET (do)
 * ----------------------------
 *
 * What was dirtied since KMIGRATE_CMD_VM_ATTACH. KVM sees a page become dirty
 * only in slots that are logging, so time without logging adds nothing. Writes
 * by the VMM itself, vhost and devices do not pass KVM and are not counted.
 *
 * A page counts when it goes from clean to dirty in its slot's dirty bitmap. It
 * counts again after the bitmap was harvested and it was written again. With
 * Intel PML, up to 512 pages of each vCPU sit in its log until its next exit
 * from the guest. In a VM with a dirty ring and no bitmap each report counts.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   reply:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_ELAPSED_NS: u64, nanoseconds since KMIGRATE_CMD_VM_ATTACH
 *         (CLOCK_MONOTONIC), taken with the counts
 *     KMIGRATE_A_PAGES: u64, pages dirtied, in all
 *     KMIGRATE_A_REPEATS: u64, reports of pages that were dirty already, in all
 *     KMIGRATE_A_UNATTRIBUTED: u64, the part of KMIGRATE_A_PAGES that no vCPU
 *         wrote: KVM did so outside of any, or it could not be told which
 *     KMIGRATE_A_PML_PAGES: u64, the part of KMIGRATE_A_PAGES that was in the buffers of
 *         Intel PML; the rest was seen by write-protection, or KVM wrote it itself
 *     KMIGRATE_A_PML_DRAINS: u64, exits of vCPUs at which there were pages in the buffer
 *     KMIGRATE_A_PML_FULL: u64, how often a vCPU left the guest because its buffer was
 *         full, with 512 pages
 *
 * The last three are absent where the mechanism is another.
 *
 * Errors:
 *   -EOPNOTSUPP  the VM isn't counted: see KMIGRATE_A_COUNTING
 *
 *
 * KMIGRATE_CMD_TEST (do)
 * ----------------------
 *
 * Which of these pages are dirty and not yet harvested? Reads KVM's live dirty
 * bitmap and changes nothing. A set bit was set when it was looked at; a clear
 * bit promises nothing (pages in a PML buffer are not in the bitmap yet).
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_EXTENT: nest, multi, 1 to KMIGRATE_MAX_TEST_EXTENTS of them, with
 *         at most KMIGRATE_MAX_TEST_PAGES pages in all
 *       KMIGRATE_A_EXTENT_AS_ID: u32, optional, 0 if absent
 *       KMIGRATE_A_EXTENT_GFN: u64
 *       KMIGRATE_A_EXTENT_NPAGES: u32, optional, 1 if absent; not 0
 *   reply:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_BITMAP: binary, one bit for each page asked for, in the order
 *         of the request: page n is bit n % 8 of byte n / 8. Bits past the last
 *         page are 0.
 *     KMIGRATE_A_NR_DIRTY: u32, bits set
 *     KMIGRATE_A_NR_UNTRACKED: u32, pages asked for which are in no slot, or in
 *         one that isn't logging; their bits are 0
 *
 * Errors:
 *   -E2BIG       too many extents or too many pages
 *   -EINVAL      no extent, or a gfn range that wraps
 *   -ERANGE      no such address space; an extent of 0 pages
 *   -EOPNOTSUPP  the VM uses a dirty ring and has no bitmap
 *   -ENOMEM
 *
 *
 * KMIGRATE_CMD_TRACK_START (do)
 * -----------------------------
 *
 * Tracks the VM's pages: keeps, for each, when it was last seen to become dirty
 * (1/2048 of the guest's memory), and samples the rate. With KMIGRATE_A_DRIVE it also
 * switches dirty logging on for every slot that isn't logging, and harvests it: each
 * interval, to re-arm the log, and when KMIGRATE_CMD_HARVEST asks. Without it, pages are
 * seen while the VMM logs, and once for each harvest of the VMM's.
 *
 * Answers before anything is done: KMIGRATE_CMD_TRACK_GET says what came of it. One
 * session at a time tracks a VM; all sessions of the VM can read what it finds. The
 * owner may send it again to change the interval.
 *
 * A slot that the VMM changes is the VMM's from then on, before KVM acts on the change,
 * and when the VMM switches logging on for a slot that the module had switched on, the
 * module gives all of them back and only observes: KMIGRATE_TRACK_GAVE_WAY.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_DRIVE: flag
 *     KMIGRATE_A_INTERVAL_MS: u32, 10 to 60000, optional; absent: no harvest but those
 *         asked for, and a sample each second
 *   reply: (acknowledgment only)
 *
 * Errors:
 *   -EBUSY       another session tracks the VM
 *   -EOPNOTSUPP  can't drive: the VM uses a dirty ring, or see KMIGRATE_FEATURES_DRIVE
 *   -ENOMEM
 *
 *
 * KMIGRATE_CMD_TRACK_STOP (do)
 * ----------------------------
 *
 * Undoes all that KMIGRATE_CMD_TRACK_START did, soon. The end of the session does, too.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   reply: (acknowledgment only)
 *
 * Errors:
 *   -ENOENT  also: this session does not track
 *
 *
 * KMIGRATE_CMD_TRACK_GET (do)
 * ---------------------------
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   reply:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_TRACK: u32, enum kmigrate_track
 *     KMIGRATE_A_TRACK_ERROR: u32, with KMIGRATE_TRACK_FAILED: a positive errno; ENOMEM
 *         also when tables for all tracked VMs would exceed what the host allows
 *     KMIGRATE_A_DRIVE: flag
 *     KMIGRATE_A_INTERVAL_MS: u32, 0 if there is none
 *     KMIGRATE_A_TRACK_BYTES: u64, kernel memory that the tracking takes
 *     KMIGRATE_A_MISSED: u64, pages that were dirtied in slots without a table: those
 *         of slots that the VMM has just added
 *     KMIGRATE_A_NR_HARVESTS: u32, harvests so far
 *     KMIGRATE_A_OVERRUNS: u32, those that began a whole interval after they were due, or
 *         later: the interval is too short for this VM or this host
 *     KMIGRATE_A_HARVEST: u32, the newest one asked for whose pages are kept, or 0
 *     KMIGRATE_A_HARVEST_PAGES: u64, pages of the last harvest of any kind
 *     KMIGRATE_A_HARVEST_NS: u64, and how long it took
 *     KMIGRATE_A_HARVEST_SUM_NS: u64, and how long all of them did
 *
 *
 * KMIGRATE_CMD_HARVEST (do)
 * -------------------------
 *
 * Asks for a harvest whose pages are kept. It is there when KMIGRATE_CMD_TRACK_GET has a
 * KMIGRATE_A_HARVEST that is not older than the answer's.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   reply:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_HARVEST: u32, its number, never 0
 *
 * Errors:
 *   -ENOENT     also: this session does not drive
 *   -ECANCELED  it gave way to the VMM
 *   and the error of a tracking that has failed
 *
 *
 * KMIGRATE_CMD_EXTENT_GET (dump)
 * ------------------------------
 *
 * The pages of the last harvest that was asked for, as runs, sorted by address space,
 * slot and gfn. If another one took its place meanwhile, some messages carry
 * NLM_F_DUMP_INTR.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   each message:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_EXTENT: nest, multi
 *       KMIGRATE_A_EXTENT_AS_ID: u32
 *       KMIGRATE_A_EXTENT_GFN: u64
 *       KMIGRATE_A_EXTENT_NPAGES: u32
 *
 *
 * KMIGRATE_CMD_WINDOW_GET (do)
 * ----------------------------
 *
 * How many pages were dirtied in the last 10 ms, 100 ms, 1 s, 10 s and 60 s. A page counts
 * once in UNIQUE, which is the working set at that time scale, and each time that it became
 * dirty in PAGES. The finest scale that means something is the interval between harvests.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   reply:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_WINDOW: nest, multi
 *       KMIGRATE_A_WINDOW_MS: u32
 *       KMIGRATE_A_WINDOW_UNIQUE: u64
 *       KMIGRATE_A_WINDOW_NS: u64, the time that WINDOW_PAGES is for: between two
 *           samples, at least WINDOW_MS; absent while there are none so far apart
 *       KMIGRATE_A_WINDOW_PAGES: u64, absent with WINDOW_NS
 *
 *
 * KMIGRATE_CMD_REGION_GET (dump)
 * ------------------------------
 *
 * Regions of 512 pages of a slot (its last one may be smaller) in which a page was dirtied
 * within the last 60 s, one message each, sorted by address space, slot and gfn.
 *
 *   request:
 *     KMIGRATE_A_SESSION: u32
 *   each message:
 *     KMIGRATE_A_SESSION: u32
 *     KMIGRATE_A_REGION: nest
 *       KMIGRATE_A_REGION_AS_ID: u32
 *       KMIGRATE_A_REGION_GFN: u64
 *       KMIGRATE_A_REGION_NPAGES: u32
 *       KMIGRATE_A_REGION_PAGES_1S: u32, pages dirtied within the last second
 *       KMIGRATE_A_REGION_PAGES_10S: u32
 *       KMIGRATE_A_REGION_PAGES_60S: u32
 *
 *
 * KMIGRATE_CMD_HOLD_START (do)
 * ----------------------------
 *
 * Holds CPUs at performance: a floor under the frequency of their cpufreq policies, the
 * governor "performance", and a limit to how long each may take to wake up. Needs no
 * session. The hold belongs to the socket: it ends with KMIGRATE_CMD_HOLD_STOP, with the
 * close of the socket (however its process ends; then a moment later), or with the removal
 * of the module. What several holds ask of a CPU is combined: the highest floor, the lowest
 * latency. The last one that ends puts back what was before the first.
 *
 * When this is answered, the hold is in force, as far as KMIGRATE_A_SHORTFALL says, or it
 * has been undone. It lasts: CPUs and policies that go and come (hotplug, another driver)
 * are held again within 100 ms. Who changes a held policy's scaling_governor, or lowers its
 * scaling_max_freq below the floor and below what it was before the hold, finds it put right
 * within 100 ms; it is counted, and told (KMIGRATE_EVENT_FOUGHT). A maximum by the platform
 * (thermal, firmware), or from before the hold, is never fought, only reported.
 *
 * What comes back is what was before, whatever others set meanwhile: the governor with its
 * tunables, scaling_setspeed of "userspace", energy_performance_preference, and
 * scaling_max_freq. A policy whose CPUs are all offline gets its governor back with them.
 *
 * With the module's parameter auto_hold set (it is off), the module starts such a hold by
 * itself, with all defaults, for the CPUs that the threads of a VMM may run on, while that
 * VMM has dirty logging on; for auto_hold_s seconds at most (3600).
 *
 *   request:
 *     KMIGRATE_A_CPUS: binary, a bit for each CPU to hold: CPU n is bit n % 8 of byte n / 8;
 *         1 to KMIGRATE_MAX_CPUS / 8 bytes
 *     KMIGRATE_A_FLOOR_KHZ: u32, optional: lowest frequency. Absent: the highest that each
 *         policy has. 0: leaves frequencies and governors alone.
 *     KMIGRATE_A_LATENCY_US: u32, 0 to KMIGRATE_MAX_LATENCY_US, optional, 2 if absent: wake-up
 *         latency in microseconds. With 0 idle CPUs poll.
 *     KMIGRATE_A_KEEP_GOVERNOR: flag, leaves the governor alone
 *   reply:
 *     KMIGRATE_A_HOLD: u32, the hold's number, never 0
 *     KMIGRATE_A_SHORTFALL: u32, bits of enum kmigrate_shortfall
 *
 * Errors, after which nothing is held:
 *   -EINVAL      no CPU
 *   -ENODEV      no such CPU
 *   -ENXIO       the CPU is offline
 *   -ERANGE      the CPU's policy is never as fast as KMIGRATE_A_FLOOR_KHZ; or a latency
 *                out of its range
 *   -EOPNOTSUPP  KMIGRATE_A_FLOOR_KHZ, not 0, and the CPU has no cpufreq policy. Without the
 *                attribute, it is held for latency, and KMIGRATE_SHORTFALL_NO_CPUFREQ
 *   -ENOSPC      KMIGRATE_MAX_HOLDS holds are in force
 *   -ENOMEM
 *
 *
 * KMIGRATE_CMD_HOLD_STOP (do)
 * ---------------------------
 *
 * When this is answered, what no other hold asks for is as it was before.
 *
 *   request:
 *     KMIGRATE_A_HOLD: u32
 *   reply: (acknowledgment only)
 *
 * Errors:
 *   -ENOENT  this socket has no hold of that number
 *
 *
 * KMIGRATE_CMD_HOLD_GET (dump)
 * ----------------------------
 *
 * All holds, of all sockets; then the policies that are held; then the CPUs whose latency
 * is. A message about a policy has KMIGRATE_A_POLICY alone, one about a CPU has
 * KMIGRATE_A_CPU. If any came or went meanwhile, some messages carry NLM_F_DUMP_INTR: ask
 * again.
 *
 *   request: (no attributes)
 *   each message:
 *     KMIGRATE_A_HOLD: u32
 *     KMIGRATE_A_OWNER_PID: u32, process that started it, as seen from the reader's PID
 *         namespace; absent if it can't be seen
 *     KMIGRATE_A_OWNER_PORT: u32, port id of its netlink socket; absent if the module holds
 *         by itself, since that process logs dirty pages (its parameter auto_hold)
 *     KMIGRATE_A_SINCE_NS: u64, when it was started, CLOCK_MONOTONIC
 *     KMIGRATE_A_CPUS: binary
 *     KMIGRATE_A_FLOOR_KHZ: u32, as asked for; absent: the highest
 *     KMIGRATE_A_LATENCY_US: u32
 *     KMIGRATE_A_KEEP_GOVERNOR: flag
 *     KMIGRATE_A_SHORTFALL: u32, bits of enum kmigrate_shortfall, now
 *     KMIGRATE_A_POLICY: nest
 *       KMIGRATE_A_POLICY_NAME: string, its folder in /sys/devices/system/cpu/cpufreq
 *       KMIGRATE_A_POLICY_CPUS: binary, as KMIGRATE_A_CPUS: all its CPUs, online or not
 *       KMIGRATE_A_POLICY_FLOOR_KHZ: u32, of all holds; 0 if none asks for one
 *       KMIGRATE_A_POLICY_MIN_KHZ_BEFORE: u32, lowest frequency when the hold began
 *       KMIGRATE_A_POLICY_MAX_KHZ_BEFORE: u32, highest one
 *       KMIGRATE_A_POLICY_GOVERNOR_BEFORE: string
 *       KMIGRATE_A_POLICY_MIN_KHZ: u32, in force now; 0 if all its CPUs are offline
 *       KMIGRATE_A_POLICY_MAX_KHZ: u32
 *       KMIGRATE_A_POLICY_GOVERNOR: string
 *       KMIGRATE_A_POLICY_SHORTFALL: u32, bits of enum kmigrate_shortfall
 *       KMIGRATE_A_POLICY_ERROR: u32, positive errno of the last try to set the governor;
 *           absent if it worked
 *       KMIGRATE_A_POLICY_FOUGHT: u32, how often it was put right
 *     KMIGRATE_A_CPU: nest
 *       KMIGRATE_A_CPU_NUMBER: u32
 *       KMIGRATE_A_CPU_LATENCY_US: u32, of all holds
 *       KMIGRATE_A_CPU_IN_FORCE_US: u32, the lowest that anybody asks for this CPU
 *
 *
 * KMIGRATE_CMD_EVENT (notification)
 * ---------------------------------
 *
 * What happened to a VM that a session is open on, or to a hold. Sent, never to be asked for, to the
 * multicast group KMIGRATE_MCGRP_EVENTS, which takes the rights of a command to join.
 * A listener that reads too slowly gets ENOBUFS from its socket, and should ask anew.
 *
 *   message:
 *     KMIGRATE_A_VM_ID: u64, see VM_GET; absent with KMIGRATE_EVENT_FOUGHT
 *     KMIGRATE_A_EVENT: u32, enum kmigrate_event
 *     KMIGRATE_A_OVERRUNS: u32, with KMIGRATE_EVENT_OVERRUN: see TRACK_GET
 *     KMIGRATE_A_FIGHT: nest, with KMIGRATE_EVENT_FOUGHT
 *       KMIGRATE_A_FIGHT_POLICY: string, as KMIGRATE_A_POLICY_NAME
 *       KMIGRATE_A_FIGHT_FILE: string, what was changed, "scaling_governor" or
 *           "scaling_max_freq"
 *       KMIGRATE_A_FIGHT_GOVERNOR: string, as it was found
 *       KMIGRATE_A_FIGHT_MAX_KHZ: u32, scaling_max_freq's own limit as it was found
 *       KMIGRATE_A_FIGHT_COUNT: u32, see KMIGRATE_A_POLICY_FOUGHT
 */
#ifndef _UAPI_LINUX_KMIGRATE_H
#define _UAPI_LINUX_KMIGRATE_H

#define KMIGRATE_FAMILY_NAME	"kmigrate"
#define KMIGRATE_FAMILY_VERSION	1
#define KMIGRATE_MCGRP_EVENTS	"events"

#define KMIGRATE_ABI_VERSION		1
#define KMIGRATE_MAX_SESSIONS		1024
#define KMIGRATE_MAX_TEST_EXTENTS	1024
#define KMIGRATE_MAX_TEST_PAGES		32768
#define KMIGRATE_MAX_HOLDS		256
#define KMIGRATE_MAX_CPUS		8192
#define KMIGRATE_MAX_LATENCY_US		1000000

/* How KVM learns that a guest wrote to a page. */
enum kmigrate_mechanism {
	/* no vendor module of KVM's is loaded */
	KMIGRATE_MECHANISM_NONE,
	/* Intel Page Modification Logging: the CPU writes the addresses down */
	KMIGRATE_MECHANISM_PML,
	/* pages are write-protected, and the first write to each faults */
	KMIGRATE_MECHANISM_WRITE_PROTECT,
	/* the VMM chose KVM's dirty rings (only in replies about a VM) */
	KMIGRATE_MECHANISM_DIRTY_RING,
	/* the vendor module's parameters can't be read (it is built in) */
	KMIGRATE_MECHANISM_UNKNOWN,
};

/* Whether dirty logging is on, and who switched it on. */
enum kmigrate_logging {
	KMIGRATE_LOGGING_NONE,
	KMIGRATE_LOGGING_VMM,
	KMIGRATE_LOGGING_KMIGRATE,
};

/* Where the tracking of a VM stands. */
enum kmigrate_track {
	KMIGRATE_TRACK_OFF,
	/* asked for; the log is being switched on */
	KMIGRATE_TRACK_STARTING,
	KMIGRATE_TRACK_ON,
	/* the VMM logs by itself since: observed, not driven any more */
	KMIGRATE_TRACK_GAVE_WAY,
	/* see KMIGRATE_A_TRACK_ERROR; nothing is left switched on */
	KMIGRATE_TRACK_FAILED,
};

/* What happened to a VM. */
enum kmigrate_event {
	KMIGRATE_EVENT_NONE,
	/* the VMM switched dirty logging on for a slot, the first of this VM */
	KMIGRATE_EVENT_LOGGING_ON,
	/* and off again for the last; changes that last a moment may go unsaid */
	KMIGRATE_EVENT_LOGGING_OFF,
	/* its process has exited, or has closed it: sessions answer -ESRCH */
	KMIGRATE_EVENT_VM_GONE,
	/* the module drove the log, and the VMM began to: KMIGRATE_TRACK_GAVE_WAY */
	KMIGRATE_EVENT_GAVE_WAY,
	/* a harvest began an interval late, or more; said once a second at most */
	KMIGRATE_EVENT_OVERRUN,
	/* somebody changed a policy that is held; said once a second at most */
	KMIGRATE_EVENT_FOUGHT,
};

/* What a hold lacks. */
enum kmigrate_shortfall {
	/* a CPU that is online has no cpufreq policy: no floor, no governor */
	KMIGRATE_SHORTFALL_NO_CPUFREQ = 1,
	/* a maximum below the floor is in force */
	KMIGRATE_SHORTFALL_MAX = 2,
	/* the governor "performance" can't be set */
	KMIGRATE_SHORTFALL_GOVERNOR = 4,
	/* it is, but the driver's energy_performance_preference is another */
	KMIGRATE_SHORTFALL_EPP = 8,
	/* a CPU is offline, or all of the policy's */
	KMIGRATE_SHORTFALL_OFFLINE = 16,
};

/* What the module can do on this kernel. */
enum kmigrate_features {
	/* the module was built to count dirtied pages (COUNTS_GET) */
	KMIGRATE_FEATURES_COUNT = 1,
	/* the counts name the vCPU (VCPU_GET) */
	KMIGRATE_FEATURES_VCPU_COUNT = 2,
	/* the live dirty bitmap can be read (TEST) */
	KMIGRATE_FEATURES_TEST = 4,
	/* pages can be tracked (TRACK_START) */
	KMIGRATE_FEATURES_TRACK = 8,
	/* and dirty logging can be switched on for it */
	KMIGRATE_FEATURES_DRIVE = 16,
	/* events are sent (EVENT) */
	KMIGRATE_FEATURES_EVENT = 32,
	/* CPUs can be held at performance (HOLD_START) */
	KMIGRATE_FEATURES_HOLD = 64,
};

enum {
	KMIGRATE_A_PAD = 1,
	KMIGRATE_A_ABI_VERSION,
	KMIGRATE_A_MODULE_VERSION,
	KMIGRATE_A_FEATURES,
	KMIGRATE_A_VENDOR,
	KMIGRATE_A_MECHANISM,
	KMIGRATE_A_PARAM,
	KMIGRATE_A_NR_SESSIONS,
	KMIGRATE_A_MAX_SESSIONS,
	KMIGRATE_A_MAX_TEST_EXTENTS,
	KMIGRATE_A_MAX_TEST_PAGES,
	KMIGRATE_A_VM_FD,
	KMIGRATE_A_SESSION,
	KMIGRATE_A_VMM_PID,
	KMIGRATE_A_LOGGING,
	KMIGRATE_A_COUNTING,
	KMIGRATE_A_NR_SLOTS,
	KMIGRATE_A_NR_VCPUS,
	KMIGRATE_A_MANUAL_PROTECT,
	KMIGRATE_A_DIRTY_RING,
	KMIGRATE_A_SLOT,
	KMIGRATE_A_VCPU,
	KMIGRATE_A_ELAPSED_NS,
	KMIGRATE_A_PAGES,
	KMIGRATE_A_REPEATS,
	KMIGRATE_A_UNATTRIBUTED,
	KMIGRATE_A_EXTENT,
	KMIGRATE_A_BITMAP,
	KMIGRATE_A_NR_DIRTY,
	KMIGRATE_A_NR_UNTRACKED,
	KMIGRATE_A_DRIVE,
	KMIGRATE_A_INTERVAL_MS,
	KMIGRATE_A_TRACK,
	KMIGRATE_A_TRACK_ERROR,
	KMIGRATE_A_TRACK_BYTES,
	KMIGRATE_A_MISSED,
	KMIGRATE_A_NR_HARVESTS,
	KMIGRATE_A_HARVEST,
	KMIGRATE_A_HARVEST_PAGES,
	KMIGRATE_A_HARVEST_NS,
	KMIGRATE_A_WINDOW,
	KMIGRATE_A_REGION,
	KMIGRATE_A_VM_ID,
	KMIGRATE_A_EVENT,
	KMIGRATE_A_OVERRUNS,
	KMIGRATE_A_HARVEST_SUM_NS,
	KMIGRATE_A_PML_PAGES,
	KMIGRATE_A_PML_DRAINS,
	KMIGRATE_A_PML_FULL,
	KMIGRATE_A_NR_HOLDS,
	KMIGRATE_A_MAX_HOLDS,
	KMIGRATE_A_HOLD,
	KMIGRATE_A_CPUS,
	KMIGRATE_A_FLOOR_KHZ,
	KMIGRATE_A_LATENCY_US,
	KMIGRATE_A_KEEP_GOVERNOR,
	KMIGRATE_A_SHORTFALL,
	KMIGRATE_A_OWNER_PID,
	KMIGRATE_A_OWNER_PORT,
	KMIGRATE_A_SINCE_NS,
	KMIGRATE_A_POLICY,
	KMIGRATE_A_CPU,
	KMIGRATE_A_FIGHT,

	__KMIGRATE_A_MAX,
	KMIGRATE_A_MAX = (__KMIGRATE_A_MAX - 1)
};

enum {
	KMIGRATE_A_PARAM_NAME = 1,
	KMIGRATE_A_PARAM_VALUE,

	__KMIGRATE_A_PARAM_MAX,
	KMIGRATE_A_PARAM_MAX = (__KMIGRATE_A_PARAM_MAX - 1)
};

enum {
	KMIGRATE_A_SLOT_PAD = 1,
	KMIGRATE_A_SLOT_ID,
	KMIGRATE_A_SLOT_AS_ID,
	KMIGRATE_A_SLOT_GFN,
	KMIGRATE_A_SLOT_NPAGES,
	KMIGRATE_A_SLOT_USERSPACE_ADDR,
	KMIGRATE_A_SLOT_FLAGS,
	KMIGRATE_A_SLOT_LOGGING,
	KMIGRATE_A_SLOT_INTERNAL,

	__KMIGRATE_A_SLOT_MAX,
	KMIGRATE_A_SLOT_MAX = (__KMIGRATE_A_SLOT_MAX - 1)
};

enum {
	KMIGRATE_A_VCPU_PAD = 1,
	KMIGRATE_A_VCPU_ID,
	KMIGRATE_A_VCPU_INDEX,
	KMIGRATE_A_VCPU_TID,
	KMIGRATE_A_VCPU_PAGES,
	KMIGRATE_A_VCPU_REPEATS,
	KMIGRATE_A_VCPU_PML_PAGES,
	KMIGRATE_A_VCPU_PML_DRAINS,
	KMIGRATE_A_VCPU_PML_FULL,

	__KMIGRATE_A_VCPU_MAX,
	KMIGRATE_A_VCPU_MAX = (__KMIGRATE_A_VCPU_MAX - 1)
};

enum {
	KMIGRATE_A_EXTENT_PAD = 1,
	KMIGRATE_A_EXTENT_AS_ID,
	KMIGRATE_A_EXTENT_GFN,
	KMIGRATE_A_EXTENT_NPAGES,

	__KMIGRATE_A_EXTENT_MAX,
	KMIGRATE_A_EXTENT_MAX = (__KMIGRATE_A_EXTENT_MAX - 1)
};

enum {
	KMIGRATE_A_WINDOW_PAD = 1,
	KMIGRATE_A_WINDOW_MS,
	KMIGRATE_A_WINDOW_UNIQUE,
	KMIGRATE_A_WINDOW_NS,
	KMIGRATE_A_WINDOW_PAGES,

	__KMIGRATE_A_WINDOW_MAX,
	KMIGRATE_A_WINDOW_MAX = (__KMIGRATE_A_WINDOW_MAX - 1)
};

enum {
	KMIGRATE_A_REGION_PAD = 1,
	KMIGRATE_A_REGION_AS_ID,
	KMIGRATE_A_REGION_GFN,
	KMIGRATE_A_REGION_NPAGES,
	KMIGRATE_A_REGION_PAGES_1S,
	KMIGRATE_A_REGION_PAGES_10S,
	KMIGRATE_A_REGION_PAGES_60S,

	__KMIGRATE_A_REGION_MAX,
	KMIGRATE_A_REGION_MAX = (__KMIGRATE_A_REGION_MAX - 1)
};

enum {
	KMIGRATE_A_POLICY_NAME = 1,
	KMIGRATE_A_POLICY_CPUS,
	KMIGRATE_A_POLICY_FLOOR_KHZ,
	KMIGRATE_A_POLICY_MIN_KHZ_BEFORE,
	KMIGRATE_A_POLICY_MAX_KHZ_BEFORE,
	KMIGRATE_A_POLICY_GOVERNOR_BEFORE,
	KMIGRATE_A_POLICY_MIN_KHZ,
	KMIGRATE_A_POLICY_MAX_KHZ,
	KMIGRATE_A_POLICY_GOVERNOR,
	KMIGRATE_A_POLICY_SHORTFALL,
	KMIGRATE_A_POLICY_ERROR,
	KMIGRATE_A_POLICY_FOUGHT,

	__KMIGRATE_A_POLICY_MAX,
	KMIGRATE_A_POLICY_MAX = (__KMIGRATE_A_POLICY_MAX - 1)
};

enum {
	KMIGRATE_A_FIGHT_POLICY = 1,
	KMIGRATE_A_FIGHT_FILE,
	KMIGRATE_A_FIGHT_GOVERNOR,
	KMIGRATE_A_FIGHT_MAX_KHZ,
	KMIGRATE_A_FIGHT_COUNT,

	__KMIGRATE_A_FIGHT_MAX,
	KMIGRATE_A_FIGHT_MAX = (__KMIGRATE_A_FIGHT_MAX - 1)
};

enum {
	KMIGRATE_A_CPU_NUMBER = 1,
	KMIGRATE_A_CPU_LATENCY_US,
	KMIGRATE_A_CPU_IN_FORCE_US,

	__KMIGRATE_A_CPU_MAX,
	KMIGRATE_A_CPU_MAX = (__KMIGRATE_A_CPU_MAX - 1)
};

enum {
	KMIGRATE_CMD_INFO = 1,
	KMIGRATE_CMD_VM_ATTACH,
	KMIGRATE_CMD_VM_DETACH,
	KMIGRATE_CMD_VM_GET,
	KMIGRATE_CMD_SLOT_GET,
	KMIGRATE_CMD_VCPU_GET,
	KMIGRATE_CMD_COUNTS_GET,
	KMIGRATE_CMD_TEST,
	KMIGRATE_CMD_TRACK_START,
	KMIGRATE_CMD_TRACK_STOP,
	KMIGRATE_CMD_TRACK_GET,
	KMIGRATE_CMD_HARVEST,
	KMIGRATE_CMD_EXTENT_GET,
	KMIGRATE_CMD_WINDOW_GET,
	KMIGRATE_CMD_REGION_GET,
	KMIGRATE_CMD_EVENT,
	KMIGRATE_CMD_HOLD_START,
	KMIGRATE_CMD_HOLD_STOP,
	KMIGRATE_CMD_HOLD_GET,

	__KMIGRATE_CMD_MAX,
	KMIGRATE_CMD_MAX = (__KMIGRATE_CMD_MAX - 1)
};

#endif /* _UAPI_LINUX_KMIGRATE_H */
