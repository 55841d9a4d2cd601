/* SPDX-License-Identifier: GPL-2.0 */
/* Where a guest is to go, as --to says it. Pure. */
#ifndef KM_DESTINATION_H
#define KM_DESTINATION_H

#define KM_DESTINATION_PORT  "4777"
#define KM_DESTINATION_FORMS "HOST, HOST:PORT, [ADDRESS]:PORT or ssh://[USER@]HOST"

struct km_destination {
	char host[256];
	char port[32];		/* where `kmigrate receive` listens; of no use by ssh */
	const char *ssh_target; /* [USER@]HOST, in the text that was parsed; NULL: not by ssh */
};

/* An address with colons takes brackets if a port follows.  -EINVAL: it is none of
 * KM_DESTINATION_FORMS, or too long. */
int km_destination_parse(const char *to, struct km_destination *d);

#endif
