// SPDX-License-Identifier: GPL-2.0
#include "nic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A VLAN on a bond on a team is three; links that go round are not followed for ever. */
#define DEPTH_MAX 4

static bool read_number(const char *sysfs, const char *name, const char *what, long *v)
{
	char path[PATH_MAX], text[32], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/class/net/%s/%s", sysfs, name, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1); /* speed: EINVAL while the link is down */
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	*v = strtol(text, &end, 10);
	return end != text && *v >= 0;
}

struct sum {
	long node, mbit_per_s;
	unsigned int devices;
	bool nodes_differ;
};

/* PCI functions have the file; those of virtio and mlx5's auxiliary ones are children of a
 * PCI function. */
static bool device_node(const char *sysfs, const char *name, long *node)
{
	return read_number(sysfs, name, "device/numa_node", node) ||
	       read_number(sysfs, name, "device/../numa_node", node) ||
	       read_number(sysfs, name, "device/../../numa_node", node);
}

static void add(const char *sysfs, const char *name, unsigned int depth, struct sum *s)
{
	char path[PATH_MAX];
	struct dirent *d;
	long node, speed;
	DIR *dir;

	if (read_number(sysfs, name, "speed", &speed) && speed > s->mbit_per_s)
		s->mbit_per_s = speed;
	if (device_node(sysfs, name, &node)) {
		s->nodes_differ = s->nodes_differ || (s->devices && node != s->node);
		s->node = node;
		s->devices++;
	}
	snprintf(path, sizeof(path), "%s/class/net/%s", sysfs, name);
	dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	while (dir && (d = readdir(dir)))
		if (!strncmp(d->d_name, "lower_", 6))
			add(sysfs, d->d_name + 6, depth + 1, s);
	if (dir)
		closedir(dir);
}

void km_nic_read(const char *sysfs, const char *name, struct km_nic *nic)
{
	struct sum s = { 0 };

	memset(nic, 0, sizeof(*nic));
	snprintf(nic->name, sizeof(nic->name), "%s", name);
	nic->node = -1;
	if (!*name || strchr(name, '/'))
		return;
	add(sysfs, name, 0, &s);
	if (s.devices && !s.nodes_differ)
		nic->node = (int)s.node;
	nic->bit_per_s = (uint64_t)s.mbit_per_s * 1000000;
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (!a || a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 &&
	       !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		       &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr));
}

/* Who has the address that we would send from. */
static bool find_owner(const struct sockaddr *own, char name[IF_NAMESIZE])
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		found = same_address(i->ifa_addr, own);
		if (found)
			snprintf(name, IF_NAMESIZE, "%s", i->ifa_name);
	}
	freeifaddrs(all);
	return found;
}

/* Our own address on the way to one of the host's that there is a way to, and that one. No packet
 * is sent. */
static int find_way(const char *host, struct sockaddr_storage *own, struct sockaddr_storage *there,
		    struct km_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *list = NULL;
	int rc = getaddrinfo(host, "9", &hints, &list); /* any port */
	bool found = false;

	if (rc)
		return km_err_set(err, -EHOSTUNREACH, "%.200s: %s", host, gai_strerror(rc));
	for (struct addrinfo *a = list; a && !found; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t len = sizeof(*own);

		found = fd >= 0 && !connect(fd, a->ai_addr, a->ai_addrlen) &&
			!getsockname(fd, (struct sockaddr *)own, &len);
		if (found)
			memcpy(there, a->ai_addr, a->ai_addrlen);
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(list);
	return found ? 0 : km_err_set(err, -EHOSTUNREACH, "%.200s: no route to it", host);
}

int km_nic_towards(const char *host, char name[IF_NAMESIZE], struct km_err *err)
{
	struct sockaddr_storage own = { 0 }, there = { 0 };
	int rc = find_way(host, &own, &there, err);

	name[0] = '\0';
	if (rc || find_owner((struct sockaddr *)&own, name))
		return rc;
	return km_err_set(err, -EHOSTUNREACH, "%.200s: no route to it", host);
}

/* The kernel sends to an address of its own from that address (ip_route_output_key()). */
bool km_nic_is_here(const char *host)
{
	struct sockaddr_storage own = { 0 }, there = { 0 };

	return !find_way(host, &own, &there, NULL) &&
	       same_address((struct sockaddr *)&own, (struct sockaddr *)&there);
}

/* A listener for both versions of IP has IPv4 peers as ::ffff:1.2.3.4. */
static void unmap(struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)ss;
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (ss->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return;
	memcpy(&four.sin_addr, &six->sin6_addr.s6_addr[12], sizeof(four.sin_addr));
	memcpy(ss, &four, sizeof(four));
}

void km_nic_of_socket(int fd, char name[IF_NAMESIZE])
{
	struct sockaddr_storage own = { 0 };
	socklen_t len = sizeof(own);

	name[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&own, &len))
		return;
	unmap(&own);
	if (!find_owner((struct sockaddr *)&own, name))
		name[0] = '\0';
}
