// SPDX-License-Identifier: GPL-2.0
/* The names of all facts. */
#include "schema.h"

#define AT(what, s, f, key, ...)                                                \
	{                                                                       \
		.name = (key), .kind = (what), .offset = offsetof(struct s, f), \
		.size = sizeof(((struct s *)0)->f), __VA_ARGS__                 \
	}
#define TEXT(s, f)   AT(KM_FIELD_TEXT, s, f, #f)
#define U32(s, f)    AT(KM_FIELD_U32, s, f, #f)
#define U64(s, f)    AT(KM_FIELD_U64, s, f, #f)
#define NODE(s, f)   AT(KM_FIELD_NODE, s, f, #f)
#define TRI(s, f)    AT(KM_FIELD_TRI, s, f, #f)
#define SET(s, f)    AT(KM_FIELD_SET, s, f, #f)
#define OBJECT(s, f) AT(KM_FIELD_OBJECT, s, f, #f, .sub = f##_fields)
#define ITSELF(bytes)                                  \
	{                                              \
		.kind = KM_FIELD_TEXT, .size = (bytes) \
	}
#define LIST(s, f, n, key, fields)                                                                 \
	{                                                                                          \
		.name = (key), .kind = KM_FIELD_LIST, .offset = offsetof(struct s, f),             \
		.size = sizeof(((struct s *)0)->f[0]), .count = offsetof(struct s, n),             \
		.cap = sizeof(((struct s *)0)->f) / sizeof(((struct s *)0)->f[0]), .sub = (fields) \
	}
#define END       \
	{         \
		0 \
	}

static const struct km_field software_fields[] = {
	TEXT(km_rec_software, host),
	TEXT(km_rec_software, kernel),
	TEXT(km_rec_software, tool),
	U32(km_rec_software, wire_abi),
	TRI(km_rec_software, module),
	TEXT(km_rec_software, mechanism),
	TRI(km_rec_software, clock_synced),
	U64(km_rec_software, clock_error_us),
	TEXT(km_rec_software, clocksource),
	U64(km_rec_software, taken_s),
	END,
};

static const struct km_field cpu_fields[] = {
	TEXT(km_rec_cpu, vendor),
	TEXT(km_rec_cpu, name),
	U32(km_rec_cpu, family),
	U32(km_rec_cpu, model),
	U32(km_rec_cpu, stepping),
	U32(km_rec_cpu, microcode),
	U32(km_rec_cpu, phys_bits),
	U32(km_rec_cpu, virt_bits),
	TRI(km_rec_cpu, smt),
	TRI(km_rec_cpu, hypervisor),
	END,
};

static const struct km_field cpuid_fields[] = {
	U32(km_rec_cpuid, leaf),
	U32(km_rec_cpuid, index),
	U32(km_rec_cpuid, eax),
	U32(km_rec_cpuid, ebx),
	U32(km_rec_cpuid, ecx),
	U32(km_rec_cpuid, edx),
	END,
};

static const struct km_field msr_fields[] = {
	U32(km_rec_msr, index),
	U64(km_rec_msr, value),
	END,
};

static const struct km_field kvm_fields[] = {
	TRI(km_rec_kvm, usable),
	TEXT(km_rec_kvm, module),
	TRI(km_rec_kvm, nested),
	TRI(km_rec_kvm, nested_paging),
	TRI(km_rec_kvm, ad_bits),
	TRI(km_rec_kvm, pml),
	TRI(km_rec_kvm, tsc_scaling),
	U64(km_rec_kvm, tsc_khz),
	U32(km_rec_kvm, phys_bits),
	U32(km_rec_kvm, xsave_bytes),
	U32(km_rec_kvm, pmu_version),
	U32(km_rec_kvm, max_vcpus),
	LIST(km_rec_kvm, cpuid, ncpuid, "cpuid", cpuid_fields),
	LIST(km_rec_kvm, msr, nmsrs, "msrs", msr_fields),
	END,
};

static const struct km_field huge_fields[] = {
	U64(km_rec_huge, page_bytes),
	U64(km_rec_huge, pages),
	U64(km_rec_huge, free_pages),
	END,
};

static const struct km_field node_fields[] = {
	U32(km_rec_node, node),
	TEXT(km_rec_node, cpus),
	U64(km_rec_node, memory_bytes),
	U64(km_rec_node, free_bytes),
	TEXT(km_rec_node, distances),
	LIST(km_rec_node, huge, nhuge, "huge_pages", huge_fields),
	END,
};

static const struct km_field topology_fields[] = {
	U32(km_rec_topology, cpus),
	U32(km_rec_topology, cores),
	U32(km_rec_topology, packages),
	LIST(km_rec_topology, node, nnodes, "nodes", node_fields),
	END,
};

static const struct km_field memory_fields[] = {
	U64(km_rec_memory, total_bytes),
	U64(km_rec_memory, free_bytes),
	U64(km_rec_memory, available_bytes),
	U64(km_rec_memory, swap_bytes),
	U64(km_rec_memory, swap_free_bytes),
	U64(km_rec_memory, commit_limit_bytes),
	U64(km_rec_memory, committed_bytes),
	TEXT(km_rec_memory, overcommit),
	TRI(km_rec_memory, ksm),
	U64(km_rec_memory, ksm_saved_bytes),
	U64(km_rec_memory, memlock_bytes),
	LIST(km_rec_memory, huge, nhuge, "huge_pages", huge_fields),
	END,
};

static const struct km_field encryption_fields[] = {
	TRI(km_rec_encryption, sme),	    TRI(km_rec_encryption, tme),
	TRI(km_rec_encryption, sev),	    TRI(km_rec_encryption, kvm_sev),
	TRI(km_rec_encryption, kvm_sev_es), TRI(km_rec_encryption, kvm_sev_snp),
	TRI(km_rec_encryption, kvm_tdx),    END,
};

static const struct km_field nic_fields[] = {
	TEXT(km_rec_nic, name),	  TEXT(km_rec_nic, driver),
	TRI(km_rec_nic, up),	  U64(km_rec_nic, bit_per_s),
	U32(km_rec_nic, mtu),	  U32(km_rec_nic, queues),
	TRI(km_rec_nic, tso),	  TRI(km_rec_nic, gso),
	TRI(km_rec_nic, gro),	  TRI(km_rec_nic, tx_csum),
	TRI(km_rec_nic, rx_csum), TRI(km_rec_nic, rdma),
	NODE(km_rec_nic, node),	  END,
};

static const struct km_field network_fields[] = {
	TEXT(km_rec_network, peer),
	TEXT(km_rec_network, device),
	U32(km_rec_network, path_mtu),
	U64(km_rec_network, probe_bit_per_s),
	U32(km_rec_network, probe_round_trip_us),
	TEXT(km_rec_network, probe_error),
	LIST(km_rec_network, nic, nnics, "nics", nic_fields),
	END,
};

static const struct km_field power_fields[] = {
	TEXT(km_rec_power, driver),
	TEXT(km_rec_power, governor),
	TEXT(km_rec_power, preference),
	TEXT(km_rec_power, idle_state),
	U32(km_rec_power, idle_latency_us),
	TRI(km_rec_power, turbo),
	U64(km_rec_power, throttled),
	U32(km_rec_power, max_khz),
	END,
};

static const struct km_field file_fields[] = {
	TEXT(km_rec_file, path),
	TRI(km_rec_file, there),
	TRI(km_rec_file, shared),
	END,
};

static const struct km_field model_fields[] = {
	TEXT(km_rec_model, name),
	TEXT(km_rec_model, vendor),
	U32(km_rec_model, family),
	TRI(km_rec_model, runs),
	SET(km_rec_model, features),
	SET(km_rec_model, lacking),
	END,
};

static const struct km_field machine_itself[] = { ITSELF(48), END };
static const struct km_field feature_itself[] = { ITSELF(40), END };

static const struct km_field qemu_fields[] = {
	TEXT(km_rec_qemu, path),
	TEXT(km_rec_qemu, version),
	TRI(km_rec_qemu, kvm),
	LIST(km_rec_qemu, machine, nmachines, "machines", machine_itself),
	LIST(km_rec_qemu, feature, nfeatures, "cpu_features", feature_itself),
	SET(km_rec_qemu, host),
	SET(km_rec_qemu, movable),
	LIST(km_rec_qemu, model, nmodels, "cpu_models", model_fields),
	END,
};

const struct km_field km_host_fields[] = {
	AT(KM_FIELD_U32, km_host_record, version, "kmigrate_host"),
	OBJECT(km_host_record, software),
	OBJECT(km_host_record, cpu),
	OBJECT(km_host_record, kvm),
	OBJECT(km_host_record, topology),
	OBJECT(km_host_record, memory),
	OBJECT(km_host_record, encryption),
	OBJECT(km_host_record, network),
	OBJECT(km_host_record, power),
	LIST(km_host_record, file, nfiles, "files", file_fields),
	LIST(km_host_record, qemu, nqemus, "qemus", qemu_fields),
	END,
};

static const struct km_field disk_fields[] = {
	TEXT(km_rec_disk, device),
	TEXT(km_rec_disk, path),
	TRI(km_rec_disk, read_only),
	END,
};

const struct km_field km_guest_fields[] = {
	TEXT(km_guest_record, name),
	TEXT(km_guest_record, qemu_path),
	TEXT(km_guest_record, qemu_version),
	TEXT(km_guest_record, machine),
	TRI(km_guest_record, kvm),
	TEXT(km_guest_record, unmovable),
	TEXT(km_guest_record, cpu_model),
	U32(km_guest_record, vcpus),
	U32(km_guest_record, phys_bits),
	TRI(km_guest_record, host_cpu),
	TRI(km_guest_record, pmu),
	U64(km_guest_record, tsc_khz),
	LIST(km_guest_record, feature, nfeatures, "features", feature_itself),
	LIST(km_guest_record, missing, nmissing, "missing_features", feature_itself),
	U64(km_guest_record, ram_bytes),
	TEXT(km_guest_record, backing),
	U64(km_guest_record, huge_page_bytes),
	U64(km_guest_record, locked_bytes),
	U32(km_guest_record, pinned_threads),
	TEXT(km_guest_record, confidential),
	TRI(km_guest_record, balloon),
	TEXT(km_guest_record, tpm),
	LIST(km_guest_record, disk, ndisks, "disks", disk_fields),
	END,
};
