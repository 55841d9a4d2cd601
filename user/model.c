// SPDX-License-Identifier: GPL-2.0
#include "model.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define NAME_OF(table, i) ((size_t)(i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : "?")

/* Newlines, escapes and C1 controls (UTF-8 c2 80..9f) have no place in a line
 * that ends up on somebody's terminal. */
static void make_printable(char *text)
{
	unsigned char *p = (unsigned char *)text;

	for (; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = *p == '\n' || *p == '\t' ? ' ' : '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
	while (p > (unsigned char *)text && p[-1] == ' ')
		*--p = '\0';
}

int km_err_set(struct km_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;

	/* The arguments may point into err->text itself ("while X: %s"). */
	char text[KM_ERR_MAX];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	make_printable(text);
	snprintf(err->text, sizeof(err->text), "%s", text);
	err->code = code;
	return code;
}

const char *km_phase_name(enum km_phase p)
{
	static const char *const names[] = {
		[KM_PHASE_SETUP] = "setup",
		[KM_PHASE_PRECOPY] = "precopy",
		[KM_PHASE_SWITCHOVER] = "switchover",
		[KM_PHASE_COMMIT] = "commit",
		[KM_PHASE_DONE] = "done",
	};

	return NAME_OF(names, p);
}

const char *km_figure_name(enum km_figure f)
{
	static const char *const names[] = {
		[KM_FIGURE_TOTAL_MS] = "total_ms",
		[KM_FIGURE_PAUSE_MS] = "pause_ms",
		[KM_FIGURE_WIRE_BYTES] = "wire_bytes",
		[KM_FIGURE_SOURCE_CPU_MS] = "source_cpu_ms",
		[KM_FIGURE_DESTINATION_CPU_MS] = "destination_cpu_ms",
	};

	return NAME_OF(names, f);
}

const char *km_stall_name(enum km_stall s)
{
	static const char *const names[] = {
		[KM_STALL_WAIT] = "no-cpu",
		[KM_STALL_THROTTLED] = "throttled",
		[KM_STALL_STOPPED] = "stopped",
		[KM_STALL_VMM] = "vmm-asleep",
		[KM_STALL_EMULATED] = "vmm-running",
		[KM_STALL_TRACKING] = "page-tracking",
		[KM_STALL_TOUCH] = "first-touch",
		[KM_STALL_BLOCKED] = "kvm-asleep",
		[KM_STALL_KVM] = "other-exits",
	};

	return NAME_OF(names, s);
}

const char *km_outcome_name(enum km_outcome o)
{
	static const char *const names[] = {
		[KM_OUT_UNKNOWN] = "unknown", [KM_OUT_MOVED] = "moved", [KM_OUT_STAYED] = "stayed",
		[KM_OUT_DOUBT] = "in doubt",  [KM_OUT_LOST] = "lost",
	};

	return NAME_OF(names, o);
}

const char *km_disk_how_name(enum km_disk_how h)
{
	static const char *const names[] = {
		[KM_DISK_SHARED] = "shared",
		[KM_DISK_MIRRORED] = "mirrored",
		[KM_DISK_REWRITTEN] = "rewritten",
	};

	return NAME_OF(names, h);
}

const char *km_backing_name(enum km_backing b)
{
	static const char *const names[] = {
		[KM_BACKING_UNKNOWN] = "unknown",
		[KM_BACKING_ANON] = "anonymous",
		[KM_BACKING_SHARED] = "shared",
		[KM_BACKING_PRIVATE_FILE] = "private-file",
	};

	return NAME_OF(names, b);
}

const char *km_accel_name(enum km_accel a)
{
	static const char *const names[] = {
		[KM_ACCEL_UNKNOWN] = "unknown",
		[KM_ACCEL_KVM] = "kvm",
		[KM_ACCEL_TCG] = "tcg",
	};

	return NAME_OF(names, a);
}
