// SPDX-License-Identifier: GPL-2.0
#include "retpath.h"

#include <errno.h>
#include <string.h>

/* MIG_RP_MSG_SHUT; MIG_RP_MSG_MAX is below 16 in every QEMU up to 10. */
enum { RP_SHUT = 1, RP_MAX = 16 };

static unsigned int be16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

int km_retpath_feed(struct km_retpath *r, const uint8_t *buf, size_t len, uint8_t *out,
		    size_t *pass, struct km_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (r->shut) {
			if (r->nheld == sizeof(r->held))
				return km_err_set(err, -EPROTO, "return path: bytes after SHUT");
			r->held[r->nheld++] = buf[i];
		} else if (r->left) {
			out[n++] = buf[i];
			r->left--;
		} else {
			r->head[r->nhead++] = buf[i];
			if (r->nhead < sizeof(r->head))
				continue;
			r->nhead = 0;
			if (!be16(r->head) || be16(r->head) >= RP_MAX)
				return km_err_set(err, -EPROTO, "return path: message of type %u",
						  be16(r->head));
			r->left = be16(r->head + 2);
			r->shut = be16(r->head) == RP_SHUT;
			memcpy(r->shut ? r->held : out + n, r->head, sizeof(r->head));
			if (r->shut)
				r->nheld = sizeof(r->head);
			else
				n += sizeof(r->head);
		}
	}
	*pass = n;
	return 0;
}
