/* SPDX-License-Identifier: GPL-2.0 */
/* Unaligned loads and stores with a stated byte order: be for QEMU's streams,
 * le for kmigrate's own. */
#ifndef KM_BYTES_H
#define KM_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define KM_LOAD_STORE(name, type, from, to)               \
	static inline type km_get_##name(const void *p)   \
	{                                                 \
		type v;                                   \
		memcpy(&v, p, sizeof(v));                 \
		return from(v);                           \
	}                                                 \
	static inline void km_put_##name(void *p, type v) \
	{                                                 \
		v = to(v);                                \
		memcpy(p, &v, sizeof(v));                 \
	}

KM_LOAD_STORE(be32, uint32_t, be32toh, htobe32)
KM_LOAD_STORE(be64, uint64_t, be64toh, htobe64)
KM_LOAD_STORE(le16, uint16_t, le16toh, htole16)
KM_LOAD_STORE(le32, uint32_t, le32toh, htole32)
KM_LOAD_STORE(le64, uint64_t, le64toh, htole64)

#endif
