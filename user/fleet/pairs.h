/* SPDX-License-Identifier: GPL-2.0 */
/* How often each pair of two numbers was added: a hash table, as most pairs never are. */
#ifndef KM_PAIRS_H
#define KM_PAIRS_H

#include <stdint.h>

struct km_pairs;

struct km_pairs *km_pairs_new(void); /* NULL: no memory */
void km_pairs_free(struct km_pairs *p);
unsigned int km_pairs_count(const struct km_pairs *p, uint32_t a, uint32_t b);
int km_pairs_add(struct km_pairs *p, uint32_t a, uint32_t b);	  /* -ENOMEM: nothing has changed */
void km_pairs_remove(struct km_pairs *p, uint32_t a, uint32_t b); /* that was added */

#endif
