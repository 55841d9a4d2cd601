// SPDX-License-Identifier: GPL-2.0
#include "tlsopts.h"

#include <errno.h>
#include <stdio.h>

int km_tls_none(const char *command)
{
	fprintf(stderr,
		"kmigrate %s: say how the connection is protected: --psk-file FILE or --tls-dir "
		"DIR (TLS 1.3), or --insecure for none\n",
		command);
	return -EINVAL;
}

int km_tls_wish_of(const char *command, const struct km_tls_opts *o, struct km_creds_wish *wish)
{
	*wish = (struct km_creds_wish){
		.kind = o->dir	    ? KM_SECURE_X509 :
			o->psk_file ? KM_SECURE_PSK :
				      KM_SECURE_NOT,
		.path = o->dir ? o->dir : o->psk_file,
		.name = o->name,
	};
	if (!!o->dir + !!o->psk_file + o->insecure > 1) {
		fprintf(stderr,
			"kmigrate %s: --tls-dir, --psk-file and --insecure exclude each other\n",
			command);
		return -EINVAL;
	}
	if (o->name && !o->dir) {
		fprintf(stderr, "kmigrate %s: --tls-name goes with --tls-dir\n", command);
		return -EINVAL;
	}
	return !o->dir && !o->psk_file && !o->insecure;
}
