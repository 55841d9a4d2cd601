// SPDX-License-Identifier: GPL-2.0
/* What the module says about a VM, against what the VMM made. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmod.h"

#define MANY		900	/* three messages of a dump, or so */
#define FAR_GFN		0x200000		/* above what the guest uses */

static struct vmm vmm;
static struct nl nl;
static uint32_t session;

static bool start(const struct vmm_options *options)
{
	return CHECK_EQ(vmm_open(&vmm, options), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
}

static void stop(void)
{
	nl_close(&nl);
	vmm_close(&vmm);
}

static void own_vm(void)
{
	struct vmm_options options = { .pages = 1024, .vcpus = 2 };
	struct nl_vm vm;

	REQUIRE(start(&options));
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.session, session);
	CHECK_EQ(vm.pid, getpid());
	CHECK_EQ(vm.vcpus, 2);
	CHECK(vm.mechanism == KMIGRATE_MECHANISM_PML ||
	      vm.mechanism == KMIGRATE_MECHANISM_WRITE_PROTECT);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_NONE);
	CHECK_EQ(vm.counting, 1);
	CHECK_EQ(vm.manual, 0);
	CHECK_EQ(vm.ring, 0);
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_VMM);
	CHECK_EQ(vmm_log(&vmm, false), 0);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_NONE);
	stop();
}

static void other_process(void)
{
	struct vmm_child child;
	struct nl_vcpu vcpu;
	struct nl_vm vm;

	REQUIRE_EQ(vmm_spawn(&child), 0);
	REQUIRE_EQ(nl_open(&nl), 0);
	CHECK_EQ(nl_attach(&nl, child.vm, &session), 0);
	/* Not needed any more. */
	close(child.vm);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.pid, child.pid);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_VMM);
	CHECK_EQ(nl_vcpus(&nl, session, &vcpu, 1), 1);
	CHECK_EQ(vcpu.tid, 0);
	CHECK_EQ(vmm_order(&child, VMM_WRITE), 0);
	CHECK_EQ(nl_vcpus(&nl, session, &vcpu, 1), 1);
	CHECK(vcpu.tid > (uint32_t)child.pid);
	CHECK_EQ(vcpu.pages, 64);
	nl_close(&nl);
	vmm_kill(&child);
}

static const struct nl_slot *find_slot(const struct nl_slot *slots, int nr, uint32_t as_id,
				       uint32_t id)
{
	int i;

	for (i = 0; i < nr; i++)
		if (slots[i].id == id && slots[i].as_id == as_id)
			return &slots[i];
	return NULL;
}

static void check_slot(const struct nl_slot *slot, uint64_t gfn, uint64_t npages,
		       const void *address, uint32_t flags)
{
	REQUIRE(slot);
	CHECK_EQ(slot->gfn, gfn);
	CHECK_EQ(slot->npages, npages);
	CHECK_EQ(slot->addr, (uintptr_t)address);
	CHECK_EQ(slot->flags, flags);
	CHECK_EQ(slot->logging, flags & KVM_MEM_LOG_DIRTY_PAGES ? KMIGRATE_LOGGING_VMM :
		 KMIGRATE_LOGGING_NONE);
	CHECK(!slot->internal);
}

static void slots(void)
{
	struct vmm_options options = { .pages = 1024, .vcpus = 1 };
	struct nl_slot list[16] = {};
	struct nl_vm vm;
	bool smm;
	int nr;

	REQUIRE(start(&options));
	smm = ioctl(vmm.vm, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE) > 1;
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK_EQ(vmm_slot(&vmm, 7, FAR_GFN, 16, vmm.memory, KVM_MEM_READONLY), 0);
	if (smm)
		CHECK_EQ(vmm_slot(&vmm, 1 << 16 | 3, FAR_GFN + 99, 8, vmm.memory + 8192, 0), 0);

	nr = nl_slots(&nl, session, list, 16);
	CHECK(nr >= 3 + smm && nr < 16);
	CHECK(!nl.interrupted);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.slots, nr);
	check_slot(find_slot(list, nr, 0, 0), VMM_GFN, 1024, vmm.memory,
		   KVM_MEM_LOG_DIRTY_PAGES);
	check_slot(find_slot(list, nr, 0, 1), 0, find_slot(list, nr, 0, 1)->npages, vmm.low, 0);
	check_slot(find_slot(list, nr, 0, 7), FAR_GFN, 16, vmm.memory, KVM_MEM_READONLY);
	if (smm)
		check_slot(find_slot(list, nr, 1, 3), FAR_GFN + 99, 8, vmm.memory + 8192, 0);
	else
		KTAP_NOTE("no second address space on this kernel");

	/* Moved, then deleted. */
	CHECK_EQ(vmm_slot(&vmm, 7, FAR_GFN + 5, 16, vmm.memory, KVM_MEM_READONLY), 0);
	nr = nl_slots(&nl, session, list, 16);
	check_slot(find_slot(list, nr, 0, 7), FAR_GFN + 5, 16, vmm.memory, KVM_MEM_READONLY);
	CHECK_EQ(vmm_slot(&vmm, 7, FAR_GFN + 5, 0, vmm.memory, 0), 0);
	nr = nl_slots(&nl, session, list, 16);
	CHECK(!find_slot(list, nr, 0, 7));
	stop();
}

static bool add_many(void)
{
	uint32_t i;

	/* Ids fall where gfns rise, so that the order shows which of them counts. */
	for (i = 0; i < MANY; i++)
		if (!CHECK_EQ(vmm_slot(&vmm, 100 + MANY - i, FAR_GFN + 2 * i, 1, vmm.memory,
				       0), 0))
			return false;
	return true;
}

static void many_slots(void)
{
	struct vmm_options options = { .pages = 1024, .vcpus = 1 };
	struct nl_slot *list = calloc(MANY + 16, sizeof(*list));
	int nr, i, seen = 0;

	REQUIRE(start(&options) && add_many());
	nr = nl_slots(&nl, session, list, MANY + 16);
	CHECK(nr >= MANY + 2);
	CHECK(!nl.interrupted);
	for (i = 0; i < nr; i++) {
		if (i && list[i].as_id == list[i - 1].as_id)
			CHECK(list[i].gfn > list[i - 1].gfn);
		if (list[i].id <= 100 || list[i].internal)
			continue;
		CHECK_EQ(list[i].gfn, FAR_GFN + 2 * seen);
		CHECK_EQ(list[i].id, 100 + MANY - seen);
		seen++;
	}
	CHECK_EQ(seen, MANY);
	free(list);
	stop();
}

/*
 * The first and the last slot come and go in this order: both, first only gone, both
 * gone, last back, both. So no moment has the first without the last, but a dump that
 * was torn can show it.
 */
static atomic_bool churning;

static void *churn(void *data)
{
	while (churning) {
		vmm_slot(&vmm, 100 + MANY, FAR_GFN, 0, vmm.memory, 0);
		vmm_slot(&vmm, 101, FAR_GFN + 2 * (MANY - 1), 0, vmm.memory, 0);
		vmm_slot(&vmm, 101, FAR_GFN + 2 * (MANY - 1), 1, vmm.memory, 0);
		vmm_slot(&vmm, 100 + MANY, FAR_GFN, 1, vmm.memory, 0);
	}
	return NULL;
}

static void changing_slots(void)
{
	struct vmm_options options = { .pages = 1024, .vcpus = 1 };
	struct nl_slot *list = calloc(MANY + 16, sizeof(*list));
	int nr, i, torn = 0, interrupted = 0, whole = 0;
	pthread_t thread;

	REQUIRE(start(&options) && add_many());
	churning = true;
	REQUIRE_EQ(pthread_create(&thread, NULL, churn, NULL), 0);
	for (i = 0; i < 60; i++) {
		bool first, last;

		nr = nl_slots(&nl, session, list, MANY + 16);
		if (!CHECK(nr > 0))
			break;
		first = find_slot(list, nr, 0, 100 + MANY);
		last = find_slot(list, nr, 0, 101);
		interrupted += nl.interrupted;
		whole += !nl.interrupted;
		torn += !nl.interrupted && first && !last;
	}
	churning = false;
	pthread_join(thread, NULL);
	KTAP_NOTE("%d dumps whole, %d said to be interrupted", whole, interrupted);
	CHECK(interrupted > 0);
	CHECK_EQ(torn, 0);
	free(list);
	stop();
}

static void vcpus(void)
{
	struct vmm_options options = { .pages = 1024, .vcpus = 2, .id_step = 3 };
	struct nl_vcpu list[VMM_MAX_VCPUS];
	uint32_t page = 5, i;

	REQUIRE(start(&options));
	CHECK_EQ(nl_vcpus(&nl, session, list, VMM_MAX_VCPUS), 2);
	CHECK_EQ(list[0].tid, 0);
	CHECK_EQ(vmm_write(&vmm, 0, &page, 1, 1), 0);
	CHECK_EQ(vmm_write(&vmm, 1, &page, 1, 2), 0);
	/* Plugged in while the session is open. */
	CHECK_EQ(vmm_add_vcpu(&vmm), 0);
	CHECK_EQ(vmm_write(&vmm, 2, &page, 1, 3), 0);
	REQUIRE_EQ(nl_vcpus(&nl, session, list, VMM_MAX_VCPUS), 3);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(list[i].index, i);
		CHECK_EQ(list[i].id, 3 * i);
		CHECK_EQ(list[i].tid, vmm.vcpus[i].tid);
		CHECK(list[i].counted);
	}
	stop();
}

static void dirty_ring(void)
{
	struct vmm_options options = { .pages = 1024, .vcpus = 1, .ring = 65536 };
	struct nl_extent extent = { .gfn = VMM_GFN, .npages = 16 };
	uint32_t pages[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct nl_counts counts;
	struct nl_test test;
	struct nl_vm vm;

	if (vmm_open(&vmm, &options))
		SKIP("no dirty rings here");
	vmm_close(&vmm);
	REQUIRE(start(&options));
	CHECK_EQ(vmm_log(&vmm, true), 0);
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.mechanism, KMIGRATE_MECHANISM_DIRTY_RING);
	CHECK_EQ(vm.ring, 65536);
	CHECK_EQ(vm.logging, KMIGRATE_LOGGING_VMM);
	CHECK_EQ(nl_test(&nl, session, &extent, 1, &test), -EOPNOTSUPP);
	CHECK_EQ(vmm_write(&vmm, 0, pages, 8, 1), 0);
	CHECK_EQ(nl_counts(&nl, session, &counts), 0);
	CHECK(counts.pages >= 8);
	stop();
}

static void manual_protect(void)
{
	struct vmm_options options = { .pages = 1024, .vcpus = 1, .manual = 3 };
	struct nl_vm vm;

	REQUIRE(start(&options));
	CHECK_EQ(nl_vm(&nl, session, &vm), 0);
	CHECK_EQ(vm.manual, 3);
	stop();
}

static const struct ktap_test tests[] = {
	{ "a VM of the same process, logging off, on and off", own_vm },
	{ "a VM of another process, by pidfd_getfd", other_process },
	{ "slots: flags, address spaces, moved, deleted", slots },
	{ "hundreds of slots, each once and in order", many_slots },
	{ "slots that change during the dump", changing_slots },
	{ "vCPUs: ids, threads, hotplug", vcpus },
	{ "a VM with a dirty ring", dirty_ring },
	{ "manual protection is reported", manual_protect },
};

int main(int argc, char **argv)
{
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
