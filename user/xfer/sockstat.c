// SPDX-License-Identifier: GPL-2.0
#include "sockstat.h"

/* Not netinet/tcp.h: its struct ends before bytes_acked (kernel 4.1), and both can't be had. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct km_sockstat km_sockstat(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return (struct km_sockstat){ 0 };
	return (struct km_sockstat){
		.carried_bytes = info.tcpi_bytes_acked,
		.more = info.tcpi_unacked || info.tcpi_notsent_bytes,
		.queued = info.tcpi_notsent_bytes,
		.rtt_ms = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt / 1e3,
	};
}
