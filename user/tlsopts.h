/* SPDX-License-Identifier: GPL-2.0 */
/* The options about encryption that `run` and `receive` have in common. */
#ifndef KM_TLSOPTS_H
#define KM_TLSOPTS_H

#include "opts.h"
#include "xfer/creds.h"

struct km_tls_opts {
	const char *dir, *psk_file, *name;
	bool insecure;
};

/* Rows of the table of a command whose options, in a type, have a struct km_tls_opts tls. */
#define KM_TLS_OPTS(type)                                                                         \
	{ "tls-dir",                                                                              \
	  KM_OPT_STRING,                                                                          \
	  offsetof(type, tls.dir),                                                                \
	  "DIR",                                                                                  \
	  "encrypt, and know the other end by its certificate: a folder of QEMU's layout",        \
	  0,                                                                                      \
	  0,                                                                                      \
	  NULL,                                                                                   \
	  false },                                                                                \
		{ "psk-file",                                                                     \
		  KM_OPT_STRING,                                                                  \
		  offsetof(type, tls.psk_file),                                                   \
		  "FILE",                                                                         \
		  "encrypt by a pre-shared key, 64 hexadecimal digits; - reads standard input",   \
		  0,                                                                              \
		  0,                                                                              \
		  NULL,                                                                           \
		  false },                                                                        \
	{                                                                                         \
		"insecure", KM_OPT_FLAG, offsetof(type, tls.insecure), NULL,                      \
			"don't encrypt: who is on the network reads and changes the guest", 0, 0, \
			NULL, false                                                               \
	}
#define KM_TLS_NAME_OPT(type)                                                                  \
	{                                                                                      \
		"tls-name", KM_OPT_STRING, offsetof(type, tls.name), "NAME",                   \
			"with --tls-dir: whom the destination's certificate is for (default: " \
			"the host of --to)",                                                   \
			0, 0, NULL, false                                                      \
	}

/* 0, 1 if none of the three was given, or -EINVAL after one line. */
int km_tls_wish_of(const char *command, const struct km_tls_opts *o, struct km_creds_wish *wish);
/* The line for a command that needs one of them. */
int km_tls_none(const char *command);

#endif
