// SPDX-License-Identifier: GPL-2.0
/* The interfaces, by ethtool's ioctls (linux/ethtool.h). */
#include <dirent.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "facts.h"
#include "nic.h"
#include "sysfile.h"

static bool ask(int fd, const char *name, void *what)
{
	struct ifreq r = { .ifr_data = what };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return !ioctl(fd, SIOCETHTOOL, &r);
}

static enum km_tri ask_flag(int fd, const char *name, uint32_t cmd)
{
	struct ethtool_value v = { .cmd = cmd };

	if (!ask(fd, name, &v))
		return KM_UNKNOWN;
	return v.data ? KM_YES : KM_NO;
}

static uint32_t ask_queues(int fd, const char *name)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_GCHANNELS };

	if (!ask(fd, name, &c))
		return 0;
	if (c.combined_count)
		return c.combined_count;
	return c.rx_count < c.tx_count ? c.rx_count : c.tx_count;
}

/* infiniband/mlx5_0 below the device: verbs work on it. */
static enum km_tri has_rdma(const char *name)
{
	if (!km_sys_there("/sys/class/net/%s/device", name))
		return KM_NO;
	return km_sys_there("/sys/class/net/%s/device/infiniband", name) ? KM_YES : KM_NO;
}

static void read_nic(int fd, const char *name, struct km_rec_nic *n)
{
	struct ethtool_drvinfo drv = { .cmd = ETHTOOL_GDRVINFO };
	char state[16];
	struct km_nic seen;
	uint64_t v = 0;

	snprintf(n->name, sizeof(n->name), "%.15s", name);
	if (ask(fd, name, &drv))
		snprintf(n->driver, sizeof(n->driver), "%.31s", drv.driver);
	km_nic_read("/sys", name, &seen);
	n->node = seen.node;
	n->bit_per_s = seen.bit_per_s;
	if (km_sys_text(state, sizeof(state), "/sys/class/net/%s/operstate", name) &&
	    strcmp(state, "unknown"))
		n->up = strcmp(state, "up") ? KM_NO : KM_YES;
	if (km_sys_number(&v, "/sys/class/net/%s/mtu", name))
		n->mtu = (uint32_t)v;
	n->queues = ask_queues(fd, name);
	n->tso = ask_flag(fd, name, ETHTOOL_GTSO);
	n->gso = ask_flag(fd, name, ETHTOOL_GGSO);
	n->gro = ask_flag(fd, name, ETHTOOL_GGRO);
	n->tx_csum = ask_flag(fd, name, ETHTOOL_GTXCSUM);
	n->rx_csum = ask_flag(fd, name, ETHTOOL_GRXCSUM);
	n->rdma = has_rdma(name);
}

/* The kernel knows the path's MTU from packets that were too large for it; without any it is
 * the device's or the route's (ip(7), IP_MTU). */
static uint32_t path_mtu(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *a = NULL;
	socklen_t len = sizeof(int);
	int fd = -1, mtu = 0;

	if (getaddrinfo(host, "9", &hints, &a)) /* any port: nothing is sent */
		return 0;
	fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, a->ai_addr, a->ai_addrlen) &&
	    getsockopt(fd, a->ai_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
		       a->ai_family == AF_INET6 ? IPV6_MTU : IP_MTU, &mtu, &len))
		mtu = 0;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(a);
	return mtu > 0 ? (uint32_t)mtu : 0;
}

static void read_nics(struct km_rec_network *n)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	DIR *dir = opendir("/sys/class/net");
	struct dirent *d;

	while (dir && n->nnics < KM_REC_NICS && (d = readdir(dir)))
		if (d->d_name[0] != '.' && strlen(d->d_name) < sizeof(n->nic[0].name) &&
		    (strcmp(d->d_name, "lo") || !strcmp(n->device, "lo")) &&
		    km_sys_there("/sys/class/net/%s/mtu", d->d_name))
			read_nic(fd, d->d_name, &n->nic[n->nnics++]);
	if (dir)
		closedir(dir);
	if (fd >= 0)
		close(fd);
}

void km_facts_network(const char *peer, struct km_rec_network *n)
{
	char name[IF_NAMESIZE];

	if (peer) {
		snprintf(n->peer, sizeof(n->peer), "%s", peer);
		if (!km_nic_towards(peer, name, NULL)) {
			memcpy(n->device, name, sizeof(name));
			n->path_mtu = path_mtu(peer);
		}
	}
	read_nics(n);
}
