// SPDX-License-Identifier: GPL-2.0
/* Disks as QEMU lists them: which the guest can write, where they are, what stands in the way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "disk/disk.h"
#include "ktap.h"

static struct km_disks disks;
static struct km_err err;

/* What QEMU 7.2.22 said of `-drive file=a.raw,format=raw,if=none,id=d0 -device ide-hd,drive=d0`
 * and `-blockdev qcow2,file=f1,node-name=d1 -device virtio-blk,drive=d1,id=vd1`, less statistics. */
static const char raw[] =
	"{'device':'d0','qdev':'/machine/peripheral-anon/device[0]','inserted':{'detect_zeroes':"
	"'off','image':{'virtual-size':268435456,'filename':'/srv/a.raw','format':'raw',"
	"'actual-size':20971520,'dirty-flag':false},'ro':false,'node-name':'#block147',"
	"'backing_file_depth':0,'drv':'raw','encrypted':false,'file':'/srv/a.raw'}}";
static const char qcow2[] =
	"{'device':'','qdev':'/machine/peripheral/vd1/virtio-backend','inserted':{'image':{"
	"'virtual-size':67108864,'filename':'/srv/a.q','cluster-size':65536,'format':'qcow2',"
	"'actual-size':200704,'format-specific':{'type':'qcow2','data':{'compat':'1.1',"
	"'compression-type':'zlib','lazy-refcounts':false,'refcount-bits':16,'corrupt':false,"
	"'extended-l2':false}},'dirty-flag':false},'ro':false,'node-name':'d1',"
	"'backing_file_depth':0,'drv':'qcow2','encrypted':false,'file':'/srv/a.q'}}";

static int parse(const char *list)
{
	char *text = strdup(list);
	json_t *j;
	int rc;

	for (char *p = text; (p = strchr(p, '\'')); p++)
		*p = '"';
	j = json_loads(text, 0, NULL);
	free(text);
	if (!j)
		abort();
	rc = km_disks_parse(j, &disks, &err);
	json_decref(j);
	return rc;
}

/* One disk, with `from` of it replaced. */
static const struct km_disk *with(const char *disk, const char *from, const char *to)
{
	static char list[4096];
	const char *at = strstr(disk, from);

	if (!at)
		abort();
	snprintf(list, sizeof(list), "[%.*s%s%s]", (int)(at - disk), disk, to, at + strlen(from));
	return parse(list) || disks.n != 1 ? NULL : &disks.d[0];
}

static void both(bool *ok)
{
	char list[4096];

	snprintf(list, sizeof(list), "[%s,%s]", raw, qcow2);
	CHECK(!parse(list) && disks.n == 2);
	CHECK(!strcmp(disks.d[0].id, "d0") && !strcmp(disks.d[0].path, "/srv/a.raw"));
	CHECK(!strcmp(disks.d[0].format, "raw") && disks.d[0].bytes == 268435456);
	CHECK(disks.d[0].allocated_bytes == 20971520 && !disks.d[0].why_not[0]);
	CHECK(!strcmp(disks.d[1].id, "d1") && !strcmp(disks.d[1].format, "qcow2"));
	CHECK(!disks.d[1].why_not[0] && !disks.d[1].network && !disks.d[1].rewritten);
}

static void left_out(bool *ok)
{
	CHECK(!parse("[]") && !disks.n);
	CHECK(!parse("[{'device':'ide1-cd0','removable':true,'locked':false}]") && !disks.n);
	CHECK(!with(raw, "'ro':false", "'ro':true") && !disks.n);
	CHECK(parse("{}") == -EPROTO);
}

static void too_many(bool *ok)
{
	char *list = calloc(1, 100 * sizeof(raw));

	strcpy(list, "[");
	for (int i = 0; i <= KM_DISKS_MAX; i++)
		strcat(strcat(list, i ? "," : ""), raw);
	strcat(list, "]");
	CHECK(parse(list) == -E2BIG && err.text[0]);
	free(list);
}

static void obstacles(bool *ok)
{
	static const struct {
		const char *disk, *from, *to, *why;
	} t[] = {
		{ raw, "'drv':'raw'", "'drv':'vmdk'", "neither raw nor qcow2" },
		{ qcow2, "'encrypted':false", "'encrypted':true", "encrypted" },
		{ qcow2, "'compat':'1.1'", "'encrypt':{'format':'luks'}", "encrypted" },
		{ qcow2, "'backing_file_depth':0", "'backing_file_depth':1", "backing file" },
		{ qcow2, "'cluster-size'", "'backing-filename':'b','cluster-size'",
		  "backing file" },
		{ qcow2, "'cluster-size'", "'snapshots':[{'id':'1'}],'cluster-size'", "snapshots" },
		{ qcow2, "'compat':'1.1'", "'data-file':'/srv/d'", "another file" },
		{ qcow2, "'drv'", "'dirty-bitmaps':[{'persistent':true}],'drv'", "dirty bitmaps" },
		{ raw, "268435456", "268435457", "whole sectors" },
		{ raw, "'filename':'/srv/a.raw'", "'filename':'a.raw'", "absolute path" },
		{ raw, "'filename':'/srv/a.raw'", "'filename':'/dev/fdset/3'", "absolute path" },
		{ raw, "'filename':'/srv/a.raw'", "'filename':'/srv/a\\nb'", "absolute path" },
		{ raw, "'device':'d0'", "'device':''", "no name" },
		{ raw, "'filename':'/srv/a.raw'", "'filename':'rbd:pool/a'", "in a file" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		const struct km_disk *d = with(t[i].disk, t[i].from, t[i].to);

		CHECK(d && strstr(d->why_not, t[i].why));
		if (d && !strstr(d->why_not, t[i].why))
			printf("# case %zu: \"%s\"\n", i, d->why_not);
	}
	/* Bitmaps of a backup that runs are nobody's loss. */
	CHECK(!with(qcow2, "'drv'", "'dirty-bitmaps':[{'persistent':false}],'drv'")->why_not[0]);
}

static void elsewhere(bool *ok)
{
	static const struct {
		const char *to;
		bool network;
	} t[] = {
		{ "'filename':'nbd://host/x'", true },
		{ "'filename':'rbd:pool/a'", true },
		{ "'filename':'gluster+tcp://host/v/a'", true },
		/* Of this host alone. */
		{ "'filename':'nbd+unix:///x?socket=/s'", false },
		{ "'filename':'nvme://0000:01:00.0/1'", false },
		{ "'filename':'fat:rw:/srv/d'", false },
		{ "'filename':'nb://host/x'", false },
		{ "'filename':'://host/x'", false },
	};
	const struct km_disk *d;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		d = with(raw, "'filename':'/srv/a.raw'", t[i].to);
		CHECK(d && d->network == t[i].network && !d->path[0]);
		CHECK(d && strstr(d->why_not, "not in a file"));
	}
	d = with(raw, "'filename':'/srv/a.raw'", "'filename':'/srv/a:b.raw'");
	CHECK(d && !d->network && !strcmp(d->path, "/srv/a:b.raw") && !d->why_not[0]);
}

static void by_json(bool *ok)
{
	const struct km_disk *d;

	d = with(raw, "'filename':'/srv/a.raw'",
		 "'filename':'json:{\\'driver\\':\\'raw\\',\\'offset\\':512,\\'file\\':{\\'driver"
		 "\\':\\'file\\',\\'filename\\':\\'/srv/a.raw\\'}}'");
	CHECK(d && !strcmp(d->path, "/srv/a.raw") && !d->network && d->why_not[0]);
	d = with(raw, "'filename':'/srv/a.raw'",
		 "'filename':'json:{\\'driver\\':\\'raw\\',\\'file\\':{\\'driver\\':\\'rbd\\',"
		 "\\'pool\\':\\'p\\'}}'");
	CHECK(d && d->network && !d->path[0]);
	d = with(raw, "'filename':'/srv/a.raw'",
		 "'filename':'json:{\\'driver\\':\\'raw\\',\\'file\\':{\\'driver\\':\\'nbd\\',"
		 "\\'server\\':{\\'type\\':\\'unix\\',\\'path\\':\\'/s\\'}}}'");
	CHECK(d && !d->network && !d->path[0] && d->why_not[0]);
	d = with(raw, "'filename':'/srv/a.raw'", "'filename':'json:{'");
	CHECK(d && !d->network && !d->path[0] && d->why_not[0]);
}

static void firmware(bool *ok)
{
	const struct km_disk *d = with(raw, "'device':'d0'", "'device':'pflash1'");

	CHECK(d && d->rewritten);
	d = with(raw, "/machine/peripheral-anon/device[0]", "/machine/system.flash1");
	CHECK(d && d->rewritten);
	CHECK(!with(raw, "d0", "d0")->rewritten);
}

/* What a QEMU that waits has, beside the source's. */
static void alike(bool *ok)
{
	char why[KM_DISK_WHY_MAX] = "";
	struct km_disk there;

	if (!with(raw, "d0", "d0"))
		abort();
	there = disks.d[0];
	CHECK(!km_disk_alike(&there, with(raw, "20971520", "0"), why) && !why[0]);
	CHECK(!km_disk_alike(&there, with(raw, "/srv/a.raw", "/srv/b.raw"), why));
	CHECK(km_disk_alike(&there, with(raw, "268435456", "268435968"), why) == -ENOTSUP &&
	      strstr(why, "268435968 bytes, the source's with 268435456"));
	CHECK(km_disk_alike(&there, with(raw, "268435456", "268434944"), why) == -ENOTSUP);
	CHECK(km_disk_alike(&there, with(raw, "'drv':'raw'", "'drv':'qcow2'"), why) == -ENOTSUP &&
	      strstr(why, "as qcow2, the source's as raw"));
	CHECK(km_disk_alike(&there, with(raw, "depth':0", "depth':1"), why) == -ENOTSUP &&
	      strstr(why, "backing file"));
}

static const struct ktap_case cases[] = {
	{ "disks: as QEMU 7.2 lists a raw and a qcow2 one", both },
	{ "disks: what the guest can't write is left out", left_out },
	{ "disks: more than there is room for", too_many },
	{ "disks: what stands in a mirror's way", obstacles },
	{ "disks: by network, and colons in paths", elsewhere },
	{ "disks: named by JSON", by_json },
	{ "disks: firmware's variables", firmware },
	{ "disks: one that a QEMU has, beside the source's", alike },
};

KTAP_MAIN(cases)
