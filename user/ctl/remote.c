// SPDX-License-Identifier: GPL-2.0
#include "remote.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ssh.h"

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
		km_ssh_quote(f, creds->path);
		break;
	}
	for (unsigned int i = 0; i < args->n; i++)
		km_ssh_quote(f, args->v[i]);
	fclose(f);
	return text;
}

static void hand_over_key(int fd, const struct km_psk *key)
{
	char line[2 * KM_PSK_BYTES + 2];

	if (!key)
		return;
	km_psk_text(key, line);
	strcat(line, "\n");
	if (write(fd, line, strlen(line)) < 0)
		errno = 0; /* the other side misses it, and says so */
	km_wipe(line, sizeof(line));
}

/* What is no event is ssh's or a shell's, and the last such line says why. */
static int wait_listening(struct km_remote *r, const char *what, const char *target,
			  struct km_err *err)
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
		      km_err_set(err, -EHOSTUNREACH, "cannot start %s at %s: %s", what, target,
				 last);
}

int km_remote_command(struct km_remote *r, const char *ssh, const char *target, const char *what,
		      const char *command, const struct km_psk *key, struct km_err *err)
{
	struct km_ssh s;
	int rc;

	snprintf(r->host, sizeof(r->host), "%s", km_ssh_host(target));
	rc = km_ssh_start(&s, ssh, target, command, -1, err);
	if (rc)
		return rc;
	r->pid = s.pid;
	hand_over_key(s.in, key);
	close(s.in);
	r->says = fdopen(s.out, "r");
	rc = r->says ? wait_listening(r, what, target, err) :
		       km_err_set(err, -ENOMEM, "out of memory");
	if (rc)
		km_remote_end(r);
	return rc;
}

int km_remote_start(struct km_remote *r, const char *ssh, const char *target,
		    const struct km_creds *creds, const struct km_opt_list *args,
		    struct km_err *err)
{
	bool keyed = km_creds_kind(creds) == KM_SECURE_PSK;
	char *command = command_line(creds, args);
	int rc = command ? km_remote_command(r, ssh, target, "kmigrate receive", command,
					     keyed ? &creds->psk : NULL, err) :
			   km_err_set(err, -ENOMEM, "out of memory");

	free(command);
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
