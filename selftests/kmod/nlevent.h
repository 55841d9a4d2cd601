/* SPDX-License-Identifier: GPL-2.0 */
/* Events of the family "kmigrate", on a socket that does nothing else. For tests. */
#ifndef KMOD_NLEVENT_H
#define KMOD_NLEVENT_H

#include "nl.h"

struct nl_event {
	uint64_t vm;
	uint32_t event, overruns;
	/* of a fight */
	char file[32], governor[32];
	uint32_t max_khz, fought;
};

/* A group of the family that @nl was opened for; @nl must have been opened. */
int nl_join(struct nl *nl, const char *group);
/* The next one, of any VM. -ETIMEDOUT after @ms, -ENOBUFS if some were lost. */
int nl_next_event(struct nl *nl, int ms, struct nl_event *event);

#endif
