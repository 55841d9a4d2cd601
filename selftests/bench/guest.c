// SPDX-License-Identifier: GPL-2.0
/* A VM whose log the VMM or the module harvests, and how long either takes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "bench.h"

#define ABOVE_4G	0x100000	/* gfn */
#define POLL_NS		50000
#define PATIENCE_NS	(60 * 1000000000ull)

static void map_more(struct vmm *vmm, uint64_t pages)
{
	char *memory = mmap(NULL, pages << 12, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	must(memory == MAP_FAILED ? -errno : 0, "memory for a large guest");
	must(vmm_slot(vmm, 2, ABOVE_4G, pages, memory, 0), "a second slot");
}

/* What the VMM has made, from the module, which knows; room for their bitmaps. */
static void find_slots(struct guest *guest, struct nl *nl)
{
	struct nl_slot slots[16];
	int i, nr;

	nr = nl_slots(nl, guest->session, slots, 16);
	must(nr < 0 ? nr : 0, "KMIGRATE_CMD_SLOT_GET");
	for (i = 0; i < nr; i++) {
		uint64_t *bitmap;

		if (slots[i].internal)
			continue;
		bitmap = calloc((slots[i].npages + 63) / 64, 8);
		must(bitmap ? 0 : -ENOMEM, "a bitmap");
		guest->bitmap[guest->nr_slots] = bitmap;
		guest->slots[guest->nr_slots++] = slots[i];
	}
}

void guest_open(struct guest *guest, struct nl *nl, uint32_t pages, uint64_t more_pages,
		uint64_t manual)
{
	struct vmm_options vmm_options = { .pages = pages, .vcpus = 1, .manual = manual };

	memset(guest, 0, sizeof(*guest));
	must(vmm_open(&guest->vmm, &vmm_options), "a VM");
	/* Random pages of it are to cost a page each, not a huge one. */
	madvise(guest->vmm.memory, (size_t)pages << 12, MADV_NOHUGEPAGE);
	if (more_pages)
		map_more(&guest->vmm, more_pages);
	must(nl_attach(nl, guest->vmm.vm, &guest->session), "KMIGRATE_CMD_VM_ATTACH");
	find_slots(guest, nl);
}

void guest_close(struct guest *guest, struct nl *nl)
{
	int i;

	must(nl_detach(nl, guest->session), "KMIGRATE_CMD_VM_DETACH");
	vmm_close(&guest->vmm);
	for (i = 0; i < guest->nr_slots; i++) {
		if (guest->slots[i].gfn == ABOVE_4G)
			munmap((void *)(uintptr_t)guest->slots[i].addr,
			       guest->slots[i].npages << 12);
		free(guest->bitmap[i]);
	}
}

void guest_log(struct guest *guest, bool on)
{
	int i;

	for (i = 0; i < guest->nr_slots; i++) {
		const struct nl_slot *slot = &guest->slots[i];

		must(vmm_slot(&guest->vmm, slot->id, slot->gfn, slot->npages,
			      (void *)(uintptr_t)slot->addr, on ? KVM_MEM_LOG_DIRTY_PAGES : 0),
		     "dirty logging");
	}
}

double guest_get_ns(struct guest *guest)
{
	uint64_t start = now_ns();
	int i, err = 0;

	for (i = 0; !err && i < guest->nr_slots; i++) {
		struct kvm_dirty_log get = {
			.slot = guest->slots[i].id, .dirty_bitmap = guest->bitmap[i],
		};
		struct kvm_clear_dirty_log clear = {
			.slot = guest->slots[i].id, .dirty_bitmap = guest->bitmap[i],
			.num_pages = (uint32_t)guest->slots[i].npages,
		};

		err = ioctl(guest->vmm.vm, KVM_GET_DIRTY_LOG, &get);
		if (!err && guest->vmm.options.manual)
			err = ioctl(guest->vmm.vm, KVM_CLEAR_DIRTY_LOG, &clear);
	}
	must(err ? -errno : 0, "KVM's dirty log");
	return (double)(now_ns() - start);
}

static int number_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == KMIGRATE_A_HARVEST)
			*(uint32_t *)data = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

struct harvest_ns guest_harvest(struct guest *guest, struct nl *nl)
{
	struct timespec nap = { .tv_nsec = POLL_NS };
	uint64_t start = now_ns();
	struct nl_track track;
	uint32_t nr = 0;

	must(nl_command(nl, KMIGRATE_CMD_HARVEST, 0, guest->session, number_cb, &nr),
	     "KMIGRATE_CMD_HARVEST");
	/*
	 * Where there is one CPU, whoever looks too early delays what he waits for. So not
	 * before the time that the last harvest took, which was of as many pages as a rule.
	 */
	nap.tv_nsec += (long)(guest->last_ns + guest->last_ns / 8);
	for (;;) {
		nanosleep(&nap, NULL);
		nap.tv_nsec = POLL_NS;
		must(nl_track(nl, guest->session, &track), "KMIGRATE_CMD_TRACK_GET");
		if ((int32_t)(track.harvest - nr) >= 0)
			break;
		must(track.state == KMIGRATE_TRACK_ON ? 0 : -ECANCELED, "a harvest");
		must(now_ns() - start < PATIENCE_NS ? 0 : -ETIMEDOUT, "a harvest");
	}
	guest->last_ns = track.ns < 900000000 ? track.ns : 0;
	return (struct harvest_ns){ (double)track.ns, (double)(now_ns() - start) };
}

void guest_drive(struct guest *guest, struct nl *nl)
{
	struct nl_track track;

	must(nl_track_start(nl, guest->session, true, 0), "KMIGRATE_CMD_TRACK_START");
	must(nl_track_wait(nl, guest->session, KMIGRATE_TRACK_ON, &track), "driving");
}

void guest_undrive(struct guest *guest, struct nl *nl)
{
	struct nl_track track;

	must(nl_track_stop(nl, guest->session), "KMIGRATE_CMD_TRACK_STOP");
	must(nl_track_wait(nl, guest->session, KMIGRATE_TRACK_OFF, &track), "the end of driving");
}
