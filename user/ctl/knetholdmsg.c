// SPDX-License-Identifier: GPL-2.0
/* What the module's messages about holds say: pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "knetattr.h"
#include "knethold.h"

static void read_text(char *buf, size_t size, const struct nlattr *a)
{
	size_t len = a ? mnl_attr_get_payload_len(a) : 0;

	if (len >= size)
		len = size - 1;
	if (len)
		memcpy(buf, mnl_attr_get_payload(a), len);
	buf[len] = '\0';
}

/* What is beyond the CPUs that we know is left out. */
static void read_cpus(struct km_cpus *s, const struct nlattr *a)
{
	const uint8_t *bytes = a ? mnl_attr_get_payload(a) : NULL;
	unsigned int len = a ? mnl_attr_get_payload_len(a) : 0;

	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < len * 8 && i < KM_CPUS_MAX; i++)
		if (bytes[i / 8] & 1u << i % 8)
			km_cpus_add(s, (int)i);
}

size_t km_knetmsg_cpus_bytes(const struct km_cpus *s)
{
	size_t words = KM_CPUS_WORDS;

	while (words && !s->w[words - 1])
		words--;
	return words * sizeof(s->w[0]);
}

static void *one_more(void **array, size_t *n, size_t size)
{
	void *more = realloc(*array, (*n + 1) * size);

	if (!more)
		return NULL;
	*array = more;
	more = (char *)more + (*n)++ * size;
	memset(more, 0, size);
	return more;
}

static int add_hold(const struct km_attrs *t, uint64_t now_ns, struct km_holds *h)
{
	struct km_hold *hold = one_more((void **)&h->hold, &h->nholds, sizeof(*hold));
	uint64_t since_ns = km_attr_u64(t->a[KMIGRATE_A_SINCE_NS]);
	const struct nlattr *floor = t->a[KMIGRATE_A_FLOOR_KHZ];

	if (!hold)
		return -ENOMEM;
	hold->id = km_attr_u32(t->a[KMIGRATE_A_HOLD]);
	hold->pid = (pid_t)km_attr_u32(t->a[KMIGRATE_A_OWNER_PID]);
	hold->automatic = !t->a[KMIGRATE_A_OWNER_PORT];
	hold->shortfall = km_attr_u32(t->a[KMIGRATE_A_SHORTFALL]);
	hold->held_for_s = now_ns > since_ns ? (double)(now_ns - since_ns) / 1e9 : 0;
	hold->ask.floor_khz = floor ? km_attr_u32(floor) : KM_FLOOR_TOP;
	hold->ask.latency_us = km_attr_u32(t->a[KMIGRATE_A_LATENCY_US]);
	hold->ask.keep_governor = t->a[KMIGRATE_A_KEEP_GOVERNOR] != NULL;
	read_cpus(&hold->ask.cpus, t->a[KMIGRATE_A_CPUS]);
	return 0;
}

static int add_policy(const struct nlattr *nest, struct km_holds *h)
{
	struct km_hold_policy *p;
	struct km_attrs t;

	if (km_attrs_nest(nest, KMIGRATE_A_POLICY_MAX, &t))
		return -EPROTO;
	p = one_more((void **)&h->policy, &h->npolicies, sizeof(*p));
	if (!p)
		return -ENOMEM;
	read_text(p->name, sizeof(p->name), t.a[KMIGRATE_A_POLICY_NAME]);
	read_cpus(&p->cpus, t.a[KMIGRATE_A_POLICY_CPUS]);
	p->floor_khz = km_attr_u32(t.a[KMIGRATE_A_POLICY_FLOOR_KHZ]);
	p->min_khz_before = km_attr_u32(t.a[KMIGRATE_A_POLICY_MIN_KHZ_BEFORE]);
	p->max_khz_before = km_attr_u32(t.a[KMIGRATE_A_POLICY_MAX_KHZ_BEFORE]);
	p->min_khz = km_attr_u32(t.a[KMIGRATE_A_POLICY_MIN_KHZ]);
	p->max_khz = km_attr_u32(t.a[KMIGRATE_A_POLICY_MAX_KHZ]);
	read_text(p->governor_before, sizeof(p->governor_before),
		  t.a[KMIGRATE_A_POLICY_GOVERNOR_BEFORE]);
	read_text(p->governor, sizeof(p->governor), t.a[KMIGRATE_A_POLICY_GOVERNOR]);
	p->shortfall = km_attr_u32(t.a[KMIGRATE_A_POLICY_SHORTFALL]);
	p->error = (int)km_attr_u32(t.a[KMIGRATE_A_POLICY_ERROR]);
	p->fought = km_attr_u32(t.a[KMIGRATE_A_POLICY_FOUGHT]);
	return 0;
}

static int add_cpu(const struct nlattr *nest, struct km_holds *h)
{
	struct km_hold_cpu *c;
	struct km_attrs t;

	if (km_attrs_nest(nest, KMIGRATE_A_CPU_MAX, &t))
		return -EPROTO;
	c = one_more((void **)&h->cpu, &h->ncpus, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->cpu = km_attr_u32(t.a[KMIGRATE_A_CPU_NUMBER]);
	c->latency_us = km_attr_u32(t.a[KMIGRATE_A_CPU_LATENCY_US]);
	c->in_force_us = km_attr_u32(t.a[KMIGRATE_A_CPU_IN_FORCE_US]);
	return 0;
}

int km_knetmsg_hold(const struct nlmsghdr *nlh, uint64_t now_ns, struct km_holds *h)
{
	struct km_attrs t;
	int rc = km_attrs_top(nlh, &t);

	if (rc)
		return rc;
	if (t.a[KMIGRATE_A_POLICY])
		return add_policy(t.a[KMIGRATE_A_POLICY], h);
	if (t.a[KMIGRATE_A_CPU])
		return add_cpu(t.a[KMIGRATE_A_CPU], h);
	return t.a[KMIGRATE_A_HOLD] ? add_hold(&t, now_ns, h) : -EPROTO;
}
