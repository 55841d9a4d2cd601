// SPDX-License-Identifier: GPL-2.0
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vms.h"

bool km_proc_link(pid_t pid, const char *what, char *buf, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	n = readlink(path, buf, size);
	if (n < 0 || (size_t)n >= size)
		n = 0;
	buf[n] = '\0';
	return n > 0;
}

char *km_proc_read(pid_t pid, const char *what, size_t *len)
{
	size_t size = 4096;
	size_t used = 0;
	char path[64];
	char *buf;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	buf = malloc(size);
	while (buf && (n = read(fd, buf + used, size - used - 1)) > 0) {
		used += (size_t)n;
		if (size - used > 1)
			continue;
		char *more = realloc(buf, size *= 2);

		if (!more) {
			free(buf);
			n = -1;
		}
		buf = more;
	}
	close(fd);
	if (buf && n < 0) {
		free(buf);
		return NULL;
	}
	if (buf)
		buf[used] = '\0';
	if (len)
		*len = used;
	return buf;
}

bool km_proc_same_root(pid_t pid)
{
	struct stat a;
	struct stat b;
	char path[64];

	/* Two mount namespaces may share a root inode (a container made with
	 * `unshare -m`), and still differ below it. */
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	if (stat(path, &a) || stat("/proc/self/ns/mnt", &b))
		return false;
	if (a.st_ino != b.st_ino || a.st_dev != b.st_dev)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	return !stat(path, &a) && !stat("/", &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

bool km_maps_parse(const char *line, struct km_map *m)
{
	char perms[5];

	memset(m, 0, sizeof(*m));
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4[rwxps-] %" SCNx64 " %x:%x %" SCNu64, &m->start,
		   &m->end, perms, &m->offset, &m->major, &m->minor, &m->inode) != 7)
		return false;
	if (strlen(perms) != 4 || m->start >= m->end)
		return false;
	m->read = perms[0] == 'r';
	m->write = perms[1] == 'w';
	m->exec = perms[2] == 'x';
	m->shared = perms[3] == 's';
	return true;
}

static bool make_room(struct km_map **maps, size_t n, size_t *room)
{
	struct km_map *more;

	if (n < *room)
		return true;
	*room = *room ? *room * 2 : 128;
	more = realloc(*maps, *room * sizeof(**maps));
	if (more)
		*maps = more;
	return more;
}

int km_maps_of(char *text, struct km_map **maps, size_t *n)
{
	size_t room = 0;

	*maps = NULL;
	*n = 0;
	for (char *p = text, *next; *p; p = next) {
		char *eol = strchrnul(p, '\n');
		struct km_map m;

		next = *eol ? eol + 1 : eol;
		*eol = '\0'; /* sscanf() looks for the end of its text first */
		if (!km_maps_parse(p, &m))
			continue;
		/* The kernel goes on where the last read() ended: a mapping that has grown
		 * since (a heap) comes again, and the later word is the true one. */
		while (*n && (*maps)[*n - 1].end > m.start)
			(*n)--;
		if (!make_room(maps, *n, &room)) {
			free(*maps);
			*maps = NULL;
			*n = 0;
			return -ENOMEM;
		}
		(*maps)[(*n)++] = m;
	}
	return 0;
}

int km_maps_read(pid_t pid, struct km_map **maps, size_t *n)
{
	char *text;
	int rc;

	*maps = NULL;
	*n = 0;
	text = km_proc_read(pid, "maps", NULL);
	if (!text)
		return errno ? -errno : -ENOMEM;
	rc = km_maps_of(text, maps, n);
	free(text);
	return rc;
}

enum km_backing km_map_backing(const struct km_map *m)
{
	if (m->shared)
		return KM_BACKING_SHARED;
	return m->inode ? KM_BACKING_PRIVATE_FILE : KM_BACKING_ANON;
}

static void note_fd(struct km_fds *f, int fd, const char *target)
{
	uint64_t inode;
	void *more;

	if (!strcmp(target, "anon_inode:kvm-vm")) {
		f->kvm_vm = true;
		f->kvm_vm_fd = fd;
	} else if (!strncmp(target, "anon_inode:kvm-vcpu:", 20)) {
		f->kvm_vcpus++;
	} else if (!strncmp(target, "/dev/vfio/", 10) ||
		   !strcmp(target, "anon_inode:[vfio-device]")) {
		f->vfio = true;
	} else if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1) {
		more = realloc(f->sockets, (f->nsockets + 1) * sizeof(*f->sockets));
		if (!more)
			return;
		f->sockets = more;
		f->sockets[f->nsockets].fd = fd;
		f->sockets[f->nsockets++].inode = inode;
	}
}

void km_fds_read(pid_t pid, struct km_fds *f)
{
	char path[64];
	char target[64]; /* what is longer is none of what we look for */
	struct dirent *d;
	DIR *dir;

	memset(f, 0, sizeof(*f));
	f->kvm_vm_fd = -1;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return;
	f->readable = true;
	while ((d = readdir(dir))) {
		ssize_t n;

		if (d->d_name[0] == '.')
			continue;
		n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		note_fd(f, atoi(d->d_name), target);
	}
	closedir(dir);
}

void km_fds_free(struct km_fds *f)
{
	free(f->sockets);
	f->sockets = NULL;
	f->nsockets = 0;
}

uint64_t km_fds_socket(const struct km_fds *f, int fd)
{
	for (size_t i = 0; i < f->nsockets; i++)
		if (f->sockets[i].fd == fd)
			return f->sockets[i].inode;
	return 0;
}

bool km_fds_has_socket(const struct km_fds *f, uint64_t inode)
{
	for (size_t i = 0; i < f->nsockets; i++)
		if (f->sockets[i].inode == inode)
			return true;
	return false;
}

char *km_unix_read(pid_t pid)
{
	return km_proc_read(pid, "net/unix", NULL);
}

/* Num RefCount Protocol Flags Type St Inode Path: net/unix/af_unix.c,
 * unix_seq_show(). Flags has __SO_ACCEPTCON for a listener, St is
 * SS_CONNECTED (3) for both ends of a connection. */
bool km_unix_next(const char **at, struct km_unix *u)
{
	while (**at) {
		char line[256]; /* a path has 108 bytes at most */
		const char *eol = strchrnul(*at, '\n');
		size_t len = (size_t)(eol - *at);
		unsigned int flags;
		unsigned int state;
		int used = 0;

		if (len >= sizeof(line))
			len = sizeof(line) - 1;
		memcpy(line, *at, len);
		line[len] = '\0';
		*at = *eol ? eol + 1 : eol;
		if (sscanf(line, "%*x: %*x %*x %x %*x %x %" SCNu64 "%n", &flags, &state, &u->inode,
			   &used) != 3)
			continue;
		u->listening = flags & 0x10000;
		u->connected = state == 3;
		snprintf(u->path, sizeof(u->path), "%s", line + used + (line[used] == ' '));
		return true;
	}
	return false;
}

int km_argv_read(pid_t pid, char ***argv, struct km_err *err)
{
	size_t n = 0;
	size_t len = 0;
	char *text;

	*argv = NULL;
	text = km_proc_read(pid, "cmdline", &len);
	if (!text)
		return km_err_set(err, errno == ENOENT ? -ESRCH : -errno, "process %d: %s",
				  (int)pid, errno == ENOENT ? "no such process" : strerror(errno));
	for (size_t i = 0; i < len; i++)
		n += !text[i];
	if (len && text[len - 1])
		n++; /* a program that wrote over its argv */
	if (n)
		*argv = calloc(n + 1, sizeof(char *));
	if (!*argv) {
		free(text);
		return km_err_set(err, n ? -ENOMEM : -ESRCH,
				  "process %d has no command line (exiting, or a kernel thread)",
				  (int)pid);
	}
	/* argv[0] stays the start of the block, so that free needs no more. */
	for (size_t i = 0, k = 0; k < n; k++) {
		(*argv)[k] = text + i;
		i += strlen(text + i) + 1;
	}
	return 0;
}

void km_argv_free(char **argv)
{
	if (!argv)
		return;
	free(argv[0]);
	free(argv);
}
