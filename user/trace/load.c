// SPDX-License-Identifier: GPL-2.0
#include "load.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/libbpf.h>

/* libbpf's first warning of a load: the later ones only say that it failed. */
static char first_warning[KM_ERR_MAX / 2];

static int keep_warning(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !first_warning[0]) {
		vsnprintf(first_warning, sizeof(first_warning), fmt, ap);
		first_warning[strcspn(first_warning, "\n")] = '\0';
	}
	return 0;
}

/* CAP_BPF for maps and programs, CAP_PERFMON for tracing (capabilities(7)); CAP_SYS_ADMIN
 * since libbpf reads the BTF of kvm.ko by its id (bpf(2), BPF_BTF_GET_FD_BY_ID). */
static bool may_trace(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	__u64 have;

	if (syscall(SYS_capget, &head, data))
		return true; /* the load will say */
	have = data[0].effective | (__u64)data[1].effective << 32;
	return have & 1ull << CAP_SYS_ADMIN;
}

int km_bpf_check(const char *tracepoint, struct km_err *err)
{
	static const char *const mounts[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[256];
	bool tracefs = false;

	first_warning[0] = '\0';
	libbpf_set_print(keep_warning);
	if (!may_trace())
		return km_err_set(err, -EPERM,
				  "tracing needs root (CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON)");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return km_err_set(
			err, -ENOENT,
			"this kernel has no BTF (CONFIG_DEBUG_INFO_BTF): it can't be traced");
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		snprintf(path, sizeof(path), "%s/events", mounts[i]);
		tracefs |= !access(path, R_OK);
		snprintf(path, sizeof(path), "%s/events/%s", mounts[i], tracepoint);
		if (!access(path, R_OK))
			return 0;
	}
	if (!tracefs)
		return km_err_set(err, -ENOENT,
				  "no tracefs: mount -t tracefs tracefs /sys/kernel/tracing");
	return km_err_set(err, -ENOENT, "this kernel has no tracepoint %s: is kvm loaded?",
			  tracepoint);
}

int km_bpf_failed(int rc, const char *question, struct km_err *err)
{
	return km_err_set(err, rc, "%s can't be traced on this kernel: %s%s%s", question,
			  strerror(-rc), first_warning[0] ? "; " : "", first_warning);
}
