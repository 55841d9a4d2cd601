// SPDX-License-Identifier: GPL-2.0
#include "placed.h"

#include <stdio.h>
#include "jsonval.h"

json_t *km_json_placed(const struct km_placed *p)
{
	json_t *o;

	if (!p->wanted)
		return json_null();
	o = json_object();
	km_j_put(o, "on", json_boolean(p->on));
	km_j_put(o, "why_not", km_j_text_or_null(p->why_not));
	km_j_put(o, "kmigrate_cpus", km_j_text_or_null(p->own));
	km_j_put(o, "qemu_cpus", km_j_text_or_null(p->qemu));
	km_j_put(o, "qemu_threads", km_j_number(p->qemu_threads));
	km_j_put(o, "put_back", json_boolean(p->put_back));
	km_j_put(o, "left", km_j_number(p->left));
	return o;
}

char *km_fmt_placed(char buf[KM_PLACED_TEXT], const struct km_placed *p)
{
	size_t n;

	if (!p->on) {
		snprintf(buf, KM_PLACED_TEXT, "nothing: %.500s", p->why_not);
		return buf;
	}
	n = (size_t)snprintf(buf, KM_PLACED_TEXT,
			     "kmigrate on CPUs %s, %u migration thread%s of QEMU on %s%s", p->own,
			     p->qemu_threads, p->qemu_threads == 1 ? "" : "s", p->qemu,
			     p->put_back ? "; put back" : "");
	if (p->left)
		n += (size_t)snprintf(buf + n, KM_PLACED_TEXT - n,
				      ", but %u that somebody else has moved", p->left);
	if (p->why_not[0] && n < KM_PLACED_TEXT)
		snprintf(buf + n, KM_PLACED_TEXT - n, "; but %.300s", p->why_not);
	return buf;
}
