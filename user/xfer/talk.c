// SPDX-License-Identifier: GPL-2.0
#include "talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void km_talk_init(struct km_talk *t, struct km_conn *conn, bool keeps)
{
	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	t->conn = conn;
	t->keeps = keeps;
}

/* Under lock. */
static void forget(struct km_talk *t)
{
	for (uint64_t i = 0; t->told && i < t->said; i++)
		free(t->told[i].payload);
	free(t->told);
	t->told = NULL;
	t->bytes = 0;
	t->keeps = false;
}

void km_talk_free(struct km_talk *t)
{
	forget(t);
	pthread_mutex_destroy(&t->lock);
}

void km_talk_finish(struct km_talk *t)
{
	pthread_mutex_lock(&t->lock);
	forget(t);
	pthread_mutex_unlock(&t->lock);
}

/* Under lock, of message number said + 1. */
static void keep(struct km_talk *t, enum km_op op, const void *payload, size_t len)
{
	struct km_told *more;
	uint8_t *copy;

	if (!t->keeps)
		return;
	t->bytes += sizeof(*more) + len;
	more = t->bytes > KM_TALK_BYTES ? NULL :
					  realloc(t->told, (size_t)(t->said + 1) * sizeof(*more));
	if (more)
		t->told = more;
	copy = more ? malloc(len + 1) : NULL;
	if (!copy) {
		forget(t);
		return;
	}
	if (len)
		memcpy(copy, payload, len);
	t->told[t->said] = (struct km_told){ op, (uint32_t)len, copy };
}

static bool numbered(enum km_op op)
{
	return op == KM_OP_BLOCKS || op == KM_OP_MAIN || op == KM_OP_SYNC || op == KM_OP_REACH ||
	       op == KM_OP_RP;
}

int km_talk_say(struct km_talk *t, enum km_op op, const void *payload, size_t len,
		struct km_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	keep(t, op, payload, len);
	t->said++;
	if (t->up)
		rc = km_send(t->conn, op, t->said, payload, len, err);
	else if (!t->keeps)
		rc = km_err_set(err, -ENOBUFS,
				"the link is away, and what is to be said can't wait");
	pthread_mutex_unlock(&t->lock);
	return rc;
}

int km_talk_up(struct km_talk *t, uint64_t heard, struct km_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	if (heard > t->said)
		rc = km_err_set(err, -EPROTO, "the peer has heard %llu messages of %llu",
				(unsigned long long)heard, (unsigned long long)t->said);
	else if (heard < t->said && !t->keeps)
		rc = km_err_set(err, -ENOBUFS, "too much was said to say it again");
	for (uint64_t i = heard; !rc && i < t->said; i++)
		rc = km_send(t->conn, t->told[i].op, i + 1, t->told[i].payload, t->told[i].len,
			     err);
	t->up = !rc;
	pthread_mutex_unlock(&t->lock);
	return rc;
}

void km_talk_down(struct km_talk *t)
{
	pthread_mutex_lock(&t->lock);
	t->up = false;
	pthread_mutex_unlock(&t->lock);
}

int km_talk_check(const struct km_talk *t, const struct km_msg *m, struct km_err *err)
{
	if (!numbered(m->op) || m->seq == t->heard + 1)
		return 0;
	return km_err_set(err, -EPROTO, "%s number %llu after number %llu", km_op_name(m->op),
			  (unsigned long long)m->seq, (unsigned long long)t->heard);
}

void km_talk_done(struct km_talk *t, const struct km_msg *m)
{
	t->heard += numbered(m->op);
}
