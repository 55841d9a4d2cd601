// SPDX-License-Identifier: GPL-2.0
/* What a source would have its destination run, by lines: rules, "--", arguments. */
#include <errno.h>
#include "fuzz.h"
#include "xfer/allow.h"

#define ARGS 64

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const texts[] = {
		"\n--\n/usr/bin/qemu-system-x86_64\n-m\n1G\n-drive\nfile=/srv/a,,b,if=none\n-nodefaults",
		("file /srv/* !/srv/no # x\nrun /x\n--\n/usr/bin/qemu-system-x86_64\n-blockdev\n"
		 "{\"driver\": \"file\", \"filename\": \"\\u002fsrv/./a\", \"x\": [{\"y\": null}]}"),
		"\n--\n/usr/bin/qemu-system-x86_64\n-drive\nfile=json:{\"file\":\"\\/srv\\/a\"}\n/srv/disk",
		("exe /q\noption -netdev\nrun /bin/x\n--\n/q\n-netdev\n"
		 "user,guestfwd=tcp:1.2.3.4:5-cmd:/bin/x"),
	};

	return i < sizeof(texts) / sizeof(texts[0]) ? fuzz_text(buf, texts[i]) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *in = fuzz_string(data, len), *args = strstr(in, "\n--\n"), *argv[ARGS] = { NULL };
	struct km_allow *a = NULL;
	struct km_err err = { 0 };
	unsigned int n = 0;
	int rc;

	if (args) {
		*args = '\0';
		args += 4;
		while (n < ARGS - 1 && (argv[n] = strsep(&args, "\n")))
			n++;
	}
	rc = km_allow_parse(&a, in, "rules", &err);
	must(!rc == !!a && (!rc || (rc == -EINVAL && err.text[0])));
	if (!rc && argv[0]) {
		rc = km_allow_judge(a, argv, &err);
		must(!rc || (rc == -EACCES && err.text[0]));
		fuzz_accepted += !rc;
	}
	km_allow_free(a);
	free(in);
	return 0;
}
