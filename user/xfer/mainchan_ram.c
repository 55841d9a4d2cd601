// SPDX-License-Identifier: GPL-2.0
/* Inside a RAM section of the main channel (migration/ram.c). */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "mainchan_priv.h"

/* migration/ram.c, RAM_SAVE_FLAG_*; the low 12 bits of a record's address. */
enum {
	F_ZERO = 0x02,
	F_MEM_SIZE = 0x04,
	F_PAGE = 0x08,
	F_EOS = 0x10,
	F_CONTINUE = 0x20,
};

/* ---- the block list of RAM START; emitted entry by entry ---- */

static int step_block_len(struct km_mainchan *m, struct km_err *err);

static int step_block(struct km_mainchan *m, struct km_err *err)
{
	char name[256];
	size_t len = m->acc[0];
	uint64_t used = km_get_be64(m->acc + 1 + len);
	int rc;

	memcpy(name, m->acc + 1, len);
	name[len] = '\0';
	if (strlen(name) != len || !used || used % KM_PAGE_SIZE || used > m->blocks_left)
		return km_err_set(err, -EPROTO, "main channel: RAMBlock \"%s\" of %#llx bytes",
				  name, (unsigned long long)used);
	rc = km_mainchan_result(m->ops->block(m->ctx, name, used), err);
	if (!rc)
		rc = km_mainchan_emit(m, err);
	m->blocks_left -= used;
	if (m->blocks_left)
		expect(m, 1, step_block_len);
	else
		expect(m, 8, km_mainchan_record);
	return rc;
}

static int step_block_len(struct km_mainchan *m, struct km_err *err)
{
	if (!m->acc[0])
		return km_err_set(err, -EPROTO, "main channel: RAMBlock without a name");
	expect_more(m, m->acc[0] + 8u, step_block);
	return 0;
}

/* ---- RAM records ---- */

static int step_footer(struct km_mainchan *m, struct km_err *err)
{
	int rc = 0;

	if (m->acc[0] != VM_SECTION_FOOTER || km_get_be32(m->acc + 1) != m->ram_id)
		return km_err_set(err, -EPROTO, "main channel: RAM section without its footer");
	if (m->section != VM_SECTION_PART)
		rc = km_mainchan_emit(m, err);
	if (m->section == VM_SECTION_END)
		m->verbatim = true;
	else
		expect(m, 1, km_mainchan_type);
	return rc;
}

static int record_eos(struct km_mainchan *m, struct km_err *err)
{
	int rc = km_mainchan_result(m->ops->eos(m->ctx, m->section == VM_SECTION_END), err);

	if (rc)
		return rc;
	if (m->section != VM_SECTION_PART)
		rc = km_mainchan_emit(m, err);
	expect(m, 5, step_footer);
	return rc;
}

static int step_page_data(struct km_mainchan *m, struct km_err *err)
{
	uint64_t offset = m->record & ~0xfffull;
	const uint8_t *data = m->acc;

	if (m->record & F_ZERO) {
		/* The fill byte has been 0 since QEMU 1.x; another one is no
		 * zero page. */
		if (m->acc[0])
			return km_err_set(err, -ENOTSUP, "main channel: page filled with %#x",
					  m->acc[0]);
		data = NULL;
	}
	expect(m, 8, km_mainchan_record);
	return km_mainchan_result(m->ops->page(m->ctx, m->block, offset, data), err);
}

static void expect_page_data(struct km_mainchan *m)
{
	expect(m, m->record & F_ZERO ? 1 : KM_PAGE_SIZE, step_page_data);
}

static int step_name(struct km_mainchan *m, struct km_err *err)
{
	memcpy(m->block, m->acc, m->have);
	m->block[m->have] = '\0';
	if (strlen(m->block) != m->have)
		return km_err_set(err, -EPROTO, "main channel: RAMBlock name with a NUL");
	expect_page_data(m);
	return 0;
}

static int step_name_len(struct km_mainchan *m, struct km_err *err)
{
	if (!m->acc[0])
		return km_err_set(err, -EPROTO, "main channel: RAMBlock without a name");
	expect(m, m->acc[0], step_name);
	return 0;
}

int km_mainchan_record(struct km_mainchan *m, struct km_err *err)
{
	unsigned int flags;
	int rc;

	m->record = km_get_be64(m->acc);
	flags = m->record & 0xfff;
	switch (flags) {
	case F_EOS:
		return record_eos(m, err);
	case F_MEM_SIZE:
		if (m->section != VM_SECTION_START)
			break;
		m->blocks_left = m->record & ~0xfffull;
		rc = km_mainchan_emit(m, err);
		if (m->blocks_left)
			expect(m, 1, step_block_len);
		else
			expect(m, 8, km_mainchan_record);
		return rc;
	case F_ZERO:
	case F_PAGE:
		expect(m, 1, step_name_len);
		return 0;
	case F_ZERO | F_CONTINUE:
	case F_PAGE | F_CONTINUE:
		if (!m->block[0])
			break;
		expect_page_data(m);
		return 0;
	}
	return km_err_set(err, -ENOTSUP, "main channel: RAM record with flags %#x", flags);
}
