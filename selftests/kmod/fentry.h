/* SPDX-License-Identifier: GPL-2.0 */
/* A BPF program that counts the calls of a function of a module, by its first instruction. */
#ifndef KMOD_FENTRY_H
#define KMOD_FENTRY_H

#include <stdint.h>

struct fentry {
	int map, prog, link;		/* -1: none */
};

/*
 * A negative errno if not 0: -ENOENT if the kernel has no BTF of the function, -EBUSY if the
 * function is taken.
 */
int fentry_open(struct fentry *fentry, const char *module, const char *function);
uint64_t fentry_calls(const struct fentry *fentry);
void fentry_close(struct fentry *fentry);

#endif
