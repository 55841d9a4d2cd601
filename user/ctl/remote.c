// SPDX-License-Identifier: GPL-2.0
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 64

/* ssh hands its words to a shell at the other end. */
static void add_quoted(FILE *f, const char *word)
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

static char *command_line(const struct km_creds *creds, const struct km_opt_list *args)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fputs("kmigrate receive --json --port 0", f);
	switch (km_creds_kind(creds)) {
	case KM_SECURE_NOT:
		fputs(" --insecure", f);
		break;
	case KM_SECURE_PSK:
		fputs(" --psk-file -", f);
		break;
	case KM_SECURE_X509:
		fputs(" --tls-dir", f);
		add_quoted(f, creds->path);
		break;
	}
	for (unsigned int i = 0; i < args->n; i++)
		add_quoted(f, args->v[i]);
	fclose(f);
	return text;
}

static void exec_ssh(const char *ssh, const char *target, char *command, int in, int out)
{
	char *argv[WORDS_MAX + 4], *save = NULL, *words = strdup(ssh);
	size_t n = 0;

	for (char *w = strtok_r(words, " ", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n++] = strdup(target);
	argv[n++] = command;
	argv[n] = NULL;
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	execvp(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void hand_over_key(int fd, const struct km_creds *creds)
{
	char line[2 * KM_PSK_BYTES + 2];

	if (km_creds_kind(creds) != KM_SECURE_PSK)
		return;
	km_psk_text(&creds->psk, line);
	strcat(line, "\n");
	if (write(fd, line, strlen(line)) < 0)
		errno = 0; /* the receiver misses it, and says so */
	km_wipe(line, sizeof(line));
}

/* What is no event is ssh's or a shell's, and the last such line says why. */
static int wait_listening(struct km_remote *r, const char *target, struct km_err *err)
{
	char *line = NULL, last[256] = "it said nothing";
	unsigned int port = 0;
	size_t cap = 0;

	while (!port && getline(&line, &cap, r->says) > 0) {
		json_t *j = json_loads(line, 0, NULL);
		const char *event = json_string_value(json_object_get(j, "event"));

		line[strcspn(line, "\r\n")] = '\0';
		if (event && !strcmp(event, "listening"))
			port = (unsigned int)json_integer_value(json_object_get(j, "port"));
		else if (line[0])
			snprintf(last, sizeof(last), "%s", line);
		json_decref(j);
	}
	free(line);
	snprintf(r->port, sizeof(r->port), "%u", port % 65536);
	return port ? 0 :
		      km_err_set(err, -EHOSTUNREACH, "cannot start kmigrate receive at %s: %s",
				 target, last);
}

int km_remote_start(struct km_remote *r, const char *ssh, const char *target,
		    const struct km_creds *creds, const struct km_opt_list *args,
		    struct km_err *err)
{
	const char *at = strrchr(target, '@');
	char *command = command_line(creds, args);
	int in[2], out[2], rc;

	snprintf(r->host, sizeof(r->host), "%s", at ? at + 1 : target);
	/* A target with a dash in front would be an option of ssh. */
	if (!command || target[0] == '-' || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
		free(command);
		return km_err_set(err, -EINVAL, "cannot start ssh for '%s'", target);
	}
	r->pid = fork();
	if (!r->pid)
		exec_ssh(ssh, target, command, in[0], out[1]);
	free(command);
	close(in[0]);
	close(out[1]);
	hand_over_key(in[1], creds);
	close(in[1]);
	r->says = fdopen(out[0], "r");
	rc = r->pid > 0 && r->says ? wait_listening(r, target, err) :
				     km_err_set(err, -EAGAIN, "cannot start ssh");
	if (rc)
		km_remote_end(r);
	return rc;
}

void km_remote_end(struct km_remote *r)
{
	if (r->says)
		fclose(r->says);
	for (int i = 0; r->pid > 0 && i < 40; i++) {
		if (waitpid(r->pid, NULL, WNOHANG))
			r->pid = 0;
		else
			usleep(50000);
	}
	/* The link may be cut, or the receiver wait for a question (outcome.h): it goes on
	 * without ssh, and the caller's result must not wait for it. */
	if (r->pid > 0) {
		kill(r->pid, SIGTERM);
		waitpid(r->pid, NULL, 0);
	}
	memset(r, 0, sizeof(*r));
}
