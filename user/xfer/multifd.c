// SPDX-License-Identifier: GPL-2.0
#include "multifd.h"

#include <errno.h>
#include <string.h>
#include "bytes.h"

#define MAGIC	0x11223344u
#define VERSION 1u

/* Byte positions in MultiFDPacket_t. */
enum {
	P_MAGIC = 0,
	P_VERSION = 4,
	P_FLAGS = 8,
	P_PAGES_ALLOC = 12,
	P_NORMAL = 16,
	P_NEXT_SIZE = 20,
	P_NUM = 24,
	P_ZERO_PAGES = 32, /* unused32[0] before 9.0 */
	P_BLOCK = 64,
	P_OFFSETS = 320,
};

static int check_magic(const uint8_t *buf, struct km_err *err)
{
	if (km_get_be32(buf) != MAGIC)
		return km_err_set(err, -EPROTO, "multifd: magic %08x, expected %08x",
				  km_get_be32(buf), MAGIC);
	if (km_get_be32(buf + 4) != VERSION)
		return km_err_set(err, -EPROTO, "multifd: version %u, expected %u",
				  km_get_be32(buf + 4), VERSION);
	return 0;
}

int km_multifd_init_parse(const uint8_t *buf, struct km_multifd_init *init, struct km_err *err)
{
	int rc = check_magic(buf, err);

	if (rc)
		return rc;
	memcpy(init->uuid, buf + 8, sizeof(init->uuid));
	init->id = buf[24];
	return 0;
}

void km_multifd_init_build(uint8_t *buf, const struct km_multifd_init *init)
{
	memset(buf, 0, KM_MULTIFD_INIT_BYTES);
	km_put_be32(buf, MAGIC);
	km_put_be32(buf + 4, VERSION);
	memcpy(buf + 8, init->uuid, sizeof(init->uuid));
	buf[24] = init->id;
}

int km_multifd_packet_parse(const uint8_t *buf, struct km_multifd_packet *p, struct km_err *err)
{
	uint32_t flags, alloc, normal, zero;
	int rc = check_magic(buf, err);

	if (rc)
		return rc;
	flags = km_get_be32(buf + P_FLAGS);
	alloc = km_get_be32(buf + P_PAGES_ALLOC);
	normal = km_get_be32(buf + P_NORMAL);
	zero = km_get_be32(buf + P_ZERO_PAGES);
	if (flags & ~KM_MULTIFD_SYNC)
		return km_err_set(err, -ENOTSUP, "multifd: flags %#x are not understood", flags);
	if (zero)
		return km_err_set(err, -ENOTSUP, "multifd: zero pages in packets (QEMU 9.0)");
	if (alloc > KM_MULTIFD_PAGES || normal > alloc)
		return km_err_set(err, -EPROTO, "multifd: %u of %u pages, at most %u", normal,
				  alloc, KM_MULTIFD_PAGES);

	p->sync = flags & KM_MULTIFD_SYNC;
	p->npages = normal;
	p->packet_num = km_get_be64(buf + P_NUM);
	p->block[0] = '\0';
	if (!normal)
		return 0;

	/* next_packet_size is stale in empty packets before QEMU 8.2, so it is
	 * only held against the count where there is a payload. */
	if (km_get_be32(buf + P_NEXT_SIZE) != normal * KM_PAGE_SIZE)
		return km_err_set(err, -ENOTSUP, "multifd: %u bytes for %u pages",
				  km_get_be32(buf + P_NEXT_SIZE), normal);
	memcpy(p->block, buf + P_BLOCK, sizeof(p->block));
	if (!p->block[0] || !memchr(p->block, '\0', sizeof(p->block)))
		return km_err_set(err, -EPROTO, "multifd: RAMBlock name is empty or endless");
	for (unsigned int i = 0; i < normal; i++) {
		p->offset[i] = km_get_be64(buf + P_OFFSETS + 8 * i);
		if (p->offset[i] % KM_PAGE_SIZE)
			return km_err_set(err, -EPROTO, "multifd: offset %#llx is not a page's",
					  (unsigned long long)p->offset[i]);
	}
	return 0;
}

void km_multifd_packet_build(uint8_t *buf, const struct km_multifd_packet *p)
{
	memset(buf, 0, KM_MULTIFD_PACKET_BYTES);
	km_put_be32(buf + P_MAGIC, MAGIC);
	km_put_be32(buf + P_VERSION, VERSION);
	km_put_be32(buf + P_FLAGS, p->sync ? KM_MULTIFD_SYNC : 0);
	km_put_be32(buf + P_PAGES_ALLOC, KM_MULTIFD_PAGES);
	km_put_be32(buf + P_NORMAL, p->npages);
	km_put_be32(buf + P_NEXT_SIZE, p->npages * KM_PAGE_SIZE);
	km_put_be64(buf + P_NUM, p->packet_num);
	if (!p->npages)
		return;
	memcpy(buf + P_BLOCK, p->block, strnlen(p->block, sizeof(p->block) - 1));
	for (unsigned int i = 0; i < p->npages; i++)
		km_put_be64(buf + P_OFFSETS + 8 * i, p->offset[i]);
}
