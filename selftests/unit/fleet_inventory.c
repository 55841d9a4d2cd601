// SPDX-License-Identifier: GPL-2.0
/* Inventories: what is read from good ones, and that bad ones are told with their place. */
#include "ktap.h"
#include "fleets.h"

static const char good[] =
	"{'kmigrate_inventory':1,'max_moves':7,'hosts':["
	"{'name':'a','memory_bytes':10e9,'vcpus_max':16,'up_bit_per_s':8e9,'down_bit_per_s':4e9,"
	"'max_moves_out':3,'max_moves_in':1,'cpu':{'level':'x86-64-v2','vendor':'intel'},"
	"'labels':['ssd']},"
	"{'name':'b','nodes':[{'free_bytes':1e9},{'free_bytes':2e9}],'up_bit_per_s':16e9}],"
	"'links':[{'name':'l','up_bit_per_s':80e9,'hosts':['b']}],'vms':["
	"{'name':'v','host':'a','memory_bytes':3e9,'vcpus':2,'numa_nodes':1,'max_pause_ms':50,"
	"'anti_affinity':['x','y'],'dirty':{'bytes_per_s':1e8,'working_set_bytes':2e8}},"
	"{'name':'w','host':'b','memory_bytes':4000000000,'memory_by_node':[0,4000000000],"
	"'movable':false,'anti_affinity':['y'],'dirty':[{'ms':5,'bytes':9}]},"
	"{'name':'u','host':'b','memory_bytes':5}],'drain':['a']}";

static void all_of_it(bool *ok)
{
	struct km_fleet *f = fleet_of("%s", good);
	const struct km_fleet_host *a = &f->host[0], *b = &f->host[1];
	const struct km_fleet_vm *v = &f->vm[0], *w = &f->vm[1], *u = &f->vm[2];

	CHECK(f->nhosts == 2 && f->nlinks == 1 && f->nvms == 3 && f->ngroups == 2);
	CHECK(f->max_moves == 7 && a->drain && !b->drain);
	CHECK(a->nnodes == 1 && a->free_bytes[0] == 7000000000 && a->ever_bytes[0] == 10000000000);
	CHECK(a->vcpus_max == 16 && a->vcpus == 2 && close_to(a->up, 1e9) &&
	      close_to(a->down, 5e8));
	CHECK(a->max_out == 3 && a->max_in == 1 && !a->nlinks);
	/* w may not move, and where u is nobody knows. */
	CHECK(b->nnodes == 2 && b->free_bytes[1] == 2000000000 && b->ever_bytes[1] == 2000000000);
	CHECK(!b->vcpus_max && close_to(b->down, 2e9) && b->max_out == 2 && b->nlinks == 1);
	CHECK(km_cpufit_has(f->cpu, a->cpu, v->cpu) && !km_cpufit_has(f->cpu, b->cpu, a->cpu));
	CHECK(v->movable && v->vcpus == 2 && v->numa_nodes == 1 && close_to(v->max_pause_s, 0.05));
	CHECK(v->ngroups == 2 && w->ngroups == 1 && w->group[0] == v->group[1] &&
	      !strcmp(f->group[v->group[0]], "x"));
	CHECK(v->npoints == 2 && close_to(v->dirty[0].seconds, 2) &&
	      close_to(v->dirty[0].bytes, 2e8));
	CHECK(!w->movable && w->by_node[1] == 4000000000 && w->npoints == 1);
	CHECK(!u->npoints && !u->vcpus && !u->by_node && close_to(u->max_pause_s, 0.3));
	km_fleet_free(f);
}

/* Every beginning of a good one is no good one, and has a place. */
static void truncated(bool *ok)
{
	size_t len = strlen(good);
	char *copy = strdup(good);

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	for (size_t i = 0; i < len; i++) {
		char *part =
			malloc(i + 1); /* of its own, so that a sanitizer sees what is behind */
		struct km_err err = { 0 };
		struct km_fleet *f;

		memcpy(part, copy, i);
		CHECK(km_inventory_parse(part, i, &f, &err) == -EINVAL && !f);
		CHECK(!strncmp(err.text, "line 1, column ", 15) && !strchr(err.text, '\n'));
		free(part);
	}
	free(copy);
}

/* The good one with one text instead of another. */
static bool says(const char *instead_of, const char *text, const char *error)
{
	const char *at = strstr(good, instead_of);
	struct km_err err;
	struct km_fleet *f;

	if (!at)
		return false;
	f = fleet_parse(&err, "%.*s%s%s", (int)(at - good), good, text, at + strlen(instead_of));
	km_fleet_free(f);
	if (!f && err.code == -EINVAL && strstr(err.text, error))
		return true;
	printf("# %s: %s\n", text, f ? "taken" : err.text);
	return false;
}

static void bad_hosts(bool *ok)
{
	CHECK(says("'kmigrate_inventory':1", "'kmigrate_inventory':'1'", "not an inventory"));
	CHECK(says("'max_moves':7", "'max_moves':-1", "max_moves: must be a number from 0"));
	CHECK(says("'max_moves':7", "'max_moves':1.5", "max_moves: must be a whole number"));
	CHECK(says("'drain':['a']", "'drain':[]", "drain: must name"));
	CHECK(says("'drain':['a']", "'drain':['a','a']", "drain: 'a' comes twice"));
	CHECK(says("'drain':['a']", "'drain':['c']", "drain: there is no host 'c'"));
	CHECK(says("'drain':['a']", "'drain':[7]", "drain: must be the name"));
	CHECK(says("'name':'b'", "'name':'a'", "hosts[1] (a): name: there is another"));
	CHECK(says("'name':'b'", "'name':''", "hosts[1]: name: must be"));
	CHECK(says("'memory_bytes':10e9", "'memory_bytes':1e20",
		   "hosts[0] (a): memory_bytes: must"));
	CHECK(says("'memory_bytes':10e9", "'memory_bytes':true", "memory_bytes: must be a number"));
	CHECK(says("'memory_bytes':10e9,", "", "needs either memory_bytes or nodes"));
	CHECK(says("'nodes':[{", "'memory_bytes':1,'nodes':[{", "needs either"));
	CHECK(says("{'free_bytes':1e9}", "7", "hosts[1] (b): nodes: must be a list of objects"));
	CHECK(says("'up_bit_per_s':16e9", "'up_bit_per_s':0", "hosts[1] (b): up_bit_per_s: must"));
	CHECK(says(",'up_bit_per_s':16e9", "", "hosts[1] (b): up_bit_per_s: is missing"));
	CHECK(says("'max_moves_in':1", "'max_moves_in':0",
		   "max_moves_in: must be a number from 1"));
	CHECK(says("x86-64-v2", "x86-64-v9", "hosts[0] (a): cpu: level: must be"));
	CHECK(says("'vendor'", "'vendr'", "hosts[0] (a): there is no key 'vendr'"));
	CHECK(says("'labels':['ssd']", "'labels':'ssd'", "labels: must be a list"));
	CHECK(says("'labels':['ssd']", "'labels':[1]", "labels: must be a text"));
	CHECK(says("'hosts':['b']", "'hosts':['x']", "links[0] (l): hosts: there is no host 'x'"));
	CHECK(says(",'hosts':['b']", "", "links[0] (l): hosts: is missing"));
}

static void bad_guests(bool *ok)
{
	CHECK(says("'host':'a'", "'host':'z'", "vms[0] (v): host: there is no host 'z'"));
	CHECK(says("'host':'a',", "", "vms[0] (v): host: must be the name"));
	CHECK(says("'name':'w'", "'name':'v'", "vms[1] (v): name: there is another"));
	CHECK(says("'memory_bytes':3e9", "'memory_bytes':0", "vms[0] (v): memory_bytes: must"));
	CHECK(says("'memory_bytes':3e9,", "", "vms[0] (v): memory_bytes: is missing"));
	CHECK(says("'numa_nodes':1", "'numa_nodes':99",
		   "numa_nodes: must be a number from 0 to 16"));
	CHECK(says("'max_pause_ms':50", "'max_pause_ms':0", "max_pause_ms: must be"));
	CHECK(says("['x','y']", "['x','x']", "vms[0] (v): anti_affinity: 'x' comes twice"));
	CHECK(says("['x','y']", "['x',{}]", "vms[0] (v): anti_affinity: must be texts"));
	CHECK(says("['x','y']", "['1','2','3','4','5','6','7','8','9']", "has 9 entries"));
	CHECK(says("'movable':false", "'movable':0", "vms[1] (w): movable: must be true or false"));
	CHECK(says("[0,4000000000]", "[4000000000]", "memory_by_node: its host has 2 nodes"));
	CHECK(says("[0,4000000000]", "[1,4000000000]", "add up to memory_bytes"));
	CHECK(says("[0,4000000000]", "[-1,4000000001]", "add up to memory_bytes"));
	CHECK(says("{'bytes_per_s':1e8", "{'bytes_per_s':-1", "bytes_per_s: must be"));
	CHECK(says("[{'ms':5,'bytes':9}]", "'much'", "dirty: must be an object or a list"));
	CHECK(says("[{'ms':5,'bytes':9}]", "[5]", "dirty: must be a list of objects"));
	CHECK(says("[{'ms':5,'bytes':9}]", "[{'ms':0,'bytes':9}]", "ms: must be a number"));
	CHECK(says("[{'ms':5,'bytes':9}]", "[{'ms':5,'bytes':9},{'ms':6,'bytes':8}]",
		   "ms must rise"));
	CHECK(says("{'name':'u','host':'b','memory_bytes':5}", "[]", "vms[2]: not an object"));
	CHECK(says("'memory_bytes':5", "'memory':5", "vms[2] (u): there is no key 'memory'"));
}

/* Names are foreign bytes; an error goes to a terminal. */
static void names(bool *ok)
{
	CHECK(says("'name':'w','host':'b'", "'name':'\\u001b[1m','host':'z'",
		   "vms[1] (?[1m): host"));
}

static const struct ktap_case cases[] = {
	{ "everything there is", all_of_it },		{ "truncated anywhere", truncated },
	{ "hosts and links that can't be", bad_hosts }, { "guests that can't be", bad_guests },
	{ "no control character in an error", names },
};

KTAP_MAIN(cases)
