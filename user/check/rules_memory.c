// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include "../report/units.h"
#include "rules.h"

static bool enough(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_memory *m = &p->there->memory;
	char a[KM_UNIT_MAX], b[KM_UNIT_MAX];

	if (!m->available_bytes || p->guest->huge_page_bytes ||
	    p->guest->ram_bytes <= m->available_bytes)
		return false;
	if (p->guest->ram_bytes > m->available_bytes + m->swap_free_bytes)
		f->severity = KM_BLOCKS;
	km_rule_here(f, "the guest has %s", km_fmt_bytes(a, (double)p->guest->ram_bytes));
	km_rule_there(f, "%s available, %s of swap free",
		      km_fmt_bytes(a, (double)m->available_bytes),
		      km_fmt_bytes(b, (double)m->swap_free_bytes));
	return true;
}

static uint64_t huge_free(const struct km_rec_huge *h, uint32_t n, uint64_t size)
{
	for (uint32_t i = 0; i < n; i++)
		if (h[i].page_bytes == size)
			return h[i].free_pages;
	return 0;
}

static bool huge(const struct km_pair *p, struct km_finding *f)
{
	uint64_t size = p->guest->huge_page_bytes, need, have;
	char a[KM_UNIT_MAX];

	if (!size || !p->there->memory.total_bytes)
		return false;
	need = p->guest->ram_bytes / size + (p->guest->ram_bytes % size != 0);
	have = huge_free(p->there->memory.huge, p->there->memory.nhuge, size);
	km_fmt_bytes(a, (double)size);
	km_rule_here(f, "%" PRIu64 " pages of %s", need, a);
	km_rule_there(f, "%" PRIu64 " free", have);
	return have < need;
}

/* Is there a node with so much free, in pages as the guest's? */
static bool fits_a_node(const struct km_rec_topology *t, const struct km_guest_record *g)
{
	for (uint32_t i = 0; i < t->nnodes; i++) {
		const struct km_rec_node *n = &t->node[i];
		uint64_t size = g->huge_page_bytes;

		if (size && huge_free(n->huge, n->nhuge, size) >= g->ram_bytes / size)
			return true;
		if (!size && n->free_bytes >= g->ram_bytes)
			return true;
	}
	return false;
}

static bool fits_when_empty(const struct km_rec_topology *t, uint64_t bytes)
{
	for (uint32_t i = 0; i < t->nnodes; i++)
		if (t->node[i].memory_bytes >= bytes)
			return true;
	return false;
}

static bool node(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_topology *a = &p->here->topology, *b = &p->there->topology;
	char text[KM_UNIT_MAX];

	km_fmt_bytes(text, (double)p->guest->ram_bytes);
	km_rule_here(f, "%s, which fits into a node", text);
	km_rule_there(f, "%u nodes, none with as much free", b->nnodes);
	return b->nnodes > 1 && fits_when_empty(a, p->guest->ram_bytes) &&
	       !fits_a_node(b, p->guest);
}

static bool locked(const struct km_pair *p, struct km_finding *f)
{
	char a[KM_UNIT_MAX], b[KM_UNIT_MAX];

	km_rule_here(f, "its QEMU has locked %s", km_fmt_bytes(a, (double)p->guest->locked_bytes));
	km_rule_there(f, "%s may be locked",
		      km_fmt_bytes(b, (double)p->there->memory.memlock_bytes));
	return p->there->memory.memlock_bytes &&
	       p->guest->locked_bytes > p->there->memory.memlock_bytes;
}

static bool overcommit(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_memory *m = &p->there->memory;
	char a[KM_UNIT_MAX], b[KM_UNIT_MAX];

	km_rule_here(f, "the guest has %s", km_fmt_bytes(a, (double)p->guest->ram_bytes));
	km_rule_there(f, "vm.overcommit_memory is 2: %s of %s are promised",
		      km_fmt_bytes(a, (double)m->committed_bytes),
		      km_fmt_bytes(b, (double)m->commit_limit_bytes));
	return m->overcommit[0] == 'n' && !p->guest->huge_page_bytes &&
	       m->committed_bytes + p->guest->ram_bytes > m->commit_limit_bytes;
}

static bool swap(const struct km_pair *p, struct km_finding *f)
{
	char a[KM_UNIT_MAX];

	km_rule_here(f, "no swap");
	km_rule_there(f, "%s of swap", km_fmt_bytes(a, (double)p->there->memory.swap_bytes));
	return p->here->memory.total_bytes && !p->here->memory.swap_bytes &&
	       p->there->memory.swap_bytes && !p->guest->huge_page_bytes && !p->guest->locked_bytes;
}

static bool ksm(const struct km_pair *p, struct km_finding *f)
{
	char a[KM_UNIT_MAX];

	km_rule_here(f, "on, %s saved", km_fmt_bytes(a, (double)p->here->memory.ksm_saved_bytes));
	km_rule_there(f, "off");
	return km_rule_lost(p->here->memory.ksm, p->there->memory.ksm);
}

static bool balloon(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "the guest has a balloon");
	return p->guest->balloon == KM_YES;
}

const struct km_rule km_rules_memory[] = {
	{ "mem-free", KM_WARNS, enough,
	  "the host there would swap, or kill the guest for its memory", "make room there first" },
	{ "mem-huge", KM_BLOCKS, huge,
	  "the guest's RAM is in huge pages, and its QEMU would not get them there",
	  "reserve them there (vm.nr_hugepages, or hugepages= at boot)" },
	{ "mem-overcommit", KM_BLOCKS, overcommit,
	  "the kernel there promises no more than it has: QEMU would not get its memory",
	  "make room there first, or set vm.overcommit_memory to 0" },
	{ "mem-locked", KM_WARNS, locked,
	  "a QEMU that is started without root's rights could not lock its memory there",
	  "raise RLIMIT_MEMLOCK there" },
	{ "mem-node", KM_INFO, node,
	  "the guest's memory would be spread over NUMA nodes, and be slower for it",
	  "make room in one node, or let it be" },
	{ "mem-swap", KM_INFO, swap, "pages of the guest may be swapped out there",
	  "start QEMU with -overcommit mem-lock=on, if it must not happen" },
	{ "mem-ksm", KM_INFO, ksm,
	  "what the guest shares here with others it has for itself there, and needs more memory",
	  "nothing, or switch KSM on there" },
	{ "mem-balloon", KM_INFO, balloon,
	  "the room that it needs there is what its balloon leaves, up to all of its RAM later",
	  "leave the balloon alone during the move" },
	{ 0 },
};
