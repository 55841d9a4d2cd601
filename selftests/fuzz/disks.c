// SPDX-License-Identifier: GPL-2.0
/* The disks in a peer's HELLO and in its answer, and QEMU's own list of them. */
#include <stdlib.h>
#include <string.h>
#include "disk/diskwire.h"
#include "fuzz.h"

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const texts[] = {
		"{\"mirror\":true,\"list\":[{\"id\":\"d0\",\"path\":\"/srv/a\",\"format\":\"raw\","
		"\"bytes\":1048576,\"allocated_bytes\":4096,\"network\":false,\"rewritten\":false,"
		"\"why_not\":\"\",\"inode\":\"12\",\"network_fs\":false,\"token\":"
		"\".kmigrate-0123456789abcdef0123456789abcdef\",\"secret\":\"0123456789abcdef"
		"0123456789abcdef0123456789abcdef0123456789abcdef\"}]}",
		"[{\"how\":\"mirrored\",\"path\":\"/b/a\",\"allocated_bytes\":1}]",
		"[{\"device\":\"d0\",\"qdev\":\"x\",\"inserted\":{\"image\":{\"virtual-size\":512,"
		"\"filename\":\"json:{\\\"file\\\":{\\\"driver\\\":\\\"file\\\",\\\"filename\\\":"
		"\\\"/a\\\"}}\"},\"ro\":false,\"node-name\":\"#b\",\"drv\":\"raw\"}}]",
		"[{\"device\":\"\",\"inserted\":{\"image\":{\"virtual-size\":1024,\"filename\":"
		"\"nbd:x\",\"snapshots\":[{}],\"format-specific\":{\"data\":{\"data-file\":\"d\"}}},"
		"\"node-name\":\"n\",\"drv\":\"qcow2\",\"dirty-bitmaps\":[{\"persistent\":true}]}}]",
	};

	return i < sizeof(texts) / sizeof(texts[0]) ? fuzz_text(buf, texts[i]) : 0;
}

static void check(const struct km_disk *d)
{
	must(strlen(d->id) < sizeof(d->id) && !strchr(d->path, '\n'));
	must(d->why_not[0] || (d->path[0] == '/' && d->bytes && !(d->bytes % 512)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	json_t *j = json_loadb((const char *)data, len, 0, NULL), *again;
	static struct km_disk_fate fate[KM_DISKS_MAX];
	static struct km_disks d;
	struct km_err err = { 0 };
	bool mirror;

	if (!km_disks_offer_parse(j, &d, &mirror, &err)) {
		fuzz_accepted++;
		for (unsigned int i = 0; i < d.n; i++) {
			check(&d.d[i]);
			must(!strchr(d.d[i].proof.name, '/'));
		}
		again = km_disks_offer(&d, mirror);
		must(again && !km_disks_offer_parse(again, &d, &mirror, &err));
		json_decref(again);
	} else {
		must(err.text[0]);
	}
	if (!km_disks_answer_parse(j, 1, fate, &err))
		fuzz_accepted++;
	if (!km_disks_parse(j, &d, &err)) {
		fuzz_accepted++;
		for (unsigned int i = 0; i < d.n; i++)
			check(&d.d[i]);
	}
	json_decref(j);
	return 0;
}
