// SPDX-License-Identifier: GPL-2.0
/* QEMU's multifd channel: the first 64 bytes, and a packet. */
#include "fuzz.h"
#include "xfer/multifd.h"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const unsigned int pages[] = { 0, 1, 2, KM_MULTIFD_PAGES };
	struct km_multifd_packet p = { .sync = i & 1, .packet_num = i };

	if (i >= sizeof(pages) / sizeof(pages[0]))
		return 0;
	p.npages = pages[i];
	strcpy(p.block, "pc.ram");
	for (unsigned int k = 0; k < p.npages; k++)
		p.offset[k] = (uint64_t)k * 7 * KM_PAGE_SIZE;
	km_multifd_packet_build(buf, &p);
	return KM_MULTIFD_PACKET_BYTES;
}

static void packet(const uint8_t *buf)
{
	struct km_multifd_packet p, again;
	uint8_t rebuilt[KM_MULTIFD_PACKET_BYTES];

	if (km_multifd_packet_parse(buf, &p, NULL))
		return;
	fuzz_accepted++;
	must(p.npages <= KM_MULTIFD_PAGES);
	must(!p.npages || (p.block[0] && memchr(p.block, '\0', sizeof(p.block))));
	for (unsigned int i = 0; i < p.npages; i++)
		must(p.offset[i] % KM_PAGE_SIZE == 0);

	/* What was understood can be said again, and means the same. */
	km_multifd_packet_build(rebuilt, &p);
	must(!km_multifd_packet_parse(rebuilt, &again, NULL));
	must(again.sync == p.sync && again.npages == p.npages && again.packet_num == p.packet_num);
	must(!strcmp(again.block, p.block));
	must(!memcmp(again.offset, p.offset, p.npages * sizeof(p.offset[0])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *buf = calloc(1, KM_MULTIFD_PACKET_BYTES);
	struct km_multifd_init init;
	struct km_err err = { 0 };

	if (len)
		memcpy(buf, data, len < KM_MULTIFD_PACKET_BYTES ? len : KM_MULTIFD_PACKET_BYTES);
	packet(buf);
	buf = realloc(buf, KM_MULTIFD_INIT_BYTES);
	if (km_multifd_init_parse(buf, &init, &err))
		must(err.text[0] && err.code < 0);
	free(buf);
	return 0;
}
