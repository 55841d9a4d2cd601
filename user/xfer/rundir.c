// SPDX-License-Identifier: GPL-2.0
#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../ctl/proc.h"

int km_rundir_make(char *dir, size_t len, const char *kind, struct km_err *err)
{
	int rc;

	mkdir(KM_RUN_DIR, 0700);
	snprintf(dir, len, KM_RUN_DIR "/%s-XXXXXX", kind);
	if (mkdtemp(dir))
		return 0;
	rc = km_err_set(err, -errno, "cannot make %s: %s", dir, strerror(errno));
	dir[0] = '\0';
	return rc;
}

void km_rundir_remove(char *dir)
{
	DIR *d = dir[0] ? opendir(dir) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	if (dir[0])
		rmdir(dir);
	dir[0] = '\0';
}

/* Effective ones: /proc/PID itself belongs to root after a setuid() (proc(5)). */
static int owner_of(pid_t pid, uid_t *uid, gid_t *gid)
{
	char *text = km_proc_read(pid, "status", NULL);
	const char *u = text ? strstr(text, "\nUid:") : NULL;
	const char *g = text ? strstr(text, "\nGid:") : NULL;
	bool ok = u && g && sscanf(u, "\nUid: %*u %u", uid) == 1 &&
		  sscanf(g, "\nGid: %*u %u", gid) == 1;

	free(text);
	return ok ? 0 : -ESRCH;
}

int km_rundir_share(const char *dir, const char *file, pid_t pid, struct km_err *err)
{
	char path[PATH_MAX];
	struct stat ours, its;
	uid_t uid;
	gid_t gid;

	if (owner_of(pid, &uid, &gid) || stat(dir, &ours))
		return km_err_set(err, -ESRCH, "cannot see whose process QEMU %d is", pid);
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, dir);
	if (stat(path, &its) || its.st_ino != ours.st_ino || its.st_dev != ours.st_dev)
		return km_err_set(err, -EXDEV, "QEMU %d does not see this host's " KM_RUN_DIR, pid);
	if (uid == ours.st_uid)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", dir, file ? file : "");
	if (chmod(KM_RUN_DIR, 0711) || (file && chown(path, uid, gid)) || chown(dir, uid, gid))
		return km_err_set(err, -errno, "cannot let QEMU's user %u into %s: %s", uid, dir,
				  strerror(errno));
	return 0;
}

int km_rundir_check_peer(int fd, pid_t pid, struct km_err *err)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) || cred.pid != pid)
		return km_err_set(err, -EPERM, "process %d is at QEMU %d's socket", cred.pid, pid);
	return 0;
}
