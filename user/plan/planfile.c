// SPDX-License-Identifier: GPL-2.0
#include "planfile.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "../textfile.h"

#define MAKE_ONE "`kmigrate plan --vm GUEST --json` makes them"

/* More than any guest has, and little enough that sums of KM_REH_REGIONS_MAX don't overflow. */
#define PAGES_MAX  ((json_int_t)1 << 40)
#define WRITES_MAX 1e12
#define RATIO_MAX  1.1 /* zstd may make a page a little larger */
#define LINK_MIN   1e3
#define LINK_MAX   1e13
#define COST_MAX   1e9 /* ns: a second for a page */
#define CPUS_MIN   0.01
#define CPUS_MAX   1e5

static bool in(double v, double min, double max)
{
	return v >= min && v <= max;
}

static int read_region(json_t *j, size_t i, struct km_reh_region *r, struct km_err *err)
{
	json_int_t pages, write_bytes;
	json_error_t why;
	int in_turn;

	if (json_unpack_ex(j, &why, 0, "{s:I, s:F, s:F, s:F, s:b, s:I}", "pages", &pages, "zero",
			   &r->zero, "ratio", &r->ratio, "writes_per_s", &r->writes_per_s,
			   "in_turn", &in_turn, "write_bytes", &write_bytes))
		return km_err_set(err, -EINVAL, "guest[%zu]: %.200s", i, why.text);
	if (pages < 1 || pages > PAGES_MAX || !in(r->zero, 0, 1) || !in(r->ratio, 0, RATIO_MAX) ||
	    !in(r->writes_per_s, 0, WRITES_MAX) || write_bytes < 1 || write_bytes > KM_PAGE_SIZE)
		return km_err_set(err, -EINVAL, "guest[%zu]: a number is out of its range", i);
	r->pages = (uint64_t)pages;
	r->in_turn = in_turn;
	r->write_bytes = (unsigned int)write_bytes;
	return 0;
}

static int read_guest(json_t *list, struct km_reh_guest *g, struct km_err *err)
{
	size_t n = json_array_size(list);
	int rc = 0;

	if (!n || n > KM_REH_REGIONS_MAX)
		return km_err_set(err, -EINVAL, "guest: must be a list of 1 to %d regions",
				  KM_REH_REGIONS_MAX);
	for (size_t i = 0; !rc && i < n; i++)
		rc = read_region(json_array_get(list, i), i, &g->region[i], err);
	g->regions = (unsigned int)n;
	return rc;
}

static int read_costs(json_t *j, struct km_costs *c, struct km_err *err)
{
	for (size_t i = 0; i < KM_COSTS; i++) {
		json_t *v = json_object_get(j, km_cost_name(i));

		*km_cost(c, i) = json_is_number(v) ? json_number_value(v) : -1;
		if (!in(*km_cost(c, i), 0, COST_MAX))
			return km_err_set(err, -EINVAL, "costs.%s: must be 0 to %.0f ns",
					  km_cost_name(i), COST_MAX);
	}
	return 0;
}

static int copy(const char *key, const char *from, char *to, size_t size, struct km_err *err)
{
	if (strlen(from) >= size)
		return km_err_set(err, -EINVAL, "%s: has more than %zu bytes", key, size - 1);
	memcpy(to, from, strlen(from) + 1);
	return 0;
}

static int read_plan(json_t *j, struct km_plan *p, struct km_err *err)
{
	const char *vm, *uuid = "";
	json_int_t ram, taken, cpus;
	json_t *guest, *uuid_j, *costs;
	json_error_t why;
	int rc;

	if (json_unpack_ex(j, &why, 0, "{s:s, s:o, s:I, s:I, s:F, s:o, s:F, s:o, s:I}", "vm", &vm,
			   "uuid", &uuid_j, "ram_bytes", &ram, "taken_s", &taken,
			   "link_bytes_per_s", &p->link_bytes_per_s, "guest", &guest, "cpus_free",
			   &p->cpus_free, "costs", &costs, "cpus", &cpus))
		return km_err_set(err, -EINVAL, "not as kmigrate prints it: %.200s", why.text);
	if (!in(p->cpus_free, CPUS_MIN, CPUS_MAX))
		return km_err_set(err, -EINVAL, "cpus_free: is out of its range");
	if (cpus < 0 || (double)cpus > CPUS_MAX)
		return km_err_set(err, -EINVAL, "cpus: is out of its range");
	p->cpus = (unsigned int)cpus;
	if (ram < 0 || taken < 0 || !in(p->link_bytes_per_s, LINK_MIN, LINK_MAX) ||
	    !(json_is_null(uuid_j) || json_is_string(uuid_j)))
		return km_err_set(
			err, -EINVAL,
			"uuid, ram_bytes, taken_s or link_bytes_per_s is out of its range");
	p->ram_bytes = (uint64_t)ram;
	p->taken_s = taken;
	if (json_is_string(uuid_j))
		uuid = json_string_value(uuid_j);
	rc = copy("vm", vm, p->vm, sizeof(p->vm), err);
	if (!rc)
		rc = copy("uuid", uuid, p->uuid, sizeof(p->uuid), err);
	if (!rc)
		rc = read_costs(costs, &p->survey.costs, err);
	return rc ? rc : read_guest(guest, &p->survey.guest, err);
}

int km_planfile_parse(const char *text, size_t len, struct km_plan *p, struct km_err *err)
{
	json_error_t at;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
	json_t *version = json_object_get(j, "kmigrate_plan");
	int rc;

	memset(p, 0, sizeof(*p));
	if (!j)
		rc = km_err_set(err, -EINVAL, "not JSON, or not all of it: line %d: %s", at.line,
				at.text);
	else if (!json_is_integer(version))
		rc = km_err_set(err, -EINVAL, "not a plan for a guest: " MAKE_ONE);
	else if (json_integer_value(version) != KM_PLANFILE_VERSION)
		rc = km_err_set(err, -EINVAL,
				"a plan of version %" JSON_INTEGER_FORMAT
				", and this kmigrate knows %d: make another one",
				json_integer_value(version), KM_PLANFILE_VERSION);
	else
		rc = read_plan(j, p, err);
	json_decref(j);
	return rc;
}

int km_planfile_read(const char *path, struct km_plan *p, struct km_err *err)
{
	struct km_err why = { 0 };
	char *text;
	size_t len;
	int rc = km_textfile_read(path, KM_PLANFILE_MAX, &text, &len, &why);

	if (!rc)
		rc = km_planfile_parse(text, len, p, &why);
	free(text);
	return rc ? km_err_set(err, rc, "%.200s: %.280s", path, why.text) : 0;
}

int km_plan_is_of(const struct km_plan *p, const struct km_vm *vm, struct km_err *err)
{
	bool other_uuid = p->uuid[0] && vm->uuid[0] && strcmp(p->uuid, vm->uuid);

	if (!strcmp(p->vm, vm->name) && !other_uuid && p->ram_bytes == vm->ram_bytes)
		return 0;
	return km_err_set(err, -EINVAL,
			  "the plan is of a guest %.100s with %" PRIu64
			  " MiB of RAM%s, and this is %.100s with %" PRIu64
			  " MiB: make another one",
			  p->vm, p->ram_bytes >> 20, other_uuid ? " and another UUID" : "",
			  vm->name, vm->ram_bytes >> 20);
}
