// SPDX-License-Identifier: GPL-2.0
/* Values of an inventory, each checked. */
#include "inventory_priv.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int km_read_fail(struct km_reader *r, const char *key, const char *fmt, ...)
{
	char text[KM_ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return km_err_set(r->err, -EINVAL, "%s%s%s%s%s", r->place, r->place[0] && key ? ": " : "",
			  key ? key : "", r->place[0] || key ? ": " : "", text);
}

int km_read_keys(struct km_reader *r, json_t *o, const char *const *keys)
{
	const char *key;
	json_t *value;

	json_object_foreach(o, key, value) {
		const char *const *k = keys;

		while (*k && strcmp(*k, key))
			k++;
		if (!*k)
			return km_read_fail(r, NULL, "there is no key '%.60s'", key);
	}
	return 0;
}

int km_read_enter(struct km_reader *r, const char *list, size_t i, json_t *o,
		  const char *const *keys, json_t *seen, char **name)
{
	const char *s = json_string_value(json_object_get(o, "name"));

	snprintf(r->place, sizeof(r->place), "%s[%zu]", list, i);
	if (!json_is_object(o))
		return km_read_fail(r, NULL, "not an object");
	if (!s || !*s || strlen(s) >= KM_NAME_MAX)
		return km_read_fail(r, "name", "must be a text of 1 to %d bytes", KM_NAME_MAX - 1);
	snprintf(r->place, sizeof(r->place), "%s[%zu] (%s)", list, i, s);
	if (json_object_get(seen, s))
		return km_read_fail(r, "name", "there is another one of this name");
	*name = strdup(s);
	if (!*name || json_object_set_new(seen, s, json_integer((json_int_t)i)))
		return km_err_set(r->err, -ENOMEM, "out of memory");
	return km_read_keys(r, o, keys);
}

int km_read_number(struct km_reader *r, json_t *o, const char *key, double min, double max,
		   double otherwise, double *v)
{
	json_t *j = json_object_get(o, key);

	if (!j && otherwise >= 0) {
		*v = otherwise;
		return 0;
	}
	if (!j)
		return km_read_fail(r, key, "is missing");
	*v = json_number_value(j);
	if (!json_is_number(j) || !(*v >= min && *v <= max))
		return km_read_fail(r, key, "must be a number from %.15g to %.15g", min, max);
	return 0;
}

int km_read_uint(struct km_reader *r, json_t *o, const char *key, uint64_t min, uint64_t max,
		 double otherwise, uint64_t *v)
{
	double d = 0;
	int rc = km_read_number(r, o, key, (double)min, (double)max, otherwise, &d);

	if (!rc && d != floor(d))
		rc = km_read_fail(r, key, "must be a whole number");
	*v = rc ? 0 : (uint64_t)d;
	return rc;
}

int km_read_list(struct km_reader *r, json_t *o, const char *key, size_t max, json_t **list)
{
	*list = json_object_get(o, key);
	if (!*list)
		return 0;
	if (!json_is_array(*list))
		return km_read_fail(r, key, "must be a list");
	if (json_array_size(*list) > max)
		return km_read_fail(r, key, "has %zu entries; at most %zu are possible",
				    json_array_size(*list), max);
	return 0;
}

static int add(struct km_reader *r, struct km_cpuset *s, const char *key, const char *kind,
	       json_t *name)
{
	const char *text = json_string_value(name);
	int rc;

	if (!text || !*text || strlen(text) >= KM_NAME_MAX)
		return km_read_fail(r, key, "must be a text of 1 to %d bytes", KM_NAME_MAX - 1);
	rc = km_cpuset_add(r->f->cpu, s, kind, text);
	if (rc == -ENOSPC)
		return km_read_fail(r, key, "more than %d different features and labels",
				    KM_CPUFIT_NAMES);
	return rc ? km_err_set(r->err, rc, "out of memory") : 0;
}

static int add_list(struct km_reader *r, struct km_cpuset *s, json_t *o, const char *key,
		    const char *kind)
{
	json_t *list, *name;
	size_t i;
	int rc = km_read_list(r, o, key, KM_CPUFIT_NAMES, &list);

	json_array_foreach(list, i, name)
		if (!rc)
			rc = add(r, s, key, kind, name);
	return rc;
}

static int add_cpu(struct km_reader *r, struct km_cpuset *s, json_t *cpu)
{
	static const char *const keys[] = { "level", "vendor", "features", NULL };
	json_t *level = json_object_get(cpu, "level"), *vendor = json_object_get(cpu, "vendor");
	int rc;

	if (!json_is_object(cpu))
		return km_read_fail(r, "cpu", "must be an object");
	rc = km_read_keys(r, cpu, keys);
	if (!rc && level) {
		const char *name = json_string_value(level);

		rc = km_cpuset_add_level(r->f->cpu, s, name ? name : "");
		if (rc == -ENOENT)
			return km_read_fail(r, "cpu: level", "must be x86-64-v1, -v2, -v3 or -v4");
	}
	if (!rc && vendor)
		rc = add(r, s, "cpu: vendor", "vendor", vendor);
	return rc ? rc : add_list(r, s, cpu, "features", "feature");
}

int km_read_cpu(struct km_reader *r, json_t *o, unsigned int *class)
{
	json_t *cpu = json_object_get(o, "cpu");
	struct km_cpuset *s = km_cpuset_new();
	int rc = s ? 0 : km_err_set(r->err, -ENOMEM, "out of memory");

	if (!rc && cpu)
		rc = add_cpu(r, s, cpu);
	if (!rc)
		rc = add_list(r, s, o, "labels", "label");
	if (!rc) {
		rc = km_cpufit_class(r->f->cpu, s);
		*class = rc < 0 ? 0 : (unsigned int)rc;
		if (rc == -ENOSPC)
			rc = km_read_fail(r, "cpu",
					  "more than %d different sets of features and labels",
					  KM_CPUFIT_CLASSES);
		else if (rc < 0)
			km_err_set(r->err, rc, "out of memory");
	}
	free(s);
	return rc < 0 ? rc : 0;
}

int km_read_host_name(struct km_reader *r, const char *key, json_t *name, uint32_t *host)
{
	const char *text = json_string_value(name);
	json_t *i = text ? json_object_get(r->hosts, text) : NULL;

	if (!text)
		return km_read_fail(r, key, "must be the name of a host");
	if (!i)
		return km_read_fail(r, key, "there is no host '%.100s'", text);
	*host = (uint32_t)json_integer_value(i);
	return 0;
}
