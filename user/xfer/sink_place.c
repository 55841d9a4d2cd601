// SPDX-License-Identifier: GPL-2.0
/* Where the threads of the move run at the destination: near the NIC that the source came in
 * by, and where the guest will have its memory. */
#include "../host/gather.h"
#include "sink_priv.h"

static void choose(struct sink *s, struct km_placing_wish *wish)
{
	struct km_err err = { 0 };
	char name[IF_NAMESIZE];
	unsigned int streams = s->nlanes;
	struct km_gathered *g;
	struct km_nic nic;

	km_nic_of_socket(s->control.fd, name);
	km_nic_read("/sys", name, &nic);
	g = km_gather(s->q.pid, s->q.qmp, &nic, &err);
	if (g)
		km_gather_guess_memory(g);
	km_placing_choose(wish, g, &streams, &err);
}

void km_sink_place(struct sink *s)
{
	s->place.off = s->o->no_place;
	if (!s->place.off)
		choose(s, &s->place);
	km_placing_begin(&s->placing, &s->place, s->q.pid, &s->guard, &s->placed);
}
