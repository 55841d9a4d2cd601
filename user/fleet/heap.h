/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers 0 to n-1, of which some have a time; the earliest comes first. */
#ifndef KM_HEAP_H
#define KM_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct km_heap;

struct km_heap *km_heap_new(uint32_t n); /* NULL: no memory */
void km_heap_free(struct km_heap *h);
void km_heap_clear(struct km_heap *h);
/* Sets its time, whether it has one already or not. */
void km_heap_set(struct km_heap *h, uint32_t item, double time);
/* Takes the earliest out, of equal times the lowest number; false: there is none. */
bool km_heap_pop(struct km_heap *h, uint32_t *item, double *time);

#endif
