// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost a guest whose VMM logs that the module looks on? The guest writes a
 * page each, the VMM harvests, and so on; the time that the guest takes for its writes
 * counts, with the module's hook and without.
 *
 * "Without" is with the hook taken out of KVM's code, which is some time after the last
 * session has ended (hook.c): the kernel's list of traced functions says when.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bench.h"

#define TRACEFS		"/sys/kernel/tracing"
#define TRACED		TRACEFS "/enabled_functions"
#define HOOKED		"mark_page_dirty_in_slot"

#define RAM		16384		/* pages */
#define WRITES		4096		/* of a round */

enum how { NOTHING, NOTHING_TOO, ATTACHED, TRACKED, HOWS };

static bool is_hooked(void)
{
	char line[256];
	bool found = false;
	FILE *file = fopen(TRACED, "re");

	must(file ? 0 : -errno, TRACED);
	while (!found && fgets(line, sizeof(line), file))
		found = !strncmp(line, HOOKED, strlen(HOOKED));
	fclose(file);
	return found;
}

static void wait_hook(bool wanted)
{
	unsigned int tries = 0;

	while (is_hooked() != wanted) {
		must(++tries > 3000 ? -ETIMEDOUT : 0, wanted ? "the hook" : "the hook's end");
		usleep(20000);
	}
}

static double rounds(struct vmm *vmm, const uint32_t *pages, unsigned int nr)
{
	static uint64_t bitmap[RAM / 64];
	uint64_t start, sum = 0;
	unsigned int i;

	/* One more, not counted: code was patched, and the emulator translates it anew. */
	for (i = 0; i <= nr; i++) {
		start = now_ns();
		must(vmm_write(vmm, 0, pages, WRITES, i + 1), "the guest");
		if (i)
			sum += now_ns() - start;
		must(vmm_harvest(vmm, bitmap), "KVM_GET_DIRTY_LOG");
	}
	return (double)sum / (nr * WRITES);
}

static double trial(struct nl *nl, struct vmm *vmm, const uint32_t *pages, enum how how)
{
	const unsigned int nr = (unsigned int)how_many(8, 3);
	struct nl_track track;
	uint32_t session = 0;
	double ns;

	if (how == NOTHING || how == NOTHING_TOO) {
		wait_hook(false);
		return rounds(vmm, pages, nr);
	}
	must(nl_attach(nl, vmm->vm, &session), "KMIGRATE_CMD_VM_ATTACH");
	wait_hook(true);
	if (how == TRACKED) {
		must(nl_track_start(nl, session, false, 100), "KMIGRATE_CMD_TRACK_START");
		must(nl_track_wait(nl, session, KMIGRATE_TRACK_ON, &track), "tracking");
	}
	ns = rounds(vmm, pages, nr);
	must(nl_detach(nl, session), "KMIGRATE_CMD_VM_DETACH");
	return ns;
}

void bench_observe(struct nl *nl)
{
	const struct vmm_options vmm_options = { .pages = RAM, .vcpus = 1 };
	static struct pairs attached, tracked, control;
	size_t i, h, nr = how_many(40, 2);
	static uint32_t pages[WRITES];
	uint32_t order[HOWS] = { NOTHING, NOTHING_TOO, ATTACHED, TRACKED };
	double ns[HOWS];
	struct vmm vmm;

	if (mount("tracefs", TRACEFS, "tracefs", 0, NULL))
		must(errno == EBUSY ? 0 : -errno, "mounting tracefs");
	must(vmm_open(&vmm, &vmm_options), "a VM");
	must(vmm_log(&vmm, true), "dirty logging");
	choose_pages(pages, WRITES, RAM);
	for (i = 0; i < nr; i++) {
		shuffle(order, HOWS);
		for (h = 0; h < HOWS; h++)
			ns[order[h]] = trial(nl, &vmm, pages, (enum how)order[h]);
		pairs_add(&attached, ns[ATTACHED], ns[NOTHING]);
		pairs_add(&tracked, ns[TRACKED], ns[NOTHING]);
		pairs_add(&control, ns[NOTHING_TOO], ns[NOTHING]);
	}
	vmm_close(&vmm);
	report_pairs(&(struct row){ "observe", "attached / no module", "ns/page", 1.03 }, &attached);
	report_pairs(&(struct row){ "observe", "tracked / no module", "ns/page", 1.03 }, &tracked);
	report_pairs(&(struct row){ "observe", "no module / no module", "ns/page", 0 }, &control);
}
