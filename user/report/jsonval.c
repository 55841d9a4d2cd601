// SPDX-License-Identifier: GPL-2.0
#include "jsonval.h"

#include <stdlib.h>
#include <string.h>

json_t *km_j_text(const char *s)
{
	json_t *j = json_string(s);
	char *copy;

	if (j)
		return j;
	copy = strdup(s);
	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	j = copy ? json_string(copy) : NULL;
	free(copy);
	return j ? j : json_null();
}

json_t *km_j_text_or_null(const char *s)
{
	return *s ? km_j_text(s) : json_null();
}

json_t *km_j_number(uint64_t v)
{
	return json_integer((json_int_t)(v > INT64_MAX ? INT64_MAX : v));
}

json_t *km_j_real(double v)
{
	json_t *j = json_real(v);

	return j ? j : json_null();
}

void km_j_put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}
