// SPDX-License-Identifier: GPL-2.0
#include "who.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "../host/threads.h"

void km_who_name(char *buf, size_t size, const char *comm, pid_t tgid, bool kernel, pid_t guest)
{
	int vcpu;
	enum km_thread_kind kind = km_thread_kind_of(comm, &vcpu);

	/* A runnable thread and an idle CPU: its group is over its quota, or the CPU is on
	 * its way out of sleep. */
	if (!tgid)
		snprintf(buf, size, "nobody (idle or throttled)");
	else if (kernel)
		snprintf(buf, size, "kernel thread %s", comm);
	else if (tgid == guest && kind == KM_THREAD_VCPU)
		snprintf(buf, size, "its own vCPU %d", vcpu);
	else if (tgid == guest && kind == KM_THREAD_MIGRATION)
		snprintf(buf, size, "its own migration, %s", comm);
	else if (tgid == guest)
		snprintf(buf, size, "its own VMM, %s", comm);
	else if (kind == KM_THREAD_VCPU)
		snprintf(buf, size, "another guest, %d, vCPU %d", (int)tgid, vcpu);
	else if (kind == KM_THREAD_MIGRATION)
		snprintf(buf, size, "another's migration, %d, %s", (int)tgid, comm);
	else
		snprintf(buf, size, "%s, %d", comm, (int)tgid);
	/* A thread gives itself any name. */
	for (char *p = buf; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
}
