/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files that read an inventory. */
#ifndef KM_INVENTORY_PRIV_H
#define KM_INVENTORY_PRIV_H

#include <jansson.h>
#include "inventory.h"

struct km_reader {
	struct km_fleet *f;
	struct km_err *err;
	char place[256];	      /* "vms[17] (web3)" */
	json_t *hosts, *vms, *groups; /* name: index */
};

#define KM_NO_DEFAULT (-1.0)

int km_read_fail(struct km_reader *r, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Where we are: an element of a list of objects, and its name, which it must have and which
 * nobody in @seen may have; keys ends with NULL. */
int km_read_enter(struct km_reader *r, const char *list, size_t i, json_t *o,
		  const char *const *keys, json_t *seen, char **name);
int km_read_keys(struct km_reader *r, json_t *o, const char *const *keys);
int km_read_number(struct km_reader *r, json_t *o, const char *key, double min, double max,
		   double otherwise, double *v);
int km_read_uint(struct km_reader *r, json_t *o, const char *key, uint64_t min, uint64_t max,
		 double otherwise, uint64_t *v);
/* Up to max entries; *list is NULL when there is none. */
int km_read_list(struct km_reader *r, json_t *o, const char *key, size_t max, json_t **list);
/* "cpu" and "labels". */
int km_read_cpu(struct km_reader *r, json_t *o, unsigned int *class);
/* In a list of names of hosts. */
int km_read_host_name(struct km_reader *r, const char *key, json_t *name, uint32_t *host);

int km_read_vms(struct km_reader *r, json_t *list);

#endif
