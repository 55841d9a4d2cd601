// SPDX-License-Identifier: GPL-2.0
/* The frame of the main channel (migration/savevm.c); mainchan_priv.h says what is where. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bytes.h"
#include "mainchan_priv.h"

/* migration/savevm.h */
enum {
	FILE_MAGIC = 0x5145564d,
	FILE_VERSION = 3,
	VM_SUBSECTION = 0x05,
	VM_CONFIGURATION = 0x07,
	VM_COMMAND = 0x08,
	CMD_OPEN_RETURN_PATH = 1,
	CMD_PING = 2,
	RAM_VERSION = 4,
};

int km_mainchan_emit(struct km_mainchan *m, struct km_err *err)
{
	int rc = m->ops->emit(m->ctx, m->acc, m->have);

	return rc ? km_err_set(err, rc, "main channel: the destination's side is gone") : 0;
}

int km_mainchan_result(int rc, struct km_err *err)
{
	if (rc && err && !err->text[0])
		km_err_set(err, rc, "main channel: a record was not accepted: %s", strerror(-rc));
	return rc;
}

/* ---- section heads ---- */

static int step_ram_id(struct km_mainchan *m, struct km_err *err)
{
	int rc = 0;

	if (!m->ram_started || km_get_be32(m->acc + 1) != m->ram_id)
		return km_err_set(err, -ENOTSUP, "main channel: section %u is not RAM's",
				  km_get_be32(m->acc + 1));
	m->section = m->acc[0];
	if (m->section != VM_SECTION_PART)
		rc = km_mainchan_emit(m, err);
	expect(m, 8, km_mainchan_record);
	return rc;
}

static int step_start(struct km_mainchan *m, struct km_err *err)
{
	const uint8_t *name = m->acc + 6;
	uint8_t len = m->acc[5];
	int rc;

	if (len != 3 || memcmp(name, "ram", 3))
		return km_err_set(err, -ENOTSUP,
				  "the guest has state the relay can't move: section \"%.*s\"; use "
				  "--engine qemu",
				  len, (const char *)name);
	if (km_get_be32(name + len + 4) != RAM_VERSION || m->ram_started)
		return km_err_set(err, -ENOTSUP, "main channel: RAM section of version %u",
				  km_get_be32(name + len + 4));
	m->ram_started = true;
	m->ram_id = km_get_be32(m->acc + 1);
	m->section = VM_SECTION_START;
	rc = km_mainchan_emit(m, err);
	expect(m, 8, km_mainchan_record);
	return rc;
}

static int step_start_len(struct km_mainchan *m, struct km_err *err)
{
	(void)err;
	expect_more(m, m->acc[5] + 8u, step_start);
	return 0;
}

static int step_command_data(struct km_mainchan *m, struct km_err *err)
{
	int rc = km_mainchan_emit(m, err);

	expect(m, 1, km_mainchan_type);
	return rc;
}

static int step_command(struct km_mainchan *m, struct km_err *err)
{
	unsigned int cmd = (unsigned int)m->acc[1] << 8 | m->acc[2];
	unsigned int len = (unsigned int)m->acc[3] << 8 | m->acc[4];

	if ((cmd != CMD_OPEN_RETURN_PATH && cmd != CMD_PING) || len > 64)
		return km_err_set(err, -ENOTSUP, "main channel: command %u of %u bytes", cmd, len);
	if (!len)
		return step_command_data(m, err);
	expect_more(m, len, step_command_data);
	return 0;
}

/* ---- configuration (vmstate_configuration and its three subsections) ---- */

static int config_done(struct km_mainchan *m, struct km_err *err)
{
	int rc = km_mainchan_emit(m, err);

	m->in_config = true;
	expect(m, 1, km_mainchan_type);
	return rc;
}

static int step_cap_len(struct km_mainchan *m, struct km_err *err)
{
	if (!m->caps_left--)
		return km_err_set(err, -EPROTO, "main channel: capability count");
	if (!m->acc[m->have - 1] || m->have > 2048)
		return km_err_set(err, -EPROTO, "main channel: capability without a name");
	if (m->caps_left)
		expect_more(m, m->acc[m->have - 1] + 1u, step_cap_len);
	else
		expect_more(m, m->acc[m->have - 1], config_done);
	return 0;
}

static int step_caps(struct km_mainchan *m, struct km_err *err)
{
	m->caps_left = km_get_be32(m->acc + m->have - 4);
	if (m->caps_left > 64)
		return km_err_set(err, -EPROTO, "main channel: %u capabilities", m->caps_left);
	if (!m->caps_left)
		return config_done(m, err);
	expect_more(m, 1, step_cap_len);
	return 0;
}

static int step_sub_name(struct km_mainchan *m, struct km_err *err)
{
	size_t len = m->acc[1];

	memcpy(m->sub, m->acc + 2, len);
	m->sub[len] = '\0';
	if (!strcmp(m->sub, "configuration/target-page-bits"))
		expect_more(m, 4, config_done);
	else if (!strcmp(m->sub, "configuration/capabilities"))
		expect_more(m, 4, step_caps);
	else if (!strcmp(m->sub, "configuration/uuid"))
		expect_more(m, 16, config_done);
	else
		return km_err_set(err, -ENOTSUP, "main channel: subsection \"%s\"", m->sub);
	return 0;
}

static int step_sub_len(struct km_mainchan *m, struct km_err *err)
{
	(void)err;
	expect_more(m, m->acc[1] + 4u, step_sub_name);
	return 0;
}

static int step_config(struct km_mainchan *m, struct km_err *err)
{
	uint32_t len = km_get_be32(m->acc + 1);

	if (!len || len > 255)
		return km_err_set(err, -EPROTO, "main channel: machine name of %u bytes", len);
	expect_more(m, len, config_done);
	return 0;
}

int km_mainchan_type(struct km_mainchan *m, struct km_err *err)
{
	uint8_t type = m->acc[0];
	bool in_config = m->in_config;

	m->in_config = false;
	switch (type) {
	case VM_SECTION_START:
		expect_more(m, 5, step_start_len);
		return 0;
	case VM_SECTION_PART:
	case VM_SECTION_END:
		expect_more(m, 4, step_ram_id);
		return 0;
	case VM_COMMAND:
		expect_more(m, 4, step_command);
		return 0;
	case VM_CONFIGURATION:
		if (m->ram_started || in_config)
			break;
		expect_more(m, 4, step_config);
		return 0;
	case VM_SUBSECTION:
		if (!in_config)
			break;
		expect_more(m, 1, step_sub_len);
		return 0;
	}
	return km_err_set(err, -ENOTSUP, "main channel: section of type %#x before RAM's end",
			  type);
}

static int step_header(struct km_mainchan *m, struct km_err *err)
{
	int rc;

	if (km_get_be32(m->acc) != FILE_MAGIC || km_get_be32(m->acc + 4) != FILE_VERSION)
		return km_err_set(err, -EPROTO, "main channel: not a QEMU migration stream");
	rc = km_mainchan_emit(m, err);
	expect(m, 1, km_mainchan_type);
	return rc;
}

/* ---- public ---- */

struct km_mainchan *km_mainchan_new(const struct km_mainchan_ops *ops, void *ctx)
{
	struct km_mainchan *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ops = ops;
	m->ctx = ctx;
	expect(m, 8, step_header);
	return m;
}

void km_mainchan_free(struct km_mainchan *m)
{
	free(m);
}

bool km_mainchan_verbatim(const struct km_mainchan *m)
{
	return m->verbatim;
}

int km_mainchan_feed(struct km_mainchan *m, const uint8_t *buf, size_t len, struct km_err *err)
{
	while (len) {
		size_t n;
		int rc;

		if (m->verbatim)
			return km_mainchan_result(m->ops->emit(m->ctx, buf, len), err);
		n = m->need - m->have;
		if (n > len)
			n = len;
		memcpy(m->acc + m->have, buf, n);
		m->have += n;
		buf += n;
		len -= n;
		if (m->have < m->need)
			return 0;
		rc = m->step(m, err);
		if (rc)
			return rc;
	}
	return 0;
}
