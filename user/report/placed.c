// SPDX-License-Identifier: GPL-2.0
#include "placed.h"

#include <stdio.h>
#include <string.h>
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

json_t *km_json_pinned(const struct km_pinned *p)
{
	json_t *o, *threads, *breaks;

	if (!p->threads && !p->why_not[0])
		return json_null();
	o = json_object();
	threads = json_array();
	breaks = json_array();
	for (unsigned int i = 0; i < p->nlaid; i++)
		json_array_append_new(threads,
				      json_pack("{s:s,s:s,s:s}", "who", p->laid[i].who, "from",
						p->laid[i].from, "to", p->laid[i].to));
	for (unsigned int i = 0; i < p->nbreaks && i < KM_PIN_TOLD_MAX; i++)
		json_array_append_new(breaks, km_j_text(p->breaks[i]));
	km_j_put(o, "policy", km_j_text(p->policy));
	km_j_put(o, "done", json_boolean(p->done));
	km_j_put(o, "kept", json_boolean(p->done && !p->nbreaks));
	km_j_put(o, "why_not", km_j_text_or_null(p->why_not));
	km_j_put(o, "pinned", km_j_number(p->threads));
	km_j_put(o, "threads", threads);
	km_j_put(o, "nbreaks", km_j_number(p->nbreaks));
	km_j_put(o, "breaks", breaks);
	return o;
}

static size_t put_laid(char *buf, size_t size, const struct km_pinned *p)
{
	size_t n = 0;

	for (unsigned int i = 0; i < p->nlaid && n < size; i++) {
		if (n > size / 2) {
			n += (size_t)snprintf(buf + n, size - n, ", ...");
			break;
		}
		n += (size_t)snprintf(buf + n, size - n, "%s%s on %.60s", i ? ", " : "",
				      p->laid[i].who, p->laid[i].to);
	}
	return n;
}

char *km_fmt_pinned(char buf[KM_PINNED_TEXT], const struct km_pinned *p)
{
	size_t n;

	if (!p->done) {
		if (!strcmp(p->policy, "none"))
			snprintf(buf, KM_PINNED_TEXT, "no, as asked for: %u threads were",
				 p->threads);
		else
			snprintf(buf, KM_PINNED_TEXT, "no: %s", p->why_not);
		return buf;
	}
	n = put_laid(buf, KM_PINNED_TEXT, p);
	if (p->nbreaks && n < KM_PINNED_TEXT)
		n += (size_t)snprintf(buf + n, KM_PINNED_TEXT - n, "; RELAXED: %s", p->breaks[0]);
	if (p->nbreaks > 1 && n < KM_PINNED_TEXT)
		snprintf(buf + n, KM_PINNED_TEXT - n, ", and %u more", p->nbreaks - 1);
	return buf;
}
