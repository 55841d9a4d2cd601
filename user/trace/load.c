// SPDX-License-Identifier: GPL-2.0
#include "load.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "../host/threads.h"

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

static const char *const mounts[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

bool km_bpf_has(const char *tracepoint)
{
	char path[256];

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		snprintf(path, sizeof(path), "%s/events/%s%s", mounts[i], tracepoint,
			 *tracepoint ? "/id" : "");
		if (!access(path, R_OK))
			return true;
	}
	return false;
}

int km_bpf_check(const char *tracepoint, struct km_err *err)
{
	first_warning[0] = '\0';
	libbpf_set_print(keep_warning);
	if (!may_trace())
		return km_err_set(err, -EPERM,
				  "tracing needs root (CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON)");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return km_err_set(
			err, -ENOENT,
			"this kernel has no BTF (CONFIG_DEBUG_INFO_BTF): it can't be traced");
	if (km_bpf_has(tracepoint))
		return 0;
	if (!km_bpf_has(""))
		return km_err_set(err, -ENOENT,
				  "no tracefs: mount -t tracefs tracefs /sys/kernel/tracing");
	return km_err_set(err, -ENOENT, "this kernel has no tracepoint %s%s", tracepoint,
			  strncmp(tracepoint, "kvm/", 4) ? "" : ": is kvm loaded?");
}

int km_bpf_failed(int rc, const char *question, struct km_err *err)
{
	return km_err_set(err, rc, "%s can't be traced on this kernel: %s%s%s", question,
			  strerror(-rc), first_warning[0] ? "; " : "", first_warning);
}

void km_bpf_add_vcpus(int map, pid_t pid)
{
	unsigned char value[64] = { 0 };
	struct km_err ignored = { 0 };
	struct km_thread *t;
	size_t n;

	if (km_threads_read(pid, &t, &n, &ignored))
		return;
	for (size_t i = 0; i < n; i++) {
		__u32 key = (__u32)t[i].tid, vcpu = (__u32)t[i].vcpu;

		memcpy(value, &vcpu, sizeof(vcpu));
		if (t[i].kind == KM_THREAD_VCPU)
			bpf_map_update_elem(map, &key, value, BPF_NOEXIST);
	}
	free(t);
}

_Static_assert(KM_BPF_SLOTS == KM_HIST_SLOTS, "the same slots on both sides");
_Static_assert(KM_BPF_NO_VCPU == KM_TRACE_NO_VCPU, "the same on both sides");

static void copy_hist(struct km_trace_row *row, const struct km_bpf_hist *h)
{
	row->events = h->events;
	row->hist.n = h->timed;
	row->hist.sum_ns = h->sum_ns;
	memcpy(row->hist.slots, h->slots, sizeof(row->hist.slots));
}

void km_bpf_read_hists(const struct bpf_map *map, bool (*name)(struct km_trace_row *, const void *),
		       struct km_trace *out, size_t max)
{
	_Alignas(8) unsigned char key[32];
	unsigned char *last = NULL;
	int fd = bpf_map__fd(map);
	size_t first = out->n;
	struct km_bpf_hist v;

	while (out->n < max && !bpf_map_get_next_key(fd, last, key)) {
		struct km_trace_row *row = &out->rows[out->n];

		last = key;
		if (!name(row, key) || bpf_map_lookup_elem(fd, key, &v))
			continue;
		copy_hist(row, &v);
		out->n++;
	}
	km_trace_sort(out->rows + first, out->n - first);
}

static int by_time(const void *a, const void *b)
{
	const struct km_trace_row *x = a, *y = b;

	if (x->hist.sum_ns != y->hist.sum_ns)
		return x->hist.sum_ns < y->hist.sum_ns ? 1 : -1;
	return (x->events < y->events) - (x->events > y->events);
}

void km_trace_sort(struct km_trace_row *rows, size_t n)
{
	qsort(rows, n, sizeof(*rows), by_time);
}
