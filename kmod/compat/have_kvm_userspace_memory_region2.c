// SPDX-License-Identifier: GPL-2.0
/* Since 6.8 (bb58b90b1a8f) KVM's own functions take the larger structure. */
#include <linux/kvm_host.h>

struct kvm_userspace_memory_region2 km_probe;
