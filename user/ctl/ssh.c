// SPDX-License-Identifier: GPL-2.0
#include "ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "unixsock.h"

#define WORDS_MAX 64

void km_ssh_quote(FILE *f, const char *word)
{
	fputs(" '", f);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	}
	fputc('\'', f);
}

const char *km_ssh_host(const char *target)
{
	const char *at = strrchr(target, '@');

	return at ? at + 1 : target;
}

static void exec_ssh(const char *ssh, const char *target, const char *command, int in, int out,
		     int err_fd)
{
	char *argv[WORDS_MAX + 4], *save = NULL, *words = strdup(ssh);
	size_t n = 0;

	for (char *w = strtok_r(words, " ", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n++] = strdup(target);
	argv[n++] = strdup(command);
	argv[n] = NULL;
	dup2(in, 0);
	dup2(out, 1);
	dup2(err_fd < 0 ? out : err_fd, 2);
	execvp(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int km_ssh_start(struct km_ssh *s, const char *ssh, const char *target, const char *command,
		 int err_fd, struct km_err *err)
{
	int in[2], out[2];

	s->pid = 0;
	/* A target with a dash in front would be an option of ssh. */
	if (target[0] == '-' || !target[0])
		return km_err_set(err, -EINVAL, "cannot start ssh for '%.200s'", target);
	if (pipe2(in, O_CLOEXEC))
		return km_err_set(err, -errno, "cannot start ssh: %s", strerror(errno));
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return km_err_set(err, -EMFILE, "cannot start ssh: too many files are open");
	}
	s->pid = fork();
	if (!s->pid)
		exec_ssh(ssh, target, command, in[0], out[1], err_fd);
	close(in[0]);
	close(out[1]);
	s->in = in[1];
	s->out = out[0];
	if (s->pid > 0)
		return 0;
	close(s->in);
	close(s->out);
	s->pid = 0;
	return km_err_set(err, -EAGAIN, "cannot start ssh");
}

/* Until its end, or until there is too much of it. */
static int read_all(int fd, size_t max_bytes, int64_t deadline_ms, char **text, size_t *len)
{
	size_t size = 0;

	*text = NULL;
	*len = 0;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline_ms - km_now_ms();
		ssize_t n;
		int ready;

		if (*len + 1 >= size) {
			char *more = realloc(*text, size = size ? 2 * size : 65536);

			if (!more)
				return -ENOMEM;
			*text = more;
		}
		ready = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (!ready)
			return -ETIMEDOUT;
		if (ready < 0 && errno == EINTR)
			continue;
		n = read(fd, *text + *len, size - *len - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			*len += (size_t)n;
		(*text)[*len] = '\0';
		if (!n || *len > max_bytes)
			return n ? -EFBIG : 0;
	}
}

/* The last line that is one. */
static void last_words(int fd, char *buf, size_t size)
{
	char text[4096] = "", *end;
	off_t all = lseek(fd, 0, SEEK_END);
	off_t from = all > (off_t)sizeof(text) - 1 ? all - (off_t)sizeof(text) + 1 : 0;
	ssize_t n = pread(fd, text, sizeof(text) - 1, from);

	text[n > 0 ? n : 0] = '\0';
	for (end = text + strlen(text); end > text && strchr("\r\n ", end[-1]);)
		*--end = '\0';
	while (end > text && end[-1] != '\n')
		end--;
	snprintf(buf, size, "%.*s", (int)size - 1, *end ? end : "it said nothing");
}

static int wait_for(pid_t pid, bool kill_it)
{
	int status = 0;

	if (kill_it)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int km_ssh_read(const char *ssh, const char *target, const char *command, size_t max_bytes,
		unsigned int timeout_ms, char **text, size_t *len, struct km_err *err)
{
	int64_t deadline = km_now_ms() + timeout_ms;
	int says = memfd_create("ssh", MFD_CLOEXEC), status, rc;
	char words[256];
	struct km_ssh s;

	*text = NULL;
	if (says < 0)
		return km_err_set(err, -errno, "memfd_create: %s", strerror(errno));
	rc = km_ssh_start(&s, ssh, target, command, says, err);
	if (rc) {
		close(says);
		return rc;
	}
	close(s.in);
	rc = read_all(s.out, max_bytes, deadline, text, len);
	close(s.out);
	status = wait_for(s.pid, rc != 0);
	last_words(says, words, sizeof(words));
	close(says);
	if (rc == -ETIMEDOUT)
		km_err_set(err, rc, "%.100s did not answer within %u s", target, timeout_ms / 1000);
	else if (rc)
		km_err_set(err, rc, "the answer of %.100s can't be taken: %s", target,
			   strerror(-rc));
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		rc = km_err_set(err, -EHOSTUNREACH, "cannot run `%.60s` at %.100s: %s", command,
				target, words);
	if (rc) {
		free(*text);
		*text = NULL;
	}
	return rc;
}
