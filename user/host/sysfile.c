// SPDX-License-Identifier: GPL-2.0
#include "sysfile.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 256

static bool read_line(char *buf, size_t size, const char *fmt, va_list ap)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	buf[0] = '\0';
	vsnprintf(path, sizeof(path), fmt, ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	for (size_t len = strlen(buf); len && isspace((unsigned char)buf[len - 1]);)
		buf[--len] = '\0';
	return n > 0;
}

bool km_sys_text(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = read_line(buf, size, fmt, ap);
	va_end(ap);
	return ok;
}

bool km_sys_number(uint64_t *v, const char *fmt, ...)
{
	char line[LINE], *end;
	uint64_t n;
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = read_line(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!ok || !isdigit((unsigned char)line[0]))
		return false;
	n = strtoull(line, &end, 10);
	*v = n;
	return true;
}

enum km_tri km_sys_yes(const char *fmt, ...)
{
	char line[LINE];
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = read_line(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!ok)
		return KM_UNKNOWN;
	if (line[0] == 'Y' || (line[0] >= '1' && line[0] <= '9') || !strcmp(line, "on"))
		return KM_YES;
	return line[0] == 'N' || line[0] == '0' || !strcmp(line, "off") ? KM_NO : KM_UNKNOWN;
}

bool km_sys_there(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return !access(path, F_OK);
}
