// SPDX-License-Identifier: GPL-2.0
/* An entry of the journal, as whatever wrote into its folder left it.  What is taken must be
 * safe to show, and must be the same once it is written and read again. */
#include <errno.h>
#include "fuzz.h"
#include "xfer/journal.h"

#define TEN "a234567890"
#define E50 "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" \
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" \
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const texts[] = {
		"{\"id\": \"0123456789ab\", \"side\": \"source\", \"step\": \"go\", \"vm\": \"web\",\n"
		" \"uuid\": \"01234567-89ab-cdef-0123-456789abcdef\", \"pid\": 4711,\n"
		" \"qmp\": \"/run/web.qmp\", \"was_running\": true, \"host\": \"::1\", \"port\": \"4777\",\n"
		" \"session\": \"00ff\", \"secure\": \"x509\", \"tls_dir\": \"/etc/pki/qemu\",\n"
		" \"tls_name\": \"b.example\", \"note\": \"a \\\"note\\\"\", \"owner_pid\": 12,\n"
		" \"updated_s\": 1700000000}",
		"{\"id\": \"ab\", \"side\": \"destination\", \"step\": \"stayed\"}",
		/* An id and a note that are too long by one, and half a character at a cut. */
		"{\"id\": \"" "0123456789012345678901234567890123456789" "\", \"step\": \"moved\"}",
		"{\"id\": \"a\", \"step\": \"lost\", \"vm\": \"x" E50 E50 E50 "\", \"port\": \"x" E50 "\"}",
		"{\"id\": \"a\", \"step\": \"started\", \"note\": \"\\u001b[2J\\n\", \"pid\": -1e3}",
	};

	return i < sizeof(texts) / sizeof(texts[0]) ? fuzz_text(buf, texts[i]) : 0;
}

static void text(const char *s, size_t size)
{
	must(memchr(s, '\0', size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct km_journal j, again;
	char *in = fuzz_string(data, len), *out;
	int rc = km_journal_parse(&j, in, len);

	free(in);
	must(!rc || rc == -EBADMSG);
	if (rc)
		return 0;
	fuzz_accepted++;
	text(j.vm_name, sizeof(j.vm_name));
	text(j.uuid, sizeof(j.uuid));
	text(j.qmp, sizeof(j.qmp));
	text(j.host, sizeof(j.host));
	text(j.port, sizeof(j.port));
	text(j.session, sizeof(j.session));
	text(j.secure, sizeof(j.secure));
	text(j.tls_dir, sizeof(j.tls_dir));
	text(j.tls_name, sizeof(j.tls_name));
	text(j.note, sizeof(j.note));
	must(j.id[0] && strspn(j.id, "0123456789abcdef") == strlen(j.id));
	must(km_step_name(j.step)[0]);
	must(j.vm_pid >= 0 && j.owner_pid >= 0);
	out = km_journal_text(&j);
	must(out);
	must(!km_journal_parse(&again, out, strlen(out)));
	must(!memcmp(&j, &again, sizeof(j)));
	free(out);
	return 0;
}
