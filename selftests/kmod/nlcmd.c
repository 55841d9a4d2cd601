// SPDX-License-Identifier: GPL-2.0
/* The family's commands: requests made, answers taken apart. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/genetlink.h>

#include "nl.h"

/* Where an attribute of a fixed size goes. */
struct field {
	uint16_t type;
	size_t offset, size;
};

#define FIELD(attr, structure, member) \
	{ KMIGRATE_A_##attr, offsetof(struct structure, member), \
	  sizeof(((struct structure *)0)->member) }

/* False if it is none of these, or has another size. */
static bool decode(const struct nlattr *attr, const struct field *fields, size_t nr, void *to)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (mnl_attr_get_type(attr) != fields[i].type)
			continue;
		if (mnl_attr_get_payload_len(attr) != fields[i].size)
			return false;
		memcpy((char *)to + fields[i].offset, mnl_attr_get_payload(attr),
		       fields[i].size);
		return true;
	}
	return false;
}

/* All attributes of a message: an unknown one is an error, for tests. */
static int decode_all(const struct nlmsghdr *nlh, const struct field *fields, size_t nr,
		      void *to)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (!decode(attr, fields, nr, to))
			return MNL_CB_ERROR;
	return MNL_CB_OK;
}

static const struct field info_fields[] = {
	FIELD(ABI_VERSION, nl_info, abi),
	FIELD(FEATURES, nl_info, features),
	FIELD(MECHANISM, nl_info, mechanism),
	FIELD(NR_SESSIONS, nl_info, sessions),
	FIELD(MAX_SESSIONS, nl_info, max_sessions),
	FIELD(MAX_TEST_EXTENTS, nl_info, max_extents),
	FIELD(MAX_TEST_PAGES, nl_info, max_pages),
	FIELD(NR_HOLDS, nl_info, holds),
	FIELD(MAX_HOLDS, nl_info, max_holds),
};

static void copy_string(char *to, size_t size, const struct nlattr *attr)
{
	snprintf(to, size, "%s", mnl_attr_get_str(attr));
}

static bool decode_param(const struct nlattr *attr, struct nl_info *info)
{
	const struct nlattr *nested;

	if (info->nr_params == ARRAY_SIZE(info->params))
		return false;
	mnl_attr_for_each_nested(nested, attr) {
		if (mnl_attr_get_type(nested) == KMIGRATE_A_PARAM_NAME)
			copy_string(info->params[info->nr_params].name,
				    sizeof(info->params[0].name), nested);
		else
			info->params[info->nr_params].value = mnl_attr_get_u32(nested);
	}
	info->nr_params++;
	return true;
}

static int info_cb(const struct nlmsghdr *nlh, void *data)
{
	struct nl_info *info = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case KMIGRATE_A_MODULE_VERSION:
			copy_string(info->version, sizeof(info->version), attr);
			break;
		case KMIGRATE_A_VENDOR:
			copy_string(info->vendor, sizeof(info->vendor), attr);
			break;
		case KMIGRATE_A_PARAM:
			if (!decode_param(attr, info))
				return MNL_CB_ERROR;
			break;
		default:
			if (!decode(attr, info_fields, ARRAY_SIZE(info_fields), info))
				return MNL_CB_ERROR;
		}
	}
	return MNL_CB_OK;
}

int nl_info(struct nl *nl, struct nl_info *info)
{
	memset(info, 0, sizeof(*info));
	return nl_command(nl, KMIGRATE_CMD_INFO, 0, 0, info_cb, info);
}

static int session_cb(const struct nlmsghdr *nlh, void *data)
{
	static const struct field field = { KMIGRATE_A_SESSION, 0, sizeof(uint32_t) };

	return decode_all(nlh, &field, 1, data);
}

int nl_attach(struct nl *nl, int fd, uint32_t *session)
{
	char buffer[256];
	struct nlmsghdr *nlh = nl_request(nl, buffer, KMIGRATE_CMD_VM_ATTACH, 0);

	*session = 0;
	mnl_attr_put_u32(nlh, KMIGRATE_A_VM_FD, (uint32_t)fd);
	return nl_talk(nl, nlh, session_cb, session);
}

int nl_detach(struct nl *nl, uint32_t session)
{
	return nl_command(nl, KMIGRATE_CMD_VM_DETACH, 0, session, NULL, NULL);
}

static int vm_cb(const struct nlmsghdr *nlh, void *data)
{
	static const struct field fields[] = {
		FIELD(SESSION, nl_vm, session),
		FIELD(VM_ID, nl_vm, id),
		FIELD(VMM_PID, nl_vm, pid),
		FIELD(MECHANISM, nl_vm, mechanism),
		FIELD(LOGGING, nl_vm, logging),
		FIELD(COUNTING, nl_vm, counting),
		FIELD(NR_SLOTS, nl_vm, slots),
		FIELD(NR_VCPUS, nl_vm, vcpus),
		FIELD(MANUAL_PROTECT, nl_vm, manual),
		FIELD(DIRTY_RING, nl_vm, ring),
	};

	return decode_all(nlh, fields, ARRAY_SIZE(fields), data);
}

int nl_vm(struct nl *nl, uint32_t session, struct nl_vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	return nl_command(nl, KMIGRATE_CMD_VM_GET, 0, session, vm_cb, vm);
}

static int counts_cb(const struct nlmsghdr *nlh, void *data)
{
	static const struct field fields[] = {
		FIELD(SESSION, nl_counts, session),
		FIELD(ELAPSED_NS, nl_counts, elapsed_ns),
		FIELD(PAGES, nl_counts, pages),
		FIELD(REPEATS, nl_counts, repeats),
		FIELD(UNATTRIBUTED, nl_counts, unattributed),
		FIELD(PML_PAGES, nl_counts, pml_pages),
		FIELD(PML_DRAINS, nl_counts, pml_drains),
		FIELD(PML_FULL, nl_counts, pml_full),
	};

	return decode_all(nlh, fields, ARRAY_SIZE(fields), data);
}

int nl_counts(struct nl *nl, uint32_t session, struct nl_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	return nl_command(nl, KMIGRATE_CMD_COUNTS_GET, 0, session, counts_cb, counts);
}

/* What a dump gathers. */
struct list {
	void *items;
	int max, nr;
};

static const struct nlattr *find(const struct nlmsghdr *nlh, int type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

static int slot_cb(const struct nlmsghdr *nlh, void *data)
{
	static const struct field fields[] = {
		FIELD(SLOT_ID, nl_slot, id),
		FIELD(SLOT_AS_ID, nl_slot, as_id),
		FIELD(SLOT_GFN, nl_slot, gfn),
		FIELD(SLOT_NPAGES, nl_slot, npages),
		FIELD(SLOT_USERSPACE_ADDR, nl_slot, addr),
		FIELD(SLOT_FLAGS, nl_slot, flags),
		FIELD(SLOT_LOGGING, nl_slot, logging),
	};
	const struct nlattr *nest = find(nlh, KMIGRATE_A_SLOT), *attr;
	struct list *list = data;
	struct nl_slot slot = {};

	if (!nest)
		return MNL_CB_ERROR;
	mnl_attr_for_each_nested(attr, nest) {
		if (mnl_attr_get_type(attr) == KMIGRATE_A_SLOT_INTERNAL)
			slot.internal = true;
		else if (!decode(attr, fields, ARRAY_SIZE(fields), &slot))
			return MNL_CB_ERROR;
	}
	if (list->nr < list->max)
		((struct nl_slot *)list->items)[list->nr] = slot;
	list->nr++;
	return MNL_CB_OK;
}

int nl_slots(struct nl *nl, uint32_t session, struct nl_slot *slots, int max)
{
	struct list list = { slots, max, 0 };
	int err = nl_command(nl, KMIGRATE_CMD_SLOT_GET, NLM_F_DUMP, session, slot_cb, &list);

	return err ? err : list.nr;
}

static int vcpu_cb(const struct nlmsghdr *nlh, void *data)
{
	static const struct field fields[] = {
		FIELD(VCPU_ID, nl_vcpu, id),
		FIELD(VCPU_INDEX, nl_vcpu, index),
		FIELD(VCPU_TID, nl_vcpu, tid),
		FIELD(VCPU_PAGES, nl_vcpu, pages),
		FIELD(VCPU_REPEATS, nl_vcpu, repeats),
		FIELD(VCPU_PML_PAGES, nl_vcpu, pml_pages),
		FIELD(VCPU_PML_DRAINS, nl_vcpu, pml_drains),
		FIELD(VCPU_PML_FULL, nl_vcpu, pml_full),
	};
	const struct nlattr *nest = find(nlh, KMIGRATE_A_VCPU), *attr;
	struct list *list = data;
	struct nl_vcpu vcpu = {};

	if (!nest)
		return MNL_CB_ERROR;
	mnl_attr_for_each_nested(attr, nest) {
		if (!decode(attr, fields, ARRAY_SIZE(fields), &vcpu))
			return MNL_CB_ERROR;
		vcpu.counted |= mnl_attr_get_type(attr) == KMIGRATE_A_VCPU_PAGES;
	}
	if (list->nr < list->max)
		((struct nl_vcpu *)list->items)[list->nr] = vcpu;
	list->nr++;
	return MNL_CB_OK;
}

int nl_vcpus(struct nl *nl, uint32_t session, struct nl_vcpu *vcpus, int max)
{
	struct list list = { vcpus, max, 0 };
	int err = nl_command(nl, KMIGRATE_CMD_VCPU_GET, NLM_F_DUMP, session, vcpu_cb, &list);

	return err ? err : list.nr;
}

static int test_cb(const struct nlmsghdr *nlh, void *data)
{
	static const struct field fields[] = {
		FIELD(SESSION, nl_test, session),
		FIELD(NR_DIRTY, nl_test, dirty),
		FIELD(NR_UNTRACKED, nl_test, untracked),
	};
	struct nl_test *test = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != KMIGRATE_A_BITMAP) {
			if (!decode(attr, fields, ARRAY_SIZE(fields), test))
				return MNL_CB_ERROR;
			continue;
		}
		test->bytes = mnl_attr_get_payload_len(attr);
		if (test->bytes > sizeof(test->bitmap))
			return MNL_CB_ERROR;
		memcpy(test->bitmap, mnl_attr_get_payload(attr), test->bytes);
	}
	return MNL_CB_OK;
}

int nl_test(struct nl *nl, uint32_t session, const struct nl_extent *extents,
	    unsigned int nr, struct nl_test *test)
{
	static _Thread_local char buffer[NL_BUFFER];
	struct nlmsghdr *nlh = nl_request(nl, buffer, KMIGRATE_CMD_TEST, 0);
	unsigned int i;

	memset(test, 0, sizeof(*test));
	mnl_attr_put_u32(nlh, KMIGRATE_A_SESSION, session);
	for (i = 0; i < nr; i++) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_EXTENT);

		if (extents[i].as_id)
			mnl_attr_put_u32(nlh, KMIGRATE_A_EXTENT_AS_ID, extents[i].as_id);
		mnl_attr_put_u64(nlh, KMIGRATE_A_EXTENT_GFN, extents[i].gfn);
		if (extents[i].npages != 1)
			mnl_attr_put_u32(nlh, KMIGRATE_A_EXTENT_NPAGES, extents[i].npages);
		mnl_attr_nest_end(nlh, nest);
	}
	return nl_talk(nl, nlh, test_cb, test);
}

int nl_sessions(void)
{
	struct nl_info info;
	struct nl nl;
	int err;

	err = nl_open(&nl);
	if (err)
		return err;
	err = nl_info(&nl, &info);
	nl_close(&nl);
	return err ? err : (int)info.sessions;
}
