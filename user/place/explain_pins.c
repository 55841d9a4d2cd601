// SPDX-License-Identifier: GPL-2.0
#include "../report/jsonval.h"
#include "explain.h"

void km_explain_pins_text(FILE *f, const struct km_pin_in *in, const struct km_pinmap *m)
{
	char a[KM_CPUS_TEXT], b[KM_CPUS_TEXT];

	for (unsigned int i = 0; i < m->n; i++)
		fprintf(f, "%-12s CPUs %s -> %s\n", in->pins[i].who,
			km_cpus_format(&in->pins[i].cpus, a), km_cpus_format(&m->cpus[i], b));
	for (unsigned int i = 0; i < m->nbreaks && i < KM_PIN_BREAKS_MAX; i++)
		fprintf(f, "breaks: %s\n", m->breaks[i].text);
	if (m->nbreaks > KM_PIN_BREAKS_MAX)
		fprintf(f, "breaks: and %u more\n", m->nbreaks - KM_PIN_BREAKS_MAX);
}

json_t *km_explain_pins_json(const struct km_pin_in *in, const struct km_pinmap *m)
{
	json_t *o = json_object(), *pins = json_array(), *breaks = json_array();

	for (unsigned int i = 0; i < m->n; i++) {
		json_t *p = json_object();

		km_j_put(p, "who", km_j_text(in->pins[i].who));
		km_j_put(p, "from", km_explain_cpus(&in->pins[i].cpus));
		km_j_put(p, "to", km_explain_cpus(&m->cpus[i]));
		json_array_append_new(pins, p);
	}
	for (unsigned int i = 0; i < m->nbreaks && i < KM_PIN_BREAKS_MAX; i++) {
		json_t *b = json_object();

		km_j_put(b, "kind", km_j_text(km_pin_break_name(m->breaks[i].kind)));
		km_j_put(b, "text", km_j_text(m->breaks[i].text));
		json_array_append_new(breaks, b);
	}
	km_j_put(o, "kept", json_boolean(m->kept));
	km_j_put(o, "threads", pins);
	km_j_put(o, "breaks", breaks);
	km_j_put(o, "nbreaks", km_j_number(m->nbreaks));
	return o;
}
