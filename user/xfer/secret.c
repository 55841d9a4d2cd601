// SPDX-License-Identifier: GPL-2.0
#include "secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORBIDDEN 0027 /* others anything, the group writing */

void km_wipe(void *buf, size_t len)
{
	gnutls_memset(buf, 0, len);
}

static int check_mode(int fd, const char *path, struct km_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return km_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode) && st.st_mode & FORBIDDEN)
		return km_err_set(err, -EACCES,
				  "the key %s is open to others (mode %04o): chmod 600 it", path,
				  st.st_mode & 07777);
	return 0;
}

int km_secret_read(const char *path, void *buf, size_t cap, size_t *len, struct km_err *err)
{
	bool std = !strcmp(path, "-");
	int fd = std ? 0 : open(path, O_RDONLY | O_CLOEXEC), rc;
	ssize_t n = 1;

	*len = 0;
	if (fd < 0)
		return km_err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	rc = std ? 0 : check_mode(fd, path, err);
	while (!rc && n > 0 && *len < cap) {
		n = read(fd, (char *)buf + *len, cap - *len);
		if (n > 0)
			*len += (size_t)n;
		else if (n < 0)
			rc = km_err_set(err, -errno, "cannot read %s: %s",
					std ? "standard input" : path, strerror(errno));
	}
	if (!rc && *len == cap)
		rc = km_err_set(err, -EFBIG, "%s is too long for a key", path);
	if (!std)
		close(fd);
	return rc;
}

int km_secret_write(const char *path, const void *buf, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;

	if (fd < 0)
		return -errno;
	errno = 0;
	if (fchmod(fd, 0600) || write(fd, buf, len) != (ssize_t)len || fdatasync(fd))
		rc = -(errno ? errno : ENOSPC);
	close(fd);
	if (rc)
		unlink(path);
	return rc;
}

void km_secret_remove(const char *path)
{
	static const char zeros[4096];
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size > 0 && st.st_size <= (off_t)sizeof(zeros) &&
	    write(fd, zeros, (size_t)st.st_size) == st.st_size)
		fdatasync(fd);
	close(fd);
	unlink(path);
}

int km_psk_new(struct km_psk *k, struct km_err *err)
{
	int rc = gnutls_rnd(GNUTLS_RND_KEY, k->key, sizeof(k->key));

	return rc ? km_err_set(err, -EIO, "no random numbers: %s", gnutls_strerror(rc)) : 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 :
				      -1;
}

int km_psk_parse(struct km_psk *k, const char *text, size_t len)
{
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	if (len != 2 * KM_PSK_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < KM_PSK_BYTES; i++) {
		int hi = digit(text[2 * i]), lo = digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		k->key[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

int km_psk_read(struct km_psk *k, const char *path, struct km_err *err)
{
	char text[256];
	size_t len;
	int rc = km_secret_read(path, text, sizeof(text), &len, err);

	if (!rc && km_psk_parse(k, text, len))
		rc = km_err_set(err, -EINVAL, "%s: a pre-shared key is %d hexadecimal digits",
				strcmp(path, "-") ? path : "standard input", 2 * KM_PSK_BYTES);
	km_wipe(text, sizeof(text));
	return rc;
}

void km_psk_text(const struct km_psk *k, char text[2 * KM_PSK_BYTES + 1])
{
	for (size_t i = 0; i < KM_PSK_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", k->key[i]);
}

void km_psk_id(const struct km_psk *k, char id[KM_PSK_ID])
{
	static const char label[] = "kmigrate psk id";
	uint8_t in[sizeof(label) + KM_PSK_BYTES], hash[32];

	memcpy(in, label, sizeof(label));
	memcpy(in + sizeof(label), k->key, KM_PSK_BYTES);
	gnutls_hash_fast(GNUTLS_DIG_SHA256, in, sizeof(in), hash);
	for (size_t i = 0; i < KM_PSK_ID / 2; i++)
		snprintf(id + 2 * i, 3, "%02x", hash[i]);
	km_wipe(in, sizeof(in));
}
