/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two files of the main channel's parser share.
 *
 *   mainchan.c      the frame: header, configuration, commands, section heads
 *   mainchan_ram.c  inside a RAM section: block list, records, footer
 */
#ifndef KM_MAINCHAN_PRIV_H
#define KM_MAINCHAN_PRIV_H

#include "mainchan.h"

/* migration/savevm.h */
enum {
	VM_SECTION_START = 0x01,
	VM_SECTION_PART = 0x02,
	VM_SECTION_END = 0x03,
	VM_SECTION_FOOTER = 0x7e,
};

typedef int (*step_fn)(struct km_mainchan *m, struct km_err *err);

struct km_mainchan {
	const struct km_mainchan_ops *ops;
	void *ctx;
	/* The next step runs when `need` bytes are in acc. */
	step_fn step;
	size_t have, need;
	bool verbatim;
	bool in_config; /* a configuration subsection may follow */
	bool ram_started;
	uint32_t ram_id;
	uint8_t section;      /* VM_SECTION_* of the RAM section being read */
	uint64_t blocks_left; /* bytes of the block list not named yet */
	uint64_t record;      /* the record being read */
	uint32_t caps_left;
	char block[256]; /* of the last record that named one */
	char sub[256];
	uint8_t acc[4096 + 512];
};

static inline void expect(struct km_mainchan *m, size_t n, step_fn step)
{
	m->have = 0;
	m->need = n;
	m->step = step;
}

/* Keeps what is in acc and asks for n bytes more. */
static inline void expect_more(struct km_mainchan *m, size_t n, step_fn step)
{
	m->need = m->have + n;
	m->step = step;
}

int km_mainchan_emit(struct km_mainchan *m, struct km_err *err);
/* Of an operation: a refusal without words gets some. */
int km_mainchan_result(int rc, struct km_err *err);

/* mainchan.c: the next section's first byte. */
int km_mainchan_type(struct km_mainchan *m, struct km_err *err);
/* mainchan_ram.c: the first 8 bytes of a record; leads to the next section's type. */
int km_mainchan_record(struct km_mainchan *m, struct km_err *err);

#endif
