// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "module.h"

#define HOOKED	"mark_page_dirty_in_slot"

int module_insert(const char *path, const char *parameters)
{
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, parameters, 0))
		err = -errno;
	close(fd);
	return err;
}

int module_load(void)
{
	const char *path = getenv("KM_MODULE");

	return path ? module_insert(path, "") : -ENOENT;
}

int module_remove(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

int module_unload(void)
{
	return module_remove("kmigrate");
}

int module_unload_soon(void)
{
	int err, i;

	for (i = 0; i < 20; i++) {
		err = module_unload();
		if (err != -EAGAIN)
			return err;
		usleep(100000);
	}
	return err;
}

bool module_is_hooked(void)
{
	char line[512];
	bool found = false;
	FILE *file = fopen("/sys/kernel/tracing/enabled_functions", "r");

	while (file && fgets(line, sizeof(line), file))
		found |= !strncmp(line, HOOKED, strlen(HOOKED));
	if (file)
		fclose(file);
	return found;
}

long module_refcount(const char *name)
{
	char path[64], value[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		if (read(fd, value, sizeof(value) - 1) < 0)
			value[0] = '\0';
		close(fd);
	}
	return value[0] ? strtol(value, NULL, 10) : -1;
}

bool module_rests(void)
{
	int tenths;

	for (tenths = 0; tenths < 100; tenths++) {
		if (!module_is_hooked() && !module_refcount("kmigrate"))
			return true;
		usleep(100000);
	}
	return false;
}
