// SPDX-License-Identifier: GPL-2.0
#include "textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST (64u << 10)

/* Twice as much, but no more than one byte above max, by which it is seen to be too large. */
static int make_room(char **text, size_t *room, size_t max)
{
	size_t more = *room ? 2 * *room : FIRST;
	char *bigger;

	if (more > max)
		more = max + 1;
	bigger = realloc(*text, more);
	if (!bigger)
		return -ENOMEM;
	*text = bigger;
	*room = more;
	return 0;
}

static int read_all(int fd, size_t max, char **text, size_t *len)
{
	size_t room = 0;
	ssize_t n;

	do {
		if (*len > max)
			return -EFBIG;
		if (*len == room && make_room(text, &room, max))
			return -ENOMEM;
		n = read(fd, *text + *len, room - *len);
		*len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* A device would have no end. */
static int check_kind(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) ? 0 : -EINVAL;
}

int km_textfile_read(const char *path, size_t max, char **text, size_t *len, struct km_err *err)
{
	bool is_stdin = !strcmp(path, "-");
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : is_stdin ? 0 : check_kind(fd);

	*text = NULL;
	*len = 0;
	if (!rc)
		rc = read_all(fd, max, text, len);
	if (fd >= 0 && !is_stdin)
		close(fd);
	if (!rc)
		return 0;
	free(*text);
	*text = NULL;
	return rc == -EFBIG  ? km_err_set(err, rc, "larger than %zu KiB", max >> 10) :
	       rc == -EINVAL ? km_err_set(err, rc, "neither a file nor a pipe") :
			       km_err_set(err, rc, "%s", strerror(-rc));
}
