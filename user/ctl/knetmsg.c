// SPDX-License-Identifier: GPL-2.0
#include "knet_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "knetattr.h"

const char *km_knetmsg_mechanism(uint32_t mechanism)
{
	switch (mechanism) {
	case KMIGRATE_MECHANISM_NONE:
		return "none";
	case KMIGRATE_MECHANISM_PML:
		return "pml";
	case KMIGRATE_MECHANISM_WRITE_PROTECT:
		return "write-protect";
	case KMIGRATE_MECHANISM_DIRTY_RING:
		return "dirty-ring";
	default:
		return "unknown";
	}
}

int km_knetmsg_reply(const struct nlmsghdr *nlh, struct km_reply *r)
{
	struct km_attrs t;
	int rc = km_attrs_top(nlh, &t);

	if (rc)
		return rc;
	memset(r, 0, sizeof(*r));
	r->abi_version = km_attr_u32(t.a[KMIGRATE_A_ABI_VERSION]);
	r->features = km_attr_u32(t.a[KMIGRATE_A_FEATURES]);
	r->has_mechanism = t.a[KMIGRATE_A_MECHANISM] != NULL;
	r->mechanism = km_attr_u32(t.a[KMIGRATE_A_MECHANISM]);
	r->session = km_attr_u32(t.a[KMIGRATE_A_SESSION]);
	r->elapsed_ns = km_attr_u64(t.a[KMIGRATE_A_ELAPSED_NS]);
	r->pages = km_attr_u64(t.a[KMIGRATE_A_PAGES]);
	r->unattributed = km_attr_u64(t.a[KMIGRATE_A_UNATTRIBUTED]);
	r->has_pml = t.a[KMIGRATE_A_PML_PAGES] != NULL;
	r->pml_pages = km_attr_u64(t.a[KMIGRATE_A_PML_PAGES]);
	r->pml_drains = km_attr_u64(t.a[KMIGRATE_A_PML_DRAINS]);
	r->pml_full = km_attr_u64(t.a[KMIGRATE_A_PML_FULL]);
	r->logging = km_attr_u32(t.a[KMIGRATE_A_LOGGING]);
	r->nr_dirty = km_attr_u32(t.a[KMIGRATE_A_NR_DIRTY]);
	if (t.a[KMIGRATE_A_BITMAP]) {
		r->bitmap = mnl_attr_get_payload(t.a[KMIGRATE_A_BITMAP]);
		r->bitmap_bytes = mnl_attr_get_payload_len(t.a[KMIGRATE_A_BITMAP]);
	}
	return 0;
}

int km_knetmsg_slot(const struct nlmsghdr *nlh, struct km_slots *slots)
{
	struct km_attrs t;
	struct km_slot s;
	int rc = km_attrs_top(nlh, &t);

	if (!rc)
		rc = km_attrs_nest(t.a[KMIGRATE_A_SLOT], KMIGRATE_A_SLOT_MAX, &t);
	if (rc)
		return rc;
	/* Address space 1 is the same memory as seen in system management mode. */
	if (km_attr_u32(t.a[KMIGRATE_A_SLOT_AS_ID]) || t.a[KMIGRATE_A_SLOT_INTERNAL])
		return 0;
	s.hva = km_attr_u64(t.a[KMIGRATE_A_SLOT_USERSPACE_ADDR]);
	s.gfn = km_attr_u64(t.a[KMIGRATE_A_SLOT_GFN]);
	s.npages = km_attr_u64(t.a[KMIGRATE_A_SLOT_NPAGES]);
	if (!s.hva || !s.npages || s.npages > (UINT64_MAX - s.hva) >> KM_PAGE_SHIFT ||
	    s.gfn + s.npages < s.gfn)
		return -EPROTO;
	if (slots->n == slots->room) {
		unsigned int room = slots->room ? slots->room * 2 : 32;
		struct km_slot *more = realloc(slots->s, room * sizeof(s));

		if (!more)
			return -ENOMEM;
		slots->s = more;
		slots->room = room;
	}
	slots->s[slots->n++] = s;
	return 0;
}

int km_knetmsg_vcpu(const struct nlmsghdr *nlh, struct km_module_facts *facts)
{
	struct km_attrs t;
	uint32_t index;
	int rc = km_attrs_top(nlh, &t);

	if (!rc)
		rc = km_attrs_nest(t.a[KMIGRATE_A_VCPU], KMIGRATE_A_VCPU_MAX, &t);
	if (rc)
		return rc;
	index = km_attr_u32(t.a[KMIGRATE_A_VCPU_INDEX]);
	if (index >= sizeof(facts->dirtied_by_vcpu) / sizeof(facts->dirtied_by_vcpu[0]))
		return 0;
	facts->tid_by_vcpu[index] = (pid_t)km_attr_u32(t.a[KMIGRATE_A_VCPU_TID]);
	facts->dirtied_by_vcpu[index] = km_attr_u64(t.a[KMIGRATE_A_VCPU_PAGES]);
	if (facts->vcpus <= index)
		facts->vcpus = index + 1;
	return 0;
}

bool km_knetmsg_gfn(const struct km_slots *slots, uint64_t hva, uint64_t *gfn)
{
	for (unsigned int i = 0; i < slots->n; i++) {
		const struct km_slot *s = &slots->s[i];
		uint64_t page;

		if (hva < s->hva)
			continue;
		page = (hva - s->hva) >> KM_PAGE_SHIFT;
		if (page >= s->npages)
			continue;
		*gfn = s->gfn + page;
		return true;
	}
	return false;
}

unsigned int km_knetmsg_extents(const uint64_t *gfn, unsigned int n, struct km_extent *extent,
				unsigned int *nextents)
{
	unsigned int i;

	*nextents = 0;
	for (i = 0; i < n && i < KMIGRATE_MAX_TEST_PAGES; i++) {
		struct km_extent *last = extent + *nextents - 1;

		if (*nextents && gfn[i] == last->gfn + last->npages) {
			last->npages++;
			continue;
		}
		if (*nextents == KMIGRATE_MAX_TEST_EXTENTS)
			break;
		extent[*nextents].gfn = gfn[i];
		extent[(*nextents)++].npages = 1;
	}
	return i;
}
