/* SPDX-License-Identifier: GPL-2.0 */
/* Certificates for the unit tests: authorities, and folders in QEMU's layout. */
#ifndef UNIT_CERTS_H
#define UNIT_CERTS_H

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HOUR 3600

struct ca {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
};

struct cert_wish {
	const char *purpose, *dns, *ip; /* ip: an IPv4 address */
	unsigned char serial;
	time_t from, to; /* since now */
};

static inline void must(int rc, const char *what)
{
	if (rc < 0) {
		printf("# %s: %s\n", what, gnutls_strerror(rc));
		exit(1);
	}
}

static inline void write_pem(const char *dir, const char *name, const gnutls_datum_t *pem)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	must(f && fwrite(pem->data, 1, pem->size, f) == pem->size && !fclose(f) ? 0 : -1, path);
	chmod(path, 0600);
}

static inline gnutls_x509_privkey_t new_key(void)
{
	gnutls_x509_privkey_t key;

	must(gnutls_x509_privkey_init(&key), "key");
	must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
	     "key");
	return key;
}

static inline gnutls_x509_crt_t new_crt(gnutls_x509_privkey_t key, unsigned char serial,
					const char *name, time_t from, time_t to)
{
	time_t now = time(NULL);
	gnutls_x509_crt_t crt;

	must(gnutls_x509_crt_init(&crt), "certificate");
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, &serial, 1);
	gnutls_x509_crt_set_activation_time(crt, now + from);
	gnutls_x509_crt_set_expiration_time(crt, now + to);
	gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
				      (unsigned int)strlen(name));
	must(gnutls_x509_crt_set_key(crt, key), "certificate's key");
	return crt;
}

static inline struct ca new_ca(const char *name)
{
	struct ca ca = { .key = new_key() };

	ca.crt = new_crt(ca.key, 1, name, -HOUR, HOUR);
	gnutls_x509_crt_set_basic_constraints(ca.crt, 1, -1);
	gnutls_x509_crt_set_key_usage(ca.crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	must(gnutls_x509_crt_sign2(ca.crt, ca.crt, ca.key, GNUTLS_DIG_SHA256, 0), "CA");
	return ca;
}

static inline void free_ca(struct ca *ca)
{
	gnutls_x509_crt_deinit(ca->crt);
	gnutls_x509_privkey_deinit(ca->key);
}

static inline void write_ca(const char *dir, const struct ca *ca)
{
	gnutls_datum_t pem;

	must(gnutls_x509_crt_export2(ca->crt, GNUTLS_X509_FMT_PEM, &pem), "CA");
	write_pem(dir, "ca-cert.pem", &pem);
	gnutls_free(pem.data);
}

/* ROLE-cert.pem, ROLE-key.pem */
static inline void write_cert(const char *dir, const struct ca *ca, const char *role,
			      const struct cert_wish *w)
{
	gnutls_x509_privkey_t key = new_key();
	gnutls_x509_crt_t crt = new_crt(key, w->serial, role, w->from, w->to);
	unsigned char ip[4];
	gnutls_datum_t pem;
	char name[64];

	gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
	gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	gnutls_x509_crt_set_key_purpose_oid(crt, w->purpose, 0);
	if (w->dns)
		gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, w->dns,
						     (unsigned int)strlen(w->dns), GNUTLS_FSAN_SET);
	if (w->ip) {
		sscanf(w->ip, "%hhu.%hhu.%hhu.%hhu", &ip[0], &ip[1], &ip[2], &ip[3]);
		gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, 4,
						     GNUTLS_FSAN_APPEND);
	}
	must(gnutls_x509_crt_sign2(crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0), "certificate");
	snprintf(name, sizeof(name), "%s-cert.pem", role);
	must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), "certificate");
	write_pem(dir, name, &pem);
	gnutls_free(pem.data);
	snprintf(name, sizeof(name), "%s-key.pem", role);
	must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), "key");
	write_pem(dir, name, &pem);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

/* ca-crl.pem, which takes one certificate back */
static inline void write_crl(const char *dir, const struct ca *ca, unsigned char serial)
{
	time_t now = time(NULL);
	gnutls_x509_crl_t crl;
	gnutls_datum_t pem;

	must(gnutls_x509_crl_init(&crl), "CRL");
	gnutls_x509_crl_set_version(crl, 2);
	gnutls_x509_crl_set_this_update(crl, now - HOUR);
	gnutls_x509_crl_set_next_update(crl, now + HOUR);
	gnutls_x509_crl_set_crt_serial(crl, &serial, 1, now - HOUR);
	must(gnutls_x509_crl_sign2(crl, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0), "CRL");
	must(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem), "CRL");
	write_pem(dir, "ca-crl.pem", &pem);
	gnutls_free(pem.data);
	gnutls_x509_crl_deinit(crl);
}

#endif
