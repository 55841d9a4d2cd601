/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of a host, and of a guest, when two hosts are compared: plain data, no
 * pointers, one allocation each.  schema.c has the names that the same facts have in JSON,
 * and how long and large each may be; kmigrate(8) documents them under HOST RECORD.
 *
 * Unknown is "" for a text, 0 for a number, KM_UNKNOWN for a yes or no, -1 for a NUMA node.
 * A rule never takes what is unknown for a difference.
 */
#ifndef KM_CHECK_RECORD_H
#define KM_CHECK_RECORD_H

#include <stdint.h>
#include "set.h"

/* Raised when an older kmigrate would misread a newer record; new keys don't raise it. */
#define KM_RECORD_VERSION 1

#define KM_REC_TEXT	128
#define KM_REC_CPUID	192 /* KVM gives about 60 to 100 (KVM_MAX_CPUID_ENTRIES is 256) */
#define KM_REC_MSRS	64
#define KM_REC_NODES	64
#define KM_REC_HUGE	4 /* sizes of huge pages; x86 has two */
#define KM_REC_NICS	32
#define KM_REC_FILES	64
#define KM_REC_QEMUS	4
#define KM_REC_MACHINES 256
#define KM_REC_MODELS	256

enum km_tri { KM_UNKNOWN, KM_NO, KM_YES };

/* One entry of KVM_GET_SUPPORTED_CPUID; entries of zeros are left out. */
struct km_rec_cpuid {
	uint32_t leaf, index, eax, ebx, ecx, edx;
};

struct km_rec_msr {
	uint32_t index;
	uint64_t value;
};

struct km_rec_cpu {
	char vendor[16]; /* CPUID 0: GenuineIntel, AuthenticAMD, ... */
	char name[KM_REC_TEXT];
	uint32_t family, model, stepping; /* as /proc/cpuinfo counts them */
	uint32_t microcode;
	uint32_t phys_bits, virt_bits;
	enum km_tri smt;	/* sysfs smt/active */
	enum km_tri hypervisor; /* this host is a guest itself */
};

struct km_rec_kvm {
	enum km_tri usable; /* /dev/kvm opens; without it nothing below is known */
	char module[16];    /* kvm_intel, kvm_amd */
	enum km_tri nested, nested_paging, ad_bits, pml;
	enum km_tri tsc_scaling;
	uint64_t tsc_khz;
	uint32_t phys_bits;   /* that guests can have: CPUID 0x80000008 as KVM gives it */
	uint32_t xsave_bytes; /* the largest state of a vCPU, KVM_CAP_XSAVE2 */
	uint32_t pmu_version; /* 0 also for none */
	uint32_t max_vcpus;
	uint32_t ncpuid, nmsrs;
	struct km_rec_cpuid cpuid[KM_REC_CPUID];
	struct km_rec_msr msr[KM_REC_MSRS];
};

struct km_rec_huge {
	uint64_t page_bytes, pages, free_pages;
};

struct km_rec_node {
	uint32_t node;
	char cpus[256]; /* the kernel's list format */
	uint64_t memory_bytes, free_bytes;
	char distances[256]; /* to each node, as sysfs has them */
	uint32_t nhuge;
	struct km_rec_huge huge[KM_REC_HUGE];
};

struct km_rec_memory {
	uint64_t total_bytes, free_bytes, available_bytes;
	uint64_t swap_bytes, swap_free_bytes;
	uint64_t commit_limit_bytes, committed_bytes;
	char overcommit[8]; /* vm.overcommit_memory: guess, always, never */
	enum km_tri ksm;    /* it merges pages now */
	uint64_t ksm_saved_bytes;
	uint64_t memlock_bytes; /* RLIMIT_MEMLOCK of us, INT64_MAX: none */
	uint32_t nhuge;
	struct km_rec_huge huge[KM_REC_HUGE];
};

struct km_rec_topology {
	uint32_t cpus, cores, packages;
	uint32_t nnodes;
	struct km_rec_node node[KM_REC_NODES];
};

/* Of memory, and of guests. The first three are what the CPU says that it can. */
struct km_rec_encryption {
	enum km_tri sme, tme, sev;
	enum km_tri kvm_sev, kvm_sev_es, kvm_sev_snp, kvm_tdx; /* module parameters */
};

struct km_rec_nic {
	char name[16];
	char driver[32];
	enum km_tri up;
	uint64_t bit_per_s;
	uint32_t mtu;
	uint32_t queues; /* combined, or of the fewer of receive and transmit */
	enum km_tri tso, gso, gro, tx_csum, rx_csum;
	enum km_tri rdma;
	int32_t node;
};

struct km_rec_network {
	char peer[KM_REC_TEXT]; /* whom the route is to */
	char device[16];	/* that it goes by */
	uint32_t path_mtu;
	/* Measured towards the peer (host/probe.h), or why it could not be. */
	uint64_t probe_bit_per_s;
	uint32_t probe_round_trip_us;
	char probe_error[256];
	uint32_t nnics;
	struct km_rec_nic nic[KM_REC_NICS];
};

struct km_rec_power {
	char driver[32], governor[32], preference[32]; /* governor: "mixed" when CPUs differ */
	char idle_state[32];			       /* the deepest that is not disabled */
	uint32_t idle_latency_us;
	enum km_tri turbo;
	uint64_t throttled; /* thermal events of all CPUs since boot */
	uint32_t max_khz;
};

struct km_rec_software {
	char tool[32];	   /* kmigrate's version */
	uint32_t wire_abi; /* KM_WIRE_ABI */
	char kernel[KM_REC_TEXT], host[KM_REC_TEXT];
	enum km_tri module; /* kmigrate.ko answers, with our ABI */
	char mechanism[32]; /* by which dirty pages are found, as the module says */
	enum km_tri clock_synced;
	uint64_t clock_error_us;
	char clocksource[32];
	uint64_t taken_s; /* Unix time of this record */
};

struct km_rec_model {
	char name[64];
	char vendor[16]; /* "" where QEMU could not be asked without KVM */
	uint32_t family;
	struct km_set features; /* that it has, in km_rec_qemu.feature's numbers */
	struct km_set lacking;	/* of these, those that this host can't give it */
	enum km_tri runs;	/* QEMU has nothing to complain about */
};

/* One QEMU that is installed: what it says when it is asked without a guest. */
struct km_rec_qemu {
	char path[256];
	char version[32];
	enum km_tri kvm; /* it was asked with KVM, so that CPUs are the host's */
	uint32_t nmachines, nfeatures, nmodels;
	char machine[KM_REC_MACHINES][48];
	char feature[KM_SET_MAX][40]; /* QEMU's names */
	struct km_set host;	      /* the features that a guest can have here */
	struct km_set movable;	      /* of these, those with which it can be moved */
	struct km_rec_model model[KM_REC_MODELS];
};

/* A file that was asked for, as a guest's disk. */
struct km_rec_file {
	char path[512];
	enum km_tri there;
	enum km_tri shared; /* on a file system of a network or cluster */
};

struct km_host_record {
	uint32_t version;
	struct km_rec_software software;
	struct km_rec_cpu cpu;
	struct km_rec_kvm kvm;
	struct km_rec_topology topology;
	struct km_rec_memory memory;
	struct km_rec_encryption encryption;
	struct km_rec_network network;
	struct km_rec_power power;
	uint32_t nfiles, nqemus;
	struct km_rec_file file[KM_REC_FILES];
	struct km_rec_qemu qemu[KM_REC_QEMUS];
};

struct km_rec_disk {
	char device[64];
	char path[512];
	enum km_tri read_only;
};

/* A guest as its QEMU shows it. */
struct km_guest_record {
	char name[KM_REC_TEXT], qemu_path[256], qemu_version[32], machine[48];
	enum km_tri kvm;
	char unmovable[512]; /* why, as `kmigrate vms` says */
	char cpu_model[64];
	uint32_t vcpus, phys_bits;
	enum km_tri host_cpu; /* the model is what the host has: host, max */
	enum km_tri pmu;
	uint64_t tsc_khz; /* that was asked for */
	uint32_t nfeatures;
	char feature[KM_SET_MAX][40]; /* that it really sees, QEMU's names */
	uint32_t nmissing;
	char missing[KM_SET_MAX][40]; /* asked for, and not given already here */
	uint64_t ram_bytes;
	char backing[16];
	uint64_t huge_page_bytes; /* 0 = small pages */
	uint64_t locked_bytes;	  /* VmLck */
	uint32_t pinned_threads;
	char confidential[32]; /* sev, sev-es, sev-snp, tdx; "" = none */
	enum km_tri balloon;
	char tpm[32]; /* the backend's type; "" = none */
	uint32_t ndisks;
	struct km_rec_disk disk[KM_REC_FILES];
};

#endif
