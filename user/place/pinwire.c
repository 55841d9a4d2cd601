// SPDX-License-Identifier: GPL-2.0
#include "pinwire.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- out ---- */

static json_t *pair(const char *who, const struct km_cpus *cpus)
{
	char *list = km_cpus_list(cpus);
	json_t *j = list ? json_pack("[s,s]", who, list) : NULL;

	free(list);
	return j;
}

static json_t *topo_json(const struct km_topo *t)
{
	json_t *a = json_array();

	for (int c = km_cpus_next(&t->cpus, 0); c >= 0; c = km_cpus_next(&t->cpus, c + 1))
		json_array_append_new(a, json_pack("[i,i,i,i]", c, t->cpu[c].core,
						   t->cpu[c].package, t->cpu[c].node));
	return a;
}

json_t *km_pinning_json(const struct km_pinning *p)
{
	json_t *threads = json_array();

	for (unsigned int i = 0; i < p->n; i++)
		json_array_append_new(threads, pair(p->pins[i].who, &p->pins[i].cpus));
	return json_pack("{s:s,s:o,s:o}", "policy", p->policy == KM_PIN_KEEP ? "keep" : "relax",
			 "cpus", topo_json(&p->from), "threads", threads);
}

json_t *km_pinned_json(const struct km_pinning *p, const struct km_pinmap *m)
{
	json_t *threads = json_array(), *breaks = json_array();

	for (unsigned int i = 0; i < p->n; i++)
		json_array_append_new(threads, pair(p->pins[i].who, &m->cpus[i]));
	for (unsigned int i = 0; i < m->nbreaks && i < KM_PIN_BREAKS_MAX; i++)
		json_array_append_new(breaks, json_string(m->breaks[i].text));
	return json_pack("{s:o,s:o,s:i}", "threads", threads, "breaks", breaks, "nbreaks",
			 (int)m->nbreaks);
}

/* ---- in ---- */

static int bad(struct km_err *err, const char *what)
{
	return km_err_set(err, -EPROTO, "bad pinning from the peer: %s", what);
}

static bool number(const json_t *a, size_t i, int limit, int *v)
{
	const json_t *j = json_array_get(a, i);
	json_int_t n = json_integer_value(j);

	*v = (int)n;
	return json_is_integer(j) && n >= 0 && n < limit;
}

/* What was seen of the host so far. */
struct seen {
	int core_at[KM_CPUS_MAX]; /* by core: a CPU of it, -1 = none yet */
	bool package[KM_CPUS_MAX], node[KM_NODES_MAX];
};

static bool parse_cpu(const json_t *j, struct km_topo *t, struct seen *seen)
{
	struct km_topo_cpu c;
	const struct km_topo_cpu *mate;
	int cpu;

	if (json_array_size(j) != 4 || !number(j, 0, KM_CPUS_MAX, &cpu) ||
	    !number(j, 1, KM_CPUS_MAX, &c.core) || !number(j, 2, KM_CPUS_MAX, &c.package) ||
	    !number(j, 3, KM_NODES_MAX, &c.node) || km_cpus_has(&t->cpus, cpu))
		return false;
	if (seen->core_at[c.core] < 0) {
		seen->core_at[c.core] = cpu;
		t->ncores++;
	}
	km_cpus_add(&t->cpus, cpu);
	t->cpu[cpu] = c;
	mate = &t->cpu[seen->core_at[c.core]];
	t->npackages += !seen->package[c.package];
	seen->package[c.package] = true;
	seen->node[c.node] = true;
	return mate->package == c.package && mate->node == c.node;
}

static int parse_topo(const json_t *a, struct km_topo *t, struct km_err *err)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	size_t n = json_array_size(a);
	bool good = n > 0 && n <= KM_CPUS_MAX;

	if (!seen)
		return km_err_set(err, -ENOMEM, "out of memory");
	memset(seen->core_at, 0xff, sizeof(seen->core_at));
	for (size_t i = 0; good && i < n; i++)
		good = parse_cpu(json_array_get(a, i), t, seen);
	for (int i = 0; good && i < KM_NODES_MAX; i++)
		if (seen->node[i])
			t->node[t->nnodes++] = i;
	free(seen);
	return good ? 0 : bad(err, "its CPUs");
}

/* Names go into messages and on terminals. */
static bool is_name(const char *who)
{
	size_t len = who ? strlen(who) : 0;

	for (size_t i = 0; i < len; i++)
		if (!isprint((unsigned char)who[i]))
			return false;
	return len && len < KM_PIN_WHO;
}

static bool parse_pair(const json_t *j, const char **who, struct km_cpus *cpus)
{
	const char *list = json_string_value(json_array_get(j, 1));

	*who = json_string_value(json_array_get(j, 0));
	return json_array_size(j) == 2 && is_name(*who) && list && !km_cpus_parse(cpus, list) &&
	       !km_cpus_empty(cpus);
}

static bool parse_thread(const json_t *j, struct km_pinning *p)
{
	struct km_pin *pin = &p->pins[p->n];
	const char *who;

	if (!parse_pair(j, &who, &pin->cpus))
		return false;
	km_cpus_and(&pin->cpus, &p->from.cpus);
	for (unsigned int i = 0; i < p->n; i++)
		if (!strcmp(p->pins[i].who, who))
			return false;
	snprintf(pin->who, sizeof(pin->who), "%s", who);
	p->n++;
	return !km_cpus_empty(&pin->cpus);
}

int km_pinning_parse(const json_t *j, struct km_pinning *p, struct km_err *err)
{
	const json_t *threads = json_object_get(j, "threads");
	const char *policy = json_string_value(json_object_get(j, "policy"));
	size_t n = json_array_size(threads);
	int rc;

	if (!policy || (strcmp(policy, "keep") && strcmp(policy, "relax")))
		return bad(err, "its policy");
	p->policy = strcmp(policy, "keep") ? KM_PIN_RELAX : KM_PIN_KEEP;
	if (!n || n > KM_PINS_MAX)
		return bad(err, "the number of its threads");
	rc = parse_topo(json_object_get(j, "cpus"), &p->from, err);
	if (rc)
		return rc;
	p->pins = calloc(n, sizeof(*p->pins));
	if (!p->pins)
		return km_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (!parse_thread(json_array_get(threads, i), p))
			return bad(err, "its threads");
	return 0;
}

void km_pinning_free(struct km_pinning *p)
{
	free(p->pins);
	memset(p, 0, sizeof(*p));
}

static bool parse_laid(const json_t *j, const struct km_pin *pin, struct km_pinned *facts)
{
	struct km_pin_laid *laid = &facts->laid[facts->nlaid];
	struct km_cpus to;
	const char *who;

	if (!parse_pair(j, &who, &to) || strcmp(who, pin->who))
		return false;
	if (facts->nlaid == KM_PIN_LAID_MAX)
		return true;
	facts->nlaid++;
	snprintf(laid->who, sizeof(laid->who), "%s", who);
	km_cpus_format(&pin->cpus, laid->from);
	km_cpus_format(&to, laid->to);
	return true;
}

int km_pinned_parse(const json_t *j, const struct km_pinning *p, struct km_pinned *facts,
		    struct km_err *err)
{
	const json_t *threads = json_object_get(j, "threads"),
		     *breaks = json_object_get(j, "breaks");
	int nbreaks;

	if (json_array_size(threads) != p->n || !json_is_array(breaks) ||
	    json_array_size(breaks) > KM_PIN_BREAKS_MAX ||
	    !json_is_integer(json_object_get(j, "nbreaks")))
		return bad(err, "its answer");
	nbreaks = (int)json_integer_value(json_object_get(j, "nbreaks"));
	if (nbreaks < 0 || (size_t)nbreaks < json_array_size(breaks))
		return bad(err, "its answer");
	facts->nlaid = 0;
	for (unsigned int i = 0; i < p->n; i++)
		if (!parse_laid(json_array_get(threads, i), &p->pins[i], facts))
			return bad(err, "its answer");
	facts->nbreaks = (unsigned int)nbreaks;
	for (size_t i = 0; i < json_array_size(breaks) && i < KM_PIN_TOLD_MAX; i++) {
		const char *text = json_string_value(json_array_get(breaks, i));

		if (!text)
			return bad(err, "its answer");
		snprintf(facts->breaks[i], sizeof(facts->breaks[i]), "%s", text);
	}
	facts->done = true;
	return 0;
}
