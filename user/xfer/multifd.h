/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's multifd channel format (migration/multifd.c, MultiFDInit_t and
 * MultiFDPacket_t; big-endian).  Pure: bytes in, structures out.
 *
 * Foreign bytes: every count and offset is checked here (I6); whether a block
 * and an offset exist in this guest is the ledger's question.
 */
#ifndef KM_MULTIFD_H
#define KM_MULTIFD_H

#include <stddef.h>
#include "../model.h"

#define KM_MULTIFD_INIT_BYTES	64
#define KM_MULTIFD_PAGES	128  /* MULTIFD_PACKET_SIZE / 4096 */
#define KM_MULTIFD_PACKET_BYTES 1344 /* 320 + 8 * KM_MULTIFD_PAGES */
#define KM_MULTIFD_SYNC		1u   /* MULTIFD_FLAG_SYNC */

struct km_multifd_init {
	uint8_t uuid[16];
	uint8_t id;
};

struct km_multifd_packet {
	bool sync;
	unsigned int npages; /* pages whose payload follows, npages * 4096 bytes */
	uint64_t packet_num;
	char block[256]; /* set when npages > 0 */
	uint64_t offset[KM_MULTIFD_PAGES];
};

int km_multifd_init_parse(const uint8_t *buf, struct km_multifd_init *init, struct km_err *err);
void km_multifd_init_build(uint8_t *buf, const struct km_multifd_init *init);

/* buf holds KM_MULTIFD_PACKET_BYTES. -EPROTO with what is wrong; -ENOTSUP for
 * what is legal in newer QEMUs and not served here (compression, zero pages). */
int km_multifd_packet_parse(const uint8_t *buf, struct km_multifd_packet *p, struct km_err *err);
void km_multifd_packet_build(uint8_t *buf, const struct km_multifd_packet *p);

#endif
