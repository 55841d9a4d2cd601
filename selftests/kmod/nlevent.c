// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/genetlink.h>

#include "nlevent.h"

struct search {
	const char *name;
	uint32_t id;
};

static void look_at_group(const struct nlattr *group, struct search *search)
{
	const struct nlattr *attr;
	const char *name = "";
	uint32_t id = 0;

	mnl_attr_for_each_nested(attr, group) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(attr);
	}
	if (!strcmp(name, search->name))
		search->id = id;
}

static int groups_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *group;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
			continue;
		mnl_attr_for_each_nested(group, attr)
			look_at_group(group, data);
	}
	return MNL_CB_OK;
}

int nl_join(struct nl *nl, const char *group)
{
	struct search search = { .name = group };
	struct nl control;
	struct nlmsghdr *nlh;
	char buffer[256];
	int err = nl_open_family(&control, GENL_ID_CTRL);

	if (err)
		return err;
	nlh = nl_request(&control, buffer, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KMIGRATE_FAMILY_NAME);
	err = nl_talk(&control, nlh, groups_cb, &search);
	nl_close(&control);
	if (err)
		return err;
	if (!search.id)
		return -ENOENT;
	return mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP, &search.id,
				     sizeof(search.id)) ? -errno : 0;
}

static void parse_fight(const struct nlattr *nest, struct nl_event *event)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case KMIGRATE_A_FIGHT_FILE:
			snprintf(event->file, sizeof(event->file), "%s", mnl_attr_get_str(attr));
			break;
		case KMIGRATE_A_FIGHT_GOVERNOR:
			snprintf(event->governor, sizeof(event->governor), "%s",
				 mnl_attr_get_str(attr));
			break;
		case KMIGRATE_A_FIGHT_MAX_KHZ:
			event->max_khz = mnl_attr_get_u32(attr);
			break;
		case KMIGRATE_A_FIGHT_COUNT:
			event->fought = mnl_attr_get_u32(attr);
			break;
		}
	}
}

static int parse(const struct nlmsghdr *nlh, uint16_t family, struct nl_event *event)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	memset(event, 0, sizeof(*event));
	if (nlh->nlmsg_type != family || genl->cmd != KMIGRATE_CMD_EVENT)
		return -EBADMSG;
	mnl_attr_for_each(attr, nlh, sizeof(*genl)) {
		switch (mnl_attr_get_type(attr)) {
		case KMIGRATE_A_VM_ID:
			event->vm = mnl_attr_get_u64(attr);
			break;
		case KMIGRATE_A_EVENT:
			event->event = mnl_attr_get_u32(attr);
			break;
		case KMIGRATE_A_OVERRUNS:
			event->overruns = mnl_attr_get_u32(attr);
			break;
		case KMIGRATE_A_FIGHT:
			parse_fight(attr, event);
			break;
		case KMIGRATE_A_PAD:
			break;
		default:
			return -EBADMSG;
		}
	}
	return 0;
}

int nl_next_event(struct nl *nl, int ms, struct nl_event *event)
{
	struct pollfd poll_fd = { .fd = mnl_socket_get_fd(nl->sock), .events = POLLIN };
	char buffer[NL_BUFFER];
	ssize_t got;

	if (poll(&poll_fd, 1, ms) == 0)
		return -ETIMEDOUT;
	got = mnl_socket_recvfrom(nl->sock, buffer, sizeof(buffer));
	if (got < 0)
		return -errno;
	return parse((void *)buffer, nl->family, event);
}
