/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of allow.h. */
#ifndef KM_ALLOW_PRIV_H
#define KM_ALLOW_PRIV_H

#include <stdbool.h>
#include "allow.h"

enum km_allow_kind { KM_ALLOW_EXE, KM_ALLOW_OPTION, KM_ALLOW_PATH, KM_ALLOW_RUN, KM_ALLOW_KINDS };

struct km_allow_rule {
	enum km_allow_kind kind;
	bool forbids;
	char *pattern;
};

struct km_allow {
	unsigned int n;
	struct km_allow_rule *rule;
};

bool km_allow_has(const struct km_allow *a, enum km_allow_kind kind, const char *text);

#endif
