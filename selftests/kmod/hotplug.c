// SPDX-License-Identifier: GPL-2.0
/*
 * Slots come, move, change and go, as QEMU does it for memory hotplug, while one thread
 * harvests in a loop and the guest writes: the slots that stay lose nothing by it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmod.h"
#include "nltrack.h"

#define PAGES		8192
#define MORE		512			/* plugged behind them, to stay */
#define ALL		(PAGES + MORE)
#define MORE_SLOT	7
#define CHURN_SLOT	10			/* and those behind it */
#define CHURN_SLOTS	4
#define CHURN_PAGES	1024
#define CHURN_GFN	(VMM_GFN + 0x10000)
#define ROUNDS		12
#define WRITES		4000

static struct vmm vmm;
static struct nl nl, other;
static uint32_t session, look;
static char *more, *churned;
static uint64_t seen[ALL / 64], want[ALL / 64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint passes;
static atomic_bool quit, broken;
static pthread_t harvester;

/* All that any harvest has, until the main thread looks and forgets. */
static void *harvest_on(void *data)
{
	static uint64_t bitmap[ALL / 64];
	unsigned int i;

	while (!quit) {
		if (!CHECK_EQ(nl_harvest(&nl, session), 0) ||
		    !CHECK(nl_harvested(&nl, session, VMM_GFN, ALL, bitmap) >= 0)) {
			broken = true;
			break;
		}
		pthread_mutex_lock(&lock);
		for (i = 0; i < ALL / 64; i++)
			seen[i] |= bitmap[i];
		pthread_mutex_unlock(&lock);
		passes++;
	}
	return NULL;
}

/* One that was under way may have read a slot before; the next has what is left. */
static bool two_passes(void)
{
	unsigned int end = passes + 2;

	while ((int)(passes - end) < 0 && !broken)
		usleep(1000);
	return !broken;
}

static uint32_t logging(uint32_t id)
{
	struct nl_slot slots[64];
	int i, nr = nl_slots(&other, look, slots, 64);

	for (i = 0; i < nr && i < 64; i++)
		if (slots[i].id == id && !slots[i].internal && !slots[i].as_id)
			return slots[i].logging;
	return KMIGRATE_LOGGING_NONE;
}

static bool becomes_driven(uint32_t id)
{
	int tries = 0;

	while (logging(id) != KMIGRATE_LOGGING_KMIGRATE && tries++ < 3000)
		usleep(10000);
	return CHECK_EQ(logging(id), KMIGRATE_LOGGING_KMIGRATE);
}

static bool set_more(void)
{
	return CHECK_EQ(vmm_slot(&vmm, MORE_SLOT, VMM_GFN + PAGES, MORE, more, 0), 0);
}

static void *map(size_t npages)
{
	return mmap(NULL, npages << 12, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static bool start(void)
{
	const struct vmm_options options = { .pages = PAGES, .vcpus = 2 };
	struct nl_track track;

	more = map(MORE);
	churned = map(CHURN_PAGES);
	return CHECK(more != MAP_FAILED && churned != MAP_FAILED) &&
	       CHECK_EQ(vmm_open(&vmm, &options), 0) && CHECK_EQ(nl_open(&nl), 0) &&
	       CHECK_EQ(nl_open(&other), 0) && CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0) &&
	       CHECK_EQ(nl_attach(&other, vmm.vm, &look), 0) &&
	       CHECK_EQ(nl_track_start(&nl, session, true, 0), 0) &&
	       CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0) &&
	       set_more() &&
	       CHECK_EQ(pthread_create(&harvester, NULL, harvest_on, NULL), 0) &&
	       becomes_driven(MORE_SLOT);
}

/* One step of the life of one of the slots that don't stay. */
static bool churn(void)
{
	static struct {
		bool there;
		uint64_t gfn, npages;
	} slots[CHURN_SLOTS];
	unsigned int i = (unsigned int)random() % CHURN_SLOTS;
	uint64_t base = CHURN_GFN + i * 0x8000ull, npages;

	if (!slots[i].there) {
		slots[i].there = true;
		slots[i].gfn = base;
		slots[i].npages = npages = 64 + (uint64_t)random() % (CHURN_PAGES - 64);
	} else {
		switch (random() % 3) {
		case 0:			/* moved */
			slots[i].gfn = base + (uint64_t)random() % 16 * 0x400;
			break;
		case 1:			/* its log switched off, if it was on */
			break;
		case 2:
			slots[i].there = false;
		}
		npages = slots[i].there ? slots[i].npages : 0;
	}
	return CHECK_EQ(vmm_slot(&vmm, CHURN_SLOT + i, slots[i].gfn, npages, churned, 0), 0);
}

static bool is_done(unsigned int vcpu)
{
	int value = 0;

	sem_getvalue(&vmm.vcpus[vcpu].done, &value);
	return value > 0;
}

static bool one_round(uint32_t round, unsigned int *steps)
{
	static uint32_t pages[2][WRITES];
	uint32_t vcpu, i, lost = 0, made_up = 0;
	bool ok = true;

	memset(want, 0, sizeof(want));
	memset(seen, 0, sizeof(seen));
	for (vcpu = 0; vcpu < 2; vcpu++) {
		for (i = 0; i < WRITES; i++) {
			pages[vcpu][i] = (uint32_t)random() % ALL;
			want[pages[vcpu][i] / 64] |= 1ull << pages[vcpu][i] % 64;
		}
		vmm_start(&vmm, vcpu, pages[vcpu], WRITES, round);
	}
	do {
		ok = ok && churn();
		++*steps;
	} while (ok && !(is_done(0) && is_done(1)));
	ok &= CHECK_EQ(vmm_wait(&vmm, 0), 0) & CHECK_EQ(vmm_wait(&vmm, 1), 0);
	ok = ok && two_passes();
	pthread_mutex_lock(&lock);
	for (i = 0; i < ALL; i++) {
		lost += vmm_bit(want, i) && !vmm_bit(seen, i);
		made_up += !vmm_bit(want, i) && vmm_bit(seen, i);
	}
	pthread_mutex_unlock(&lock);
	return CHECK_EQ(lost, 0) & CHECK_EQ(made_up, 0) & ok;
}

static void plugged(void)
{
	unsigned int round, steps = 0, nr;
	struct nl_track track;

	REQUIRE(start());
	for (round = 1; round <= ROUNDS; round++) {
		if (!one_round(round, &steps))
			break;
		/* The VMM says again that it doesn't log: from then on it is driven anew. */
		if (round % 3 == 0 && (!set_more() || !becomes_driven(MORE_SLOT)))
			break;
	}
	KTAP_NOTE("%u changes of slots in %u rounds, %u harvests", steps, round - 1, passes);
	CHECK(steps >= 2 * ROUNDS && passes >= 2 * ROUNDS);
	CHECK_EQ(nl_track(&other, look, &track), 0);
	CHECK_EQ(track.state, KMIGRATE_TRACK_ON);
	CHECK_EQ(track.missed, 0);
	quit = true;
	pthread_join(harvester, NULL);
	CHECK_EQ(nl_track_stop(&nl, session), 0);
	CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
	for (nr = 0; nr < CHURN_SLOT + CHURN_SLOTS; nr++)
		CHECK_EQ(logging(nr), KMIGRATE_LOGGING_NONE);
	nl_close(&nl);
	nl_close(&other);
	vmm_close(&vmm);
}

static const struct ktap_test tests[] = {
	{ "slots come, move, change and go under harvests", plugged },
};

int main(int argc, char **argv)
{
	srandom(4711);
	return kmod_main(argc, argv, tests, ARRAY_SIZE(tests));
}
