// SPDX-License-Identifier: GPL-2.0
/* The pinning of the guest's threads, on its way to the destination (place/pinwire.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../host/threads.h"
#include "../place/pinwire.h"
#include "source_priv.h"

/* Those that may not run everywhere.  An affinity is of the CPUs that are online, and what a
 * cgroup forbids is not in it: the kernel has one mask (sched_getaffinity(2)). */
static int read_pins(struct source *s, struct km_pinning *p, struct km_err *err)
{
	struct km_thread *t = NULL;
	unsigned int all;
	size_t n = 0;
	int rc = km_topo_load(&p->from, err);

	if (!rc)
		rc = km_threads_read(s->vm->pid, &t, &n, err);
	if (rc)
		return rc;
	km_threads_ask(t, n, s->qmp);
	p->pins = calloc(n, sizeof(*p->pins));
	all = p->pins ? km_threads_pins(t, n, p->pins) : 0;
	free(t);
	if (!p->pins)
		return km_err_set(err, -ENOMEM, "out of memory");
	p->n = km_threads_confined(p->pins, all, &p->from.cpus);
	return p->n <= KM_PINS_MAX ?
		       0 :
		       km_err_set(err, -E2BIG, "%u of its threads are pinned, where %d is the most",
				  p->n, KM_PINS_MAX);
}

static int refuse(struct source *s, int rc)
{
	s->run->refused = true;
	return rc;
}

/* What stands in the way of carrying it is a reason to refuse, or just to be told. */
static int cannot(struct source *s, struct km_err *err)
{
	struct km_err why = *err;

	snprintf(s->run->pinned.why_not, sizeof(s->run->pinned.why_not), "%s", why.text);
	if (strcmp(s->o->pin, "keep")) {
		memset(err, 0, sizeof(*err));
		return 0;
	}
	return refuse(s, km_err_set(err, why.code,
				    "the guest's pinning can't be kept: %.300s (--pin relax moves "
				    "it anyway)",
				    why.text));
}

int km_source_pins_offer(struct source *s, json_t **offer, struct km_err *err)
{
	struct km_pinned *facts = &s->run->pinned;
	struct km_pinning *p = calloc(1, sizeof(*p));
	int rc = p ? read_pins(s, p, err) : km_err_set(err, -ENOMEM, "out of memory");

	s->pinning = p;
	*offer = NULL;
	snprintf(facts->policy, sizeof(facts->policy), "%s", s->o->pin);
	facts->threads = p ? p->n : 0;
	if (rc)
		return cannot(s, err);
	if (!p->n || !strcmp(s->o->pin, "none"))
		return 0;
	p->policy = strcmp(s->o->pin, "keep") ? KM_PIN_RELAX : KM_PIN_KEEP;
	*offer = km_pinning_json(p);
	s->pinning_sent = *offer;
	return *offer ? 0 : km_err_set(err, -ENOMEM, "out of memory");
}

int km_source_pins_refused(struct source *s, const char *why, struct km_err *err)
{
	return refuse(s, km_err_set(err, -ENOTSUP,
				    "destination: %.400s (--pin relax moves it "
				    "anyway)",
				    why));
}

int km_source_pins_answered(struct source *s, const json_t *welcome, struct km_err *err)
{
	const json_t *answer = json_object_get(welcome, "pinning");
	struct km_pinned *facts = &s->run->pinned;

	if (answer)
		return km_pinned_parse(answer, s->pinning, facts, err);
	km_err_set(err, -EOPNOTSUPP, "the destination's kmigrate does not know how");
	return cannot(s, err);
}

void km_source_pins_free(struct source *s)
{
	if (s->pinning)
		km_pinning_free(s->pinning);
	free(s->pinning);
	s->pinning = NULL;
}
