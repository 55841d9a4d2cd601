// SPDX-License-Identifier: GPL-2.0
/* A plan that is printed and read back; and what is no plan, or another guest's. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "plan/planfile.h"
#include "report/plan.h"

static struct km_plan *plan, *again; /* large */

static void make(void)
{
	memset(plan, 0, sizeof(*plan));
	strcpy(plan->vm, "web\"1\xc3\xbc");
	strcpy(plan->uuid, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	plan->ram_bytes = 1ull << 30;
	plan->taken_s = 1790000000;
	plan->link_bytes_per_s = 25e6;
	strcpy(plan->link_by, "by --link");
	plan->streams = 2;
	plan->goal.max_pause_ms = 100;
	plan->tls = true;
	plan->cpus = 4;
	plan->cpus_free = 3.25;
	for (size_t i = 0; i < KM_COSTS; i++)
		*km_cost(&plan->survey.costs, i) = 100.5 + (double)i;
	plan->survey.costs.tls.send_byte = plan->survey.costs.tls.recv_byte = 0.75;
	plan->survey.guest = (struct km_reh_guest){
		.regions = 3,
		.region = {
			{ .pages = 20000, .zero = 0.5, .ratio = 0.3125, .write_bytes = 4096 },
			{ .pages = 5000, .ratio = 1, .writes_per_s = 800.5, .in_turn = true, .write_bytes = 64 },
			{ .pages = 1, .ratio = 1.002, .writes_per_s = 0.001, .write_bytes = 1 },
		},
	};
}

static char *print(void)
{
	json_t *j = km_json_plan(plan);
	char *text = json_dumps(j, JSON_REAL_PRECISION(9));

	json_decref(j);
	return text;
}

static bool parse(const char *text, struct km_err *err)
{
	err->code = 0;
	return !km_planfile_parse(text, strlen(text), again, err);
}

static bool same_region(const struct km_reh_region *a, const struct km_reh_region *b)
{
	return a->pages == b->pages && fabs(a->zero - b->zero) < 1e-8 &&
	       fabs(a->ratio - b->ratio) < 1e-8 && fabs(a->writes_per_s - b->writes_per_s) < 1e-6 &&
	       a->in_turn == b->in_turn && a->write_bytes == b->write_bytes;
}

static void round_trip(bool *ok)
{
	struct km_prediction first;
	struct km_err err = { 0 };
	char *text;

	make();
	CHECK(!km_plan_rehearse(plan, &plan->goal, 2, 50u << 20, &err) && plan->is.likely.moved);
	first = plan->is;
	text = print();
	CHECK(parse(text, &err));
	CHECK(!strcmp(again->vm, plan->vm) && !strcmp(again->uuid, plan->uuid));
	CHECK(again->ram_bytes == plan->ram_bytes && again->taken_s == plan->taken_s);
	CHECK(fabs(again->link_bytes_per_s - 25e6) < 1 && again->survey.guest.regions == 3);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(same_region(&again->survey.guest.region[i], &plan->survey.guest.region[i]));
	CHECK(!memcmp(&again->survey.costs, &plan->survey.costs, sizeof(struct km_costs)));
	CHECK(again->cpus == 4 && fabs(again->cpus_free - 3.25) < 1e-9);
	again->tls = true; /* is not the file's to say */
	/* And so the move is foretold as before. */
	CHECK(!km_plan_rehearse(again, &plan->goal, 2, 50u << 20, &err));
	CHECK(!memcmp(&again->is, &first, sizeof(first)));
	free(text);
}

static double total_ms(unsigned int cpus, double cpus_free)
{
	struct km_err err;

	plan->cpus = cpus;
	plan->cpus_free = cpus_free;
	if (km_plan_rehearse(plan, &plan->goal, 2, 0, &err) || !plan->is.likely.moved)
		abort();
	return plan->is.likely.total_ms;
}

/* CPUs that others use are shared with them, and not out of reach. */
static void cpus(bool *ok)
{
	make();
	plan->link_bytes_per_s = 1e10;
	for (size_t i = 0; i < KM_COSTS; i++)
		*km_cost(&plan->survey.costs, i) *= 20;
	CHECK(total_ms(2, 0.5) <
	      0.8 * total_ms(0, 0.5)); /* 0: it is not known how many there are */
	CHECK(total_ms(2, 0.5) > total_ms(2, 2));
	CHECK(total_ms(64, 60) <= total_ms(0, 60)); /* more are free than its share */
	/* As a file may say. */
	CHECK(total_ms(2, 5) <= total_ms(0, 5) && total_ms(2, 5) >= total_ms(0, 5));
}

/* With another goal or a slower link it is another prediction. */
static void other_goal(bool *ok)
{
	const struct km_reh_goal soon = { .max_pause_ms = 100, .deadline_ms = 1000 };
	struct km_plan_link link = { .bandwidth_bytes_per_s = 5000000 };
	struct km_err err = { 0 };
	struct km_foretold f;
	double likely;
	char *text;

	make();
	text = print();
	CHECK(parse(text, &err));
	again->tls = true;
	CHECK(!km_plan_rehearse(again, &plan->goal, 2, 0, &err));
	km_plan_foretell(again, again->taken_s + 90, &f);
	CHECK(f.wanted && f.can_be_moved && f.age_s == 90 && f.max_pause_ms == 100);
	likely = f.range[KM_FIGURE_TOTAL_MS].likely;
	CHECK(likely > 1000);
	CHECK(!km_plan_rehearse(again, &soon, 2, 0, &err));
	km_plan_foretell(again, 0, &f); /* a clock that was put back */
	CHECK(!f.can_be_moved && f.needed_bytes_per_s > 25e6 && !f.age_s);
	CHECK(!km_plan_link(again, &link, &err) && !strcmp(again->link_by, "by --bandwidth"));
	CHECK(!km_plan_rehearse(again, &plan->goal, 2, 0, &err));
	km_plan_foretell(again, 0, &f);
	CHECK(f.range[KM_FIGURE_TOTAL_MS].likely > 3 * likely);
	free(text);
}

/* Who says how fast the link is. */
static void links(bool *ok)
{
	struct km_plan_link none = { 0 }, told = { .bytes_per_s = 7000000 },
			    most = { .bandwidth_bytes_per_s = 3000000 },
			    lo = { .host = "127.0.0.1" };
	struct km_err err = { 0 };

	make();
	CHECK(!km_plan_link(plan, &none, &err) && fabs(plan->link_bytes_per_s - 25e6) < 1);
	CHECK(!strcmp(plan->link_by, "by the plan"));
	CHECK(!km_plan_link(plan, &told, &err) && fabs(plan->link_bytes_per_s - 7e6) < 1);
	CHECK(!strcmp(plan->link_by, "by --link"));
	told.bandwidth_bytes_per_s = 9000000;
	CHECK(!km_plan_link(plan, &told, &err) && !strcmp(plan->link_by, "by --link"));
	plan->link_bytes_per_s = 0;
	CHECK(km_plan_link(plan, &none, &err) == -EINVAL && strstr(err.text, "--link"));
	CHECK(!km_plan_link(plan, &most, &err) && fabs(plan->link_bytes_per_s - 3e6) < 1);
	plan->link_bytes_per_s = 0; /* the loopback interface has no speed */
	CHECK(km_plan_link(plan, &lo, &err) == -EINVAL && strstr(err.text, "--link"));
}

static void truncated(bool *ok)
{
	struct km_err err = { 0 };
	char *text;
	size_t len;

	make();
	text = print();
	len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		err.code = 0;
		CHECK(km_planfile_parse(text, i, again, &err) == -EINVAL && err.code == -EINVAL);
		CHECK(err.text[0] && !strchr(err.text, '\n'));
	}
	free(text);
}

/* The plan with one thing changed is refused, and the error has the words. */
static void altered(bool *ok)
{
	static const struct {
		const char *was, *becomes, *says;
	} t[] = {
		{ "\"kmigrate_plan\": 2", "\"kmigrate_plan\": 3", "version 3" },
		{ "\"kmigrate_plan\": 2", "\"kmigrate_plan\": \"2\"", "not a plan" },
		{ "\"kmigrate_plan\"", "\"plan\"", "not a plan" },
		{ "\"vm\": \"", "\"vm\": 1, \"x\": \"", "string" },
		{ "\"uuid\": \"6", "\"uuid\": \"66666", "uuid" },
		{ "\"uuid\": \"", "\"uuid\": 5, \"x\": \"", "uuid" },
		{ "\"ram_bytes\": 1", "\"ram_bytes\": -1", "ram_bytes" },
		{ "\"taken_s\": 1", "\"taken_s\": 0.1", "integer" },
		{ "\"link_bytes_per_s\": 2", "\"link_bytes_per_s\": -2", "link_bytes_per_s" },
		{ "\"link_bytes_per_s\": 2", "\"link_bytes_per_s\": 999.5, \"x\": 2",
		  "link_bytes_per_s" },
		{ "\"cpus_free\": 3.25", "\"cpus_free\": 0.0", "cpus_free" },
		{ "\"cpus_free\": 3.25", "\"cpus_free\": null", "got null" },
		{ "\"cpus\": 4", "\"cpus\": -4", "cpus" },
		{ "\"cpus\": 4", "\"cpus\": 4.5", "integer" },
		{ "\"costs\": {", "\"costs\": 7, \"x\": {", "costs.scan_ns" },
		{ "\"unpack_ns\": 1", "\"unpack_ns\": -1", "costs.unpack_ns: must be 0 to" },
		{ "\"tls_wake_ns\": ", "\"tls_wake_ns\": 2e9, \"x\": ",
		  "costs.tls_wake_ns: must be" },
		{ "\"guest\": [", "\"guest\": [], \"x\": [", "1 to 512 regions" },
		{ "\"guest\": [", "\"guest\": 7, \"x\": [", "1 to 512 regions" },
		{ "\"guest\": [", "\"guest\": [3, ", "guest[0]" },
		{ "\"pages\": 5000", "\"pages\": 0", "guest[1]: a number" },
		{ "\"pages\": 5000", "\"pages\": 5000000000000000", "guest[1]: a number" },
		{ "\"pages\": 5000", "\"sides\": 5000", "guest[1]: Object item not found: pages" },
		{ "\"zero\": 0.5", "\"zero\": 1.5", "guest[0]: a number" },
		{ "\"ratio\": 0.3", "\"ratio\": -0.3", "guest[0]: a number" },
		{ "\"writes_per_s\": 800.5,", "\"writes_per_s\": 8e13,", "guest[1]: a number" },
		{ "\"write_bytes\": 64", "\"write_bytes\": 4097", "guest[1]: a number" },
		{ "\"in_turn\": true", "\"in_turn\": 1", "guest[1]" },
		{ "\"vm\": ", "\"vm\": \"a\", \"vm\": ", "duplicate" },
	};
	char *text, *bad, *at;
	struct km_err err;

	make();
	text = print();
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bool refused;

		at = strstr(text, t[i].was);
		CHECK(at);
		if (!at || asprintf(&bad, "%.*s%s%s", (int)(at - text), text, t[i].becomes,
				    at + strlen(t[i].was)) < 0)
			continue;
		refused = !parse(bad, &err) && strstr(err.text, t[i].says);
		if (!refused)
			printf("# %s: %s\n", t[i].becomes, err.code ? err.text : "taken");
		CHECK(refused);
		free(bad);
	}
	free(text);
}

static void too_many(bool *ok)
{
	struct km_err err = { 0 };
	json_t *j, *list;
	char *text;

	make();
	j = km_json_plan(plan);
	list = json_object_get(j, "guest");
	while (json_array_size(list) <= KM_REH_REGIONS_MAX)
		json_array_append(list, json_array_get(list, 0));
	text = json_dumps(j, 0);
	CHECK(!parse(text, &err) && strstr(err.text, "1 to 512"));
	free(text);
	json_decref(j);
}

static void whose(bool *ok)
{
	struct km_vm vm = { 0 };
	struct km_err err = { 0 };

	make();
	strcpy(vm.name, plan->vm);
	strcpy(vm.uuid, plan->uuid);
	vm.ram_bytes = plan->ram_bytes;
	CHECK(!km_plan_is_of(plan, &vm, &err));
	vm.uuid[0] = '\0'; /* not known: by the name alone */
	CHECK(!km_plan_is_of(plan, &vm, &err));
	strcpy(vm.uuid, "00000000-0000-0000-0000-000000000000");
	CHECK(km_plan_is_of(plan, &vm, &err) == -EINVAL && strstr(err.text, "another UUID"));
	strcpy(vm.uuid, plan->uuid);
	vm.ram_bytes *= 2;
	CHECK(km_plan_is_of(plan, &vm, &err) == -EINVAL && strstr(err.text, "2048 MiB"));
	vm.ram_bytes /= 2;
	strcpy(vm.name, "web2");
	CHECK(km_plan_is_of(plan, &vm, &err) == -EINVAL && strstr(err.text, "web2"));
}

static void files(bool *ok)
{
	char path[] = "/tmp/plan_file.XXXXXX";
	struct km_err err = { 0 };
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	char *text;

	make();
	text = print();
	fputs(text, f);
	fclose(f);
	CHECK(!km_planfile_read(path, again, &err) && !strcmp(again->vm, plan->vm));
	f = fopen(path, "w");
	fclose(f);
	CHECK(km_planfile_read(path, again, &err) < 0 && strstr(err.text, path));
	remove(path);
	CHECK(km_planfile_read(path, again, &err) == -ENOENT && strstr(err.text, "No such file"));
	CHECK(km_planfile_read("/", again, &err) == -EISDIR);
	CHECK(km_planfile_read("/dev/zero", again, &err) == -EINVAL);
	free(text);
}

static const struct ktap_case cases[] = {
	{ "printed and read, it foretells the same", round_trip },
	{ "for another goal and another link it is rehearsed again", other_goal },
	{ "who says how fast the link is", links },
	{ "CPUs: free ones, and a share of the others", cpus },
	{ "truncated anywhere", truncated },
	{ "one thing is wrong", altered },
	{ "too many regions", too_many },
	{ "whose it is", whose },
	{ "files", files },
};

int main(void)
{
	int rc = 1;

	plan = calloc(1, sizeof(*plan));
	again = calloc(1, sizeof(*again));
	if (plan && again)
		rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	free(plan);
	free(again);
	return rc;
}
