// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include "../check/schema.h"
#include "host.h"
#include "jsonval.h"
#include "report.h"
#include "units.h"

static void put_line(FILE *f, const char *label, const char *text)
{
	if (!text[0])
		return;
	fprintf(f, "    %-6s ", label);
	km_put_safe(f, text);
	fputc('\n', f);
}

static void put_sum(FILE *f, const struct km_check_report *r)
{
	unsigned int n[KM_SEVERITIES] = { 0 };

	for (unsigned int i = 0; i < r->findings->n; i++)
		n[r->findings->f[i].severity]++;
	km_put_safe(f, r->guest->name);
	fprintf(f, ", from ");
	km_put_safe(f, r->here->software.host);
	fprintf(f, " to ");
	km_put_safe(f, r->there->software.host);
	if (!r->findings->n)
		fprintf(f, ": nothing found that matters\n");
	else
		fprintf(f, ": %u block%s, %u warn%s, %u for information\n", n[KM_BLOCKS],
			n[KM_BLOCKS] == 1 ? "s" : "", n[KM_WARNS], n[KM_WARNS] == 1 ? "s" : "",
			n[KM_INFO]);
}

static void put_probe(FILE *f, const struct km_rec_network *n)
{
	char speed[KM_UNIT_MAX], time[KM_UNIT_MAX];

	if (n->probe_bit_per_s)
		fprintf(f, "  link: %sbit/s by one connection, %s there and back\n",
			km_fmt_count(speed, (double)n->probe_bit_per_s),
			km_fmt_ms(time, n->probe_round_trip_us / 1e3));
}

void km_text_check(FILE *f, const struct km_check_report *r)
{
	put_sum(f, r);
	put_probe(f, &r->here->network);
	for (unsigned int i = 0; i < r->findings->n; i++) {
		const struct km_finding *x = &r->findings->f[i];

		fprintf(f, "\n  %-6s %s\n", km_severity_name(x->severity), x->id);
		put_line(f, "here", x->here);
		put_line(f, "there", x->there);
		put_line(f, "why", x->why);
		put_line(f, "do", x->todo);
	}
}

static json_t *probe(const struct km_rec_network *n)
{
	json_t *o = json_object();

	if (!n->probe_bit_per_s) {
		json_decref(o);
		return json_null();
	}
	km_j_put(o, "bit_per_s", km_j_number(n->probe_bit_per_s));
	km_j_put(o, "round_trip_us", km_j_number(n->probe_round_trip_us));
	return o;
}

json_t *km_json_check(const struct km_check_report *r)
{
	json_t *o = json_object(), *list = json_array();

	for (unsigned int i = 0; i < r->findings->n; i++) {
		const struct km_finding *x = &r->findings->f[i];
		json_t *j = json_object();

		km_j_put(j, "id", json_string(x->id));
		km_j_put(j, "severity", json_string(km_severity_name(x->severity)));
		km_j_put(j, "here", km_j_text_or_null(x->here));
		km_j_put(j, "there", km_j_text_or_null(x->there));
		km_j_put(j, "why", json_string(x->why));
		km_j_put(j, "do", json_string(x->todo));
		json_array_append_new(list, j);
	}
	km_j_put(o, "vm", km_j_text(r->guest->name));
	km_j_put(o, "here", km_j_text_or_null(r->here->software.host));
	km_j_put(o, "there", km_j_text_or_null(r->there->software.host));
	km_j_put(o, "probe", probe(&r->here->network));
	km_j_put(o, "worst",
		 r->findings->n ? json_string(km_severity_name(km_findings_worst(r->findings))) :
				  json_null());
	km_j_put(o, "findings", list);
	km_j_put(o, "guest", km_record_json(km_guest_fields, r->guest));
	return o;
}
