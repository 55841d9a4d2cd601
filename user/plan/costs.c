// SPDX-License-Identifier: GPL-2.0
#include "costs.h"

static const struct {
	const char *name;
	size_t at;
} costs[] = {
#define COST(name, member)                                    \
	{                                                     \
		name "_ns", offsetof(struct km_costs, member) \
	}
	COST("scan", scan),
	COST("hand", hand),
	COST("take_in", take_in),
	COST("note", note),
	COST("read_first", read_first),
	COST("read_again", read_again),
	COST("delta", delta),
	COST("pack_fast", pack[0]),
	COST("pack", pack[1]),
	COST("pack_hard", pack[2]),
	COST("write_first", write_first),
	COST("write_again", write_again),
	COST("unpack", unpack),
	COST("plain_send_name", plain.send_name),
	COST("plain_recv_name", plain.recv_name),
	COST("plain_send_byte", plain.send_byte),
	COST("plain_recv_byte", plain.recv_byte),
	COST("plain_wake", plain.wake),
	COST("tls_send_name", tls.send_name),
	COST("tls_recv_name", tls.recv_name),
	COST("tls_send_byte", tls.send_byte),
	COST("tls_recv_byte", tls.recv_byte),
	COST("tls_wake", tls.wake),
#undef COST
};
_Static_assert(sizeof(costs) / sizeof(*costs) == KM_COSTS, "each has its name");
_Static_assert(KM_WORTH_LEVELS == 3, "and each level");

const char *km_cost_name(size_t i)
{
	return costs[i].name;
}

double *km_cost(struct km_costs *c, size_t i)
{
	return (double *)(void *)((char *)c + costs[i].at);
}

void km_costs_times(struct km_costs *c, double by)
{
	for (size_t i = 0; i < KM_COSTS; i++)
		*km_cost(c, i) *= by;
}
