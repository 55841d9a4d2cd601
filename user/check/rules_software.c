// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include "../report/units.h"
#include "rules.h"

static bool wire(const struct km_pair *p, struct km_finding *f)
{
	uint32_t a = p->here->software.wire_abi, b = p->there->software.wire_abi;

	km_rule_here(f, "kmigrate %s, protocol %u", p->here->software.tool, a);
	km_rule_there(f, "kmigrate %s, protocol %u", p->there->software.tool, b);
	return a && b && a != b;
}

static bool tool(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "kmigrate %s", p->here->software.tool);
	km_rule_there(f, "kmigrate %s", p->there->software.tool);
	return km_rule_texts_differ(p->here->software.tool, p->there->software.tool);
}

static bool module(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "loaded");
	km_rule_there(f, "not loaded, or of another version");
	return km_rule_lost(p->here->software.module, p->there->software.module);
}

static bool kernel(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "%s", p->here->software.kernel);
	km_rule_there(f, "%s", p->there->software.kernel);
	return km_rule_texts_differ(p->here->software.kernel, p->there->software.kernel);
}

static const char *synced(enum km_tri t)
{
	return t == KM_NO ? "not synchronised" : t == KM_YES ? "synchronised" : "not known";
}

static bool clock_sync(const struct km_pair *p, struct km_finding *f)
{
	enum km_tri a = p->here->software.clock_synced, b = p->there->software.clock_synced;

	km_rule_here(f, "%s", synced(a));
	km_rule_there(f, "%s", synced(b));
	return a == KM_NO || b == KM_NO;
}

#define OLD_S 86400u

static bool old(const struct km_pair *p, struct km_finding *f)
{
	uint64_t a = p->here->software.taken_s, b = p->there->software.taken_s;
	char text[KM_UNIT_MAX];

	if (!a || !b || b >= a || a - b <= OLD_S)
		return false;
	km_rule_there(f, "its record is %s old", km_fmt_ms(text, (double)(a - b) * 1000));
	return true;
}

const struct km_rule km_rules_software[] = {
	{ "soft-wire", KM_BLOCKS, wire, "the two would not understand each other",
	  "install the same version on both hosts" },
	{ "soft-record", KM_WARNS, old,
	  "what is free there, and what runs, may be otherwise by now",
	  "take it anew: kmigrate host --json" },
	{ "soft-clock", KM_WARNS, clock_sync,
	  "the guest takes its wall clock along, but certificates and logs go by the hosts' clocks",
	  "run chrony, or another NTP client, on both hosts" },
	{ "soft-module", KM_INFO, module,
	  "without kmigrate.ko no CPUs are held there at full clock, and what the guest dirties there "
	  "is not seen",
	  "load it there" },
	{ "soft-tool", KM_INFO, tool, "they understand each other",
	  "install the same version on both" },
	{ "soft-kernel", KM_INFO, kernel, "KVM may do other things for the guest", "nothing" },
	{ 0 },
};
