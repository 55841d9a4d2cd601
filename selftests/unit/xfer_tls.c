// SPDX-License-Identifier: GPL-2.0
/* Who gets through the door (door.h), and who is let in to whom (tls.h). */
#include "ktap.h"
#include "certs.h"
#include "tlspeer.h"

static char dir[] = "/tmp/xfer_tls.XXXXXX";
static struct ca ours, other, twin; /* the twin has our CA's name, and another key */

/* ---- folders of certificates ---- */

static const struct cert_wish server = { .purpose = GNUTLS_KP_TLS_WWW_SERVER,
					 .dns = "localhost",
					 .ip = "127.0.0.1",
					 .serial = 2,
					 .from = -HOUR,
					 .to = HOUR };
static const struct cert_wish client = {
	.purpose = GNUTLS_KP_TLS_WWW_CLIENT, .serial = 3, .from = -HOUR, .to = HOUR
};

static const char *folder(const char *name, const struct ca *trusts, const struct ca *by,
			  const struct cert_wish *s, const struct cert_wish *c)
{
	static char path[8][64];
	static unsigned int n;
	char *p = path[n++ % 8];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	mkdir(p, 0700);
	write_ca(p, trusts);
	write_cert(p, by, "server", s);
	write_cert(p, by, "client", c);
	return p;
}

static struct km_creds *open_dir(const char *path, const char *name, bool destination)
{
	struct km_creds_wish w = { .kind = KM_SECURE_X509, .path = path, .name = name };
	struct km_err err = { 0 };
	struct km_creds *c;

	if (km_creds_open(&c, &w, destination ? no_older : NULL, &err)) {
		printf("# %s\n", err.text);
		exit(1);
	}
	return c;
}

/* A visit between two folders, and what each end says of it; NULL: nothing bad. */
static bool meeting(const char *from, const char *to, const char *name, const char *host,
		    const char *source_says, const char *destination_says)
{
	struct km_creds *s = open_dir(from, name, false), *d = open_dir(to, NULL, true);
	struct km_err err = { 0 };
	struct host h;
	bool ok;

	host_open(&h, d);
	ok = !visit(&h, s, host, &err) == !source_says;
	if (source_says && !strstr(err.text, source_says))
		ok = false;
	if (!ok)
		printf("# the source: %s\n", err.text);
	if (destination_says && !host_refuses(&h, destination_says))
		ok = false;
	host_close(&h);
	if (!destination_says && h.refusals)
		ok = false;
	km_creds_free(s);
	km_creds_free(d);
	return ok;
}

static void certificates(bool *ok)
{
	const char *good = folder("good", &ours, &ours, &server, &client);

	CHECK(meeting(good, good, NULL, "localhost", NULL, NULL));
	CHECK(meeting(good, good, NULL, "127.0.0.1", NULL, NULL));
	CHECK(meeting(good, good, "localhost", "127.0.0.1", NULL, NULL));
}

static void wrong_name(bool *ok)
{
	const char *good = folder("name", &ours, &ours, &server, &client);

	CHECK(meeting(good, good, "elsewhere", "127.0.0.1",
		      "not accepted for elsewhere: The certificate is NOT trusted. The name in the "
		      "certificate does not match",
		      "refused TLS"));
}

static void wrong_ca(bool *ok)
{
	const char *good = folder("good2", &ours, &ours, &server, &client);
	/* They trust our CA, and have their certificates from another. */
	const char *bad = folder("foreign", &ours, &other, &server, &client);
	const char *false_name = folder("twin", &ours, &twin, &server, &client);

	/* Asked for one of our CA's, the source shows none (RFC 8446, 4.2.4). */
	CHECK(meeting(bad, good, NULL, "localhost", "the peer refused TLS",
		      "the source has no certificate"));
	CHECK(meeting(false_name, good, NULL, "localhost", "the peer refused TLS",
		      "the source's certificate is not accepted"));
	CHECK(meeting(good, bad, NULL, "localhost", "The certificate issuer is unknown",
		      "refused TLS"));
	CHECK(meeting(good, false_name, NULL, "localhost", "certificate is not accepted",
		      "refused TLS"));
}

static void wrong_purpose(bool *ok)
{
	const char *good = folder("good3", &ours, &ours, &server, &client);
	struct cert_wish as_server = client, as_client = server;
	const char *bad;

	as_server.dns = "localhost";
	bad = folder("swapped", &ours, &ours, &as_server, &as_client);
	CHECK(meeting(good, bad, NULL, "localhost", "the intended purpose", "refused TLS"));
	CHECK(meeting(bad, good, NULL, "localhost", "the peer refused TLS",
		      "the intended purpose"));
}

static void revoked(bool *ok)
{
	const char *good = folder("revokes", &ours, &ours, &server, &client);
	const char *bad = folder("revoked", &ours, &ours, &server, &client);

	write_crl(good, &ours, client.serial);
	CHECK(meeting(bad, good, NULL, "localhost", "the peer refused TLS", "revoked"));
}

/* Certificates that run out, or begin, while kmigrate waits; one that is over is not taken at all. */
static void expired(bool *ok)
{
	struct cert_wish short_s = server, short_c = client, over = client;
	const char *good = folder("good4", &ours, &ours, &server, &client), *bad;
	struct km_creds_wish w = { .kind = KM_SECURE_X509 };
	struct km_creds *s, *d, *gs, *gd, *none;
	struct km_err err = { 0 };
	struct host h;

	short_s.to = short_c.to = 2;
	bad = folder("short", &ours, &ours, &short_s, &short_c);
	s = open_dir(bad, NULL, false);
	d = open_dir(bad, NULL, true);
	gs = open_dir(good, NULL, false);
	gd = open_dir(good, NULL, true);
	sleep(4);
	host_open(&h, gd);
	CHECK(visit(&h, s, "localhost", &err) && strstr(err.text, "the peer refused TLS"));
	CHECK(host_refuses(&h, "expired"));
	host_close(&h);
	host_open(&h, d);
	CHECK(visit(&h, gs, "localhost", &err) && strstr(err.text, "expired"));
	host_close(&h);
	w.path = bad;
	CHECK(km_creds_open(&none, &w, NULL, &err) &&
	      strstr(err.text, "client-cert.pem has expired"));
	over.from = HOUR / 2;
	w.path = folder("early", &ours, &ours, &server, &over);
	CHECK(km_creds_open(&none, &w, NULL, &err) && strstr(err.text, "not valid yet"));
	km_creds_free(s);
	km_creds_free(d);
	km_creds_free(gs);
	km_creds_free(gd);
}

/* ---- keys ---- */

static void keys(bool *ok)
{
	struct km_creds *s, *d, *s2, *d2;
	struct km_err err = { 0 };
	struct host h;

	new_pair(&s, &d, no_older);
	new_pair(&s2, &d2, no_older);
	host_open(&h, d);
	CHECK(!visit(&h, s, "127.0.0.1", &err));
	CHECK(!h.older && !h.refusals);
	CHECK(visit(&h, s2, "127.0.0.1", &err) &&
	      strstr(err.text, "does not know this pre-shared key"));
	CHECK(host_refuses(&h, "the source has another pre-shared key"));
	CHECK(!visit(&h, s, "127.0.0.1", &err)); /* it still waits */
	/* The right name for a wrong key. */
	gnutls_psk_free_client_credentials(s2->psk_client);
	gnutls_psk_allocate_client_credentials(&s2->psk_client);
	gnutls_psk_set_client_credentials(s2->psk_client, d->psk_id,
					  &(gnutls_datum_t){ .data = s2->psk.key,
							     .size = sizeof(s2->psk.key) },
					  GNUTLS_PSK_KEY_RAW);
	CHECK(visit(&h, s2, "127.0.0.1", &err) && h.let_in == 2);
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
	km_creds_free(s2);
	km_creds_free(d2);
}

static struct km_psk older_key;

static int find_older(const char *id, struct km_psk *k)
{
	char its[KM_PSK_ID];

	km_psk_id(&older_key, its);
	*k = older_key;
	return strcmp(id, its) ? -ENOENT : 0;
}

/* It gets in by the key of an earlier move, whatever the destination goes by, and it shows. */
static void older_keys(bool *ok)
{
	const char *good = folder("good5", &ours, &ours, &server, &client);
	struct km_creds_wish w = { .kind = KM_SECURE_X509, .path = good };
	struct km_creds *s, *d, *s2, *d2, *x;
	struct km_err err = { 0 };
	struct host h;

	new_pair(&s, &d, find_older);
	new_pair(&s2, &d2, no_older);
	older_key = s2->psk;
	host_open(&h, d);
	CHECK(!visit(&h, s2, "127.0.0.1", &err) && h.older);
	CHECK(!visit(&h, s, "127.0.0.1", &err) && !h.older);
	host_close(&h);
	CHECK(!km_creds_open(&x, &w, find_older, &err));
	host_open(&h, x);
	CHECK(!visit(&h, s2, "127.0.0.1", &err) && h.older);
	CHECK(visit(&h, s, "127.0.0.1", &err));
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
	km_creds_free(s2);
	km_creds_free(d2);
	km_creds_free(x);
}

static void one_kind_each(bool *ok)
{
	const char *good = folder("good6", &ours, &ours, &server, &client);
	struct km_creds *s, *d, *xs = open_dir(good, NULL, false), *xd = open_dir(good, NULL, true);
	struct km_err err = { 0 };
	struct host h;

	new_pair(&s, &d, no_older);
	host_open(&h, d);
	CHECK(visit(&h, xs, "localhost", &err) && strstr(err.text, "the destination refused TLS"));
	CHECK(host_refuses(&h, "does not go by a pre-shared key"));
	host_close(&h);
	host_open(&h, xd);
	CHECK(visit(&h, s, "localhost", &err) && strstr(err.text, "does not know this pre-shared"));
	CHECK(host_refuses(&h, ""));
	host_close(&h);
	km_creds_free(s);
	km_creds_free(d);
	km_creds_free(xs);
	km_creds_free(xd);
}

static void write_key(const char *text, int mode)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/psk", dir);
	unlink(path);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	chmod(path, (mode_t)mode);
}

static bool key_is(int rc, const char *words)
{
	char path[64];
	struct km_err err = { 0 };
	struct km_psk k;
	int got;

	snprintf(path, sizeof(path), "%s/psk", dir);
	got = km_psk_read(&k, path, &err);
	if (got == rc && strstr(err.text, words))
		return true;
	printf("# %d: %s\n", got, err.text);
	return false;
}

static void key_files(bool *ok)
{
#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
	char text[2 * KM_PSK_BYTES + 1];
	struct km_psk k;

	write_key(DIGITS "\n", 0600);
	CHECK(key_is(0, ""));
	CHECK(!km_psk_parse(&k, DIGITS, strlen(DIGITS)) && k.key[1] == 0x11 && k.key[31] == 0xff);
	km_psk_text(&k, text);
	CHECK(!strcasecmp(text, DIGITS));
	write_key(DIGITS, 0640);
	CHECK(key_is(0, ""));
	write_key(DIGITS, 0644);
	CHECK(key_is(-EACCES, "open to others (mode 0644): chmod 600"));
	write_key(DIGITS, 0660);
	CHECK(key_is(-EACCES, "open to others"));
	write_key(DIGITS "0", 0600);
	CHECK(key_is(-EINVAL, "64 hexadecimal digits"));
	write_key("0x" DIGITS, 0600);
	CHECK(key_is(-EINVAL, "64 hexadecimal digits"));
	write_key("", 0600);
	CHECK(key_is(-EINVAL, "64 hexadecimal digits"));
	write_key("g0112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF", 0600);
	CHECK(key_is(-EINVAL, "64 hexadecimal digits"));
}

/* A folder of which one file is missing, open to others, or something else. */
static bool folder_is(const char *name, const char *file, int mode, const char *text,
		      bool destination, const char *words)
{
	const char *path = folder(name, &ours, &ours, &server, &client);
	struct km_creds_wish w = { .kind = KM_SECURE_X509, .path = path };
	struct km_err err = { 0 };
	struct km_creds *c;
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", path, file);
	if (text)
		write_pem(path, file,
			  &(gnutls_datum_t){ .data = (unsigned char *)(uintptr_t)text,
					     .size = (unsigned int)strlen(text) });
	else if (mode)
		chmod(full, (mode_t)mode);
	else
		unlink(full);
	if (km_creds_open(&c, &w, destination ? no_older : NULL, &err) && strstr(err.text, file) &&
	    strstr(err.text, words))
		return true;
	printf("# %s: %s\n", file, err.text);
	return false;
}

static void folders(bool *ok)
{
	CHECK(folder_is("f1", "ca-cert.pem", 0, NULL, false, "No such file"));
	CHECK(folder_is("f2", "client-cert.pem", 0, NULL, false, "No such file"));
	CHECK(folder_is("f3", "server-key.pem", 0, NULL, true, "No such file"));
	CHECK(folder_is("f4", "client-key.pem", 0644, NULL, false, "open to others"));
	CHECK(folder_is("f5", "ca-cert.pem", 0, "no PEM", false, ""));
	CHECK(folder_is("f6", "server-cert.pem", 0, "no PEM", true, ""));
	CHECK(folder_is("f7", "ca-crl.pem", 0, "no PEM", true, ""));
}

static const struct ktap_case cases[] = {
	{ "certificates: by name, by address, by --tls-name", certificates },
	{ "certificates: one for another host", wrong_name },
	{ "certificates: of another CA, each way", wrong_ca },
	{ "certificates: a source's is none of a destination, nor the other way", wrong_purpose },
	{ "certificates: revoked", revoked },
	{ "certificates: expired, here or there, and not valid yet", expired },
	{ "keys: the same, another, another by the same name", keys },
	{ "keys: of an earlier move", older_keys },
	{ "certificates here and a key there", one_kind_each },
	{ "key files: what is taken", key_files },
	{ "folders: what is missing, open to others, or no certificate", folders },
};

int main(void)
{
	char command[64];
	int rc;

	if (!mkdtemp(dir))
		return 1;
	ours = new_ca("ours");
	other = new_ca("other");
	twin = new_ca("ours");
	rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	free_ca(&ours);
	free_ca(&other);
	free_ca(&twin);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) || rc;
}
