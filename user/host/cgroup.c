// SPDX-License-Identifier: GPL-2.0
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../ctl/proc.h"

static int copy(char to[PATH_MAX], const char *from, size_t len)
{
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

/* Names have no newline in them: cgroup_mkdir() refuses one. A group that was removed while
 * a zombie was in it has " (deleted)" behind its name. */
int km_cgroup_parse(const char *text, char group[PATH_MAX])
{
	static const char gone[] = " (deleted)";

	for (; *text; text = strchrnul(text, '\n'), text += *text == '\n') {
		size_t len = strcspn(text, "\n");

		if (len < 4 || strncmp(text, "0::/", 4))
			continue;
		if (len >= sizeof(gone) - 1 &&
		    !strncmp(text + len - (sizeof(gone) - 1), gone, sizeof(gone) - 1))
			return -ENOENT;
		return copy(group, text + 3, len - 3);
	}
	return -ENOENT;
}

/* Blanks, newlines and backslashes are octal in mountinfo (proc(5), seq_path()). */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 ROOT MOUNT-POINT OPTIONS OPTIONAL... - TYPE SOURCE OPTIONS" */
static bool parse_mount(char *line, char **root, char **point)
{
	char *at, *type = strstr(line, " - "), *word[5];

	if (!type || strncmp(type + 3, "cgroup2 ", 8))
		return false;
	*type = '\0';
	for (int i = 0; i < 5; i++) {
		word[i] = strtok_r(i ? NULL : line, " ", &at);
		if (!word[i])
			return false;
	}
	*root = word[3];
	*point = word[4];
	unescape(*root);
	unescape(*point);
	return true;
}

/* Both are relative to the root of the reader's cgroup namespace (cgroup_namespaces(7)), so
 * a group above it, which starts with "/..", is in no mount. */
static int below(const char *root, const char *point, const char *group, char dir[PATH_MAX])
{
	size_t len = strcmp(root, "/") ? strlen(root) : 0;

	if (strncmp(group, root, len) || (group[len] && group[len] != '/') ||
	    !strncmp(group, "/..", 3))
		return -EXDEV;
	group += len;
	if (!strcmp(group, "/"))
		group = "";
	return snprintf(dir, PATH_MAX, "%s%s", point, group) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int km_cgroup_locate(const char *mountinfo, const char *group, char dir[PATH_MAX])
{
	char *text = strdup(mountinfo), *at, *root, *point;
	int rc = text ? -ENOENT : -ENOMEM;

	for (char *line = text ? strtok_r(text, "\n", &at) : NULL; line && rc;
	     line = strtok_r(NULL, "\n", &at))
		if (parse_mount(line, &root, &point))
			rc = below(root, point, group, dir);
	free(text);
	return rc;
}

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && !strncmp(s + len - n, end, n);
}

static bool is_inner(const char *name)
{
	static const char *const kinds[] = { "emulator", "vcpu", "iothread" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i]);

		if (!strncmp(name, kinds[i], n) &&
		    strspn(name + n, "0123456789") == strlen(name + n))
			return true;
	}
	return false;
}

/*
 * libvirt's VM is /machine.slice/machine-qemu\x2d1\x2dNAME.scope with systemd, and
 * /machine/qemu-1-NAME.libvirt-qemu without; QEMU's threads are in its group "libvirt", or
 * in libvirt/emulator, libvirt/vcpu0... (src/util/vircgroup.c, src/hypervisor/
 * domain_cgroup.c). What the machine gives to a VM is decided among the VMs' groups.
 */
void km_cgroup_to_vm(char *group)
{
	char *end = group + strlen(group), *slash = strrchr(group, '/');
	char *above;

	if (slash && is_inner(slash + 1))
		end = slash;
	if (!ends_with(group, (size_t)(end - group), "/libvirt"))
		return;
	above = end - strlen("/libvirt");
	if (ends_with(group, (size_t)(above - group), ".scope") ||
	    ends_with(group, (size_t)(above - group), ".libvirt-qemu"))
		*above = '\0';
}

int km_cgroup_of(pid_t pid, pid_t tid, char group[PATH_MAX], struct km_err *err)
{
	char what[48] = "cgroup", *text;
	int rc;

	if (tid)
		snprintf(what, sizeof(what), "task/%d/cgroup", (int)tid);
	text = km_proc_read(pid, what, NULL);
	if (!text)
		return km_err_set(err, -errno, "/proc/%d/%s: %s", (int)pid, what, strerror(errno));
	rc = km_cgroup_parse(text, group);
	free(text);
	if (rc)
		return km_err_set(err, rc, "process %d is in no group of cgroup v2", (int)pid);
	return 0;
}

int km_cgroup_dir(const char *group, char dir[PATH_MAX], struct km_err *err)
{
	char *text = km_proc_read(getpid(), "mountinfo", NULL);
	int rc = text ? km_cgroup_locate(text, group, dir) : -errno;

	free(text);
	if (rc == -ENOENT)
		return km_err_set(err, rc, "no cgroup v2 is mounted");
	if (rc)
		return km_err_set(err, rc, "group %s can't be seen from here: %s", group,
				  strerror(-rc));
	return 0;
}

static int open_file(const char *dir, const char *file, int flags)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int km_cgroup_read(const char *dir, const char *file, char value[KM_CGROUP_VALUE])
{
	int fd = open_file(dir, file, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, value, KM_CGROUP_VALUE - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	value[n > 0 ? n : 0] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return n < 0 ? (int)n : 0;
}

int km_cgroup_write(const char *dir, const char *file, const char *value)
{
	int fd = open_file(dir, file, O_WRONLY);
	int rc = 0;

	if (fd < 0)
		return fd;
	if (write(fd, value, strlen(value)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}
