/* SPDX-License-Identifier: GPL-2.0 */
/* What /proc says about a process (proc(5)). */
#ifndef KM_PROC_H
#define KM_PROC_H

#include <stddef.h>
#include "../model.h"

/* A line of /proc/PID/maps. */
struct km_map {
	uint64_t start, end, offset, inode;
	unsigned int major, minor;
	bool read, write, exec, shared;
};

/* Sorted by start, none over another, malloc'ed. */
int km_maps_read(pid_t pid, struct km_map **maps, size_t *n);
/* The same from the file's text, which is written to. */
int km_maps_of(char *text, struct km_map **maps, size_t *n);
/* false when the line is not one. */
bool km_maps_parse(const char *line, struct km_map *m);
enum km_backing km_map_backing(const struct km_map *m);

/* What the descriptors of a process show. */
struct km_fds {
	bool readable; /* else nothing below is known */
	bool kvm_vm, vfio;
	int kvm_vm_fd; /* in that process */
	unsigned int kvm_vcpus;
	size_t nsockets;
	struct {
		int fd;
		uint64_t inode;
	} * sockets; /* malloc'ed */
};
void km_fds_read(pid_t pid, struct km_fds *f);
void km_fds_free(struct km_fds *f);
/* The name of the inode of descriptor fd, 0 when it is no socket. */
uint64_t km_fds_socket(const struct km_fds *f, int fd);
bool km_fds_has_socket(const struct km_fds *f, uint64_t inode);

/* A line of /proc/PID/net/unix. */
struct km_unix {
	uint64_t inode;
	bool listening, connected;
	char path[110]; /* "" for none, "@name" for abstract */
};
/* The whole file, malloc'ed, and a walk over it: *at starts as the text. */
char *km_unix_read(pid_t pid);
bool km_unix_next(const char **at, struct km_unix *u);

/* Readlink of /proc/PID/what; "" and false when it can't be read. */
bool km_proc_link(pid_t pid, const char *what, char *buf, size_t size);
/* The whole of /proc/PID/what with a NUL behind it, malloc'ed, or NULL and errno. */
char *km_proc_read(pid_t pid, const char *what, size_t *len);
/* Does the process see the file system as we do? */
bool km_proc_same_root(pid_t pid);

#endif
