// SPDX-License-Identifier: GPL-2.0
/* Control groups: which one, and where. What a move does to a group is tried in a folder. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/cgroup.h"
#include "ktap.h"
#include "xfer/quota.h"
#include "xfer/weight.h"

static void groups(bool *ok)
{
	static const struct {
		const char *text, *group;
	} t[] = {
		{ "0::/a/b\n", "/a/b" },
		{ "0::/\n", "/" },
		{ "9:name=systemd:/x\n1:cpu:/y\n0::/z", "/z" },
		{ "0::/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator\n",
		  "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator" },
		{ "0::/with a blank (deleted) in it\n", "/with a blank (deleted) in it" },
		{ "0::/../above\n", "/../above" },
		{ "0::/gone (deleted)\n", NULL },
		{ "1:cpu:/only/v1\n", NULL },
		{ "10::/x\n", NULL },
		{ "0::relative\n", NULL },
		{ "0::\n", NULL },
		{ "", NULL },
	};
	char group[PATH_MAX], *large = malloc(PATH_MAX + 8);

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int rc = km_cgroup_parse(t[i].text, group);

		CHECK(rc == (t[i].group ? 0 : -ENOENT));
		CHECK(!t[i].group || !strcmp(group, t[i].group));
	}
	memset(large, 'x', PATH_MAX + 7);
	large[PATH_MAX + 7] = '\0';
	memcpy(large, "0::/", 4);
	CHECK(km_cgroup_parse(large, group) == -ENAMETOOLONG);
	free(large);
}

#define V1	 "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
#define V2(a, b) "41 31 0:38 " a " " b " rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw\n"

static void mounts(bool *ok)
{
	static const struct {
		const char *mountinfo, *group, *dir;
		int rc;
	} t[] = {
		{ V1 V2("/", "/sys/fs/cgroup"), "/a/b", "/sys/fs/cgroup/a/b", 0 },
		{ V2("/", "/sys/fs/cgroup"), "/", "/sys/fs/cgroup", 0 },
		{ V2("/", "/odd\\040name\\134x"), "/a", "/odd name\\x/a", 0 },
		{ V2("/a", "/mnt"), "/a/b", "/mnt/b", 0 },
		{ V2("/a", "/mnt"), "/a", "/mnt", 0 },
		{ V2("/a", "/mnt"), "/ab", NULL, -EXDEV },
		{ V2("/a", "/mnt") V2("/", "/cg"), "/ab", "/cg/ab", 0 },
		{ V2("/", "/cg"), "/../other", NULL, -EXDEV },
		{ V1, "/a", NULL, -ENOENT },
		{ "nonsense\n - cgroup2 \n1 - cgroup2 x y\n", "/a", NULL, -ENOENT },
		{ "", "/a", NULL, -ENOENT },
	};
	char dir[PATH_MAX];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int rc = km_cgroup_locate(t[i].mountinfo, t[i].group, dir);

		CHECK(rc == t[i].rc);
		CHECK(rc || !strcmp(dir, t[i].dir));
	}
}

static void libvirts(bool *ok)
{
#define SCOPE "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope"
#define PLAIN "/machine/qemu-1-web.libvirt-qemu"
	static const char *const t[][2] = {
		{ SCOPE "/libvirt/emulator", SCOPE },
		{ SCOPE "/libvirt/vcpu12", SCOPE },
		{ SCOPE "/libvirt/iothread1", SCOPE },
		{ SCOPE "/libvirt", SCOPE },
		{ SCOPE, SCOPE },
		{ PLAIN "/emulator", PLAIN "/emulator" },
		{ PLAIN "/libvirt/emulator", PLAIN },
		{ SCOPE "/libvirt/vcpux", SCOPE "/libvirt/vcpux" },
		{ "/user.slice/libvirt/emulator", "/user.slice/libvirt/emulator" },
		{ "/libvirt", "/libvirt" },
		{ "/emulator", "/emulator" },
		{ "/", "/" },
	};
	char group[PATH_MAX];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(group, sizeof(group), "%s", t[i][0]);
		km_cgroup_to_vm(group);
		CHECK(!strcmp(group, t[i][1]));
	}
}

/* ---- a folder that looks like a group ---- */

static char folder[32];

static bool make(void)
{
	strcpy(folder, "/tmp/kmigrate-cgroup-XXXXXX");
	return mkdtemp(folder);
}

static void set_file(const char *file, const char *value)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	f = fopen(path, "w");
	fprintf(f, "%s\n", value);
	fclose(f);
}

static bool file_is(const char *file, const char *wanted)
{
	char value[KM_CGROUP_VALUE];

	return !km_cgroup_read(folder, file, value) && !strcmp(value, wanted);
}

static void set(const char *weight)
{
	set_file("cpu.weight", weight);
}

static bool is(const char *weight)
{
	return file_is("cpu.weight", weight);
}

static void back(bool *ok)
{
	struct km_weight_facts facts = { 0 };
	struct km_weight w = { 0 };
	char line[PATH_MAX + 32];

	CHECK(make());
	snprintf(line, sizeof(line), "100 800 %s", folder);
	set("800");
	km_weight_parse(&w, line);
	CHECK(w.before == 100 && w.ours == 800 && !strcmp(w.dir, folder));
	km_weight_end(&w, &facts);
	CHECK(is("100") && !facts.changed_to && !facts.not_back[0]);
	set("800"); /* once is enough */
	km_weight_end(&w, &facts);
	CHECK(is("800"));

	set("300"); /* somebody's */
	km_weight_parse(&w, line);
	km_weight_end(&w, &facts);
	CHECK(is("300") && facts.changed_to == 300);

	set("100"); /* killed before it was raised */
	km_weight_parse(&w, line);
	km_weight_end(&w, NULL);
	CHECK(is("100"));

	memset(&facts, 0, sizeof(facts));
	set("nonsense");
	km_weight_parse(&w, line);
	km_weight_end(&w, &facts);
	CHECK(is("nonsense") && facts.not_back[0]);

	memset(&facts, 0, sizeof(facts));
	snprintf(line, sizeof(line), "%s/cpu.weight", folder);
	unlink(line);
	rmdir(folder);
	snprintf(line, sizeof(line), "100 800 %s", folder);
	km_weight_parse(&w, line);
	km_weight_end(&w, &facts); /* the group has gone */
	CHECK(!facts.not_back[0] && !facts.changed_to);

	memset(&w, 0, sizeof(w));
	km_weight_parse(&w, "100 800");
	km_weight_parse(&w, "x 800 /");
	CHECK(!w.ours);
}

static void own(bool *ok)
{
	struct km_weight_facts facts = { 0 };
	struct km_guard none = { 0 };
	struct km_weight w = { 0 };

	km_weight_begin(&w, 0, getpid(), &none, &facts);
	CHECK(!facts.wanted && !facts.on && !facts.why_not[0]);
	km_weight_begin(&w, 800, 0x7ffffffe, &none, &facts); /* no such process */
	CHECK(facts.wanted == 800 && !facts.on && facts.why_not[0] && !w.ours);
}

/* ---- quotas ---- */

static void limits(bool *ok)
{
	static const struct {
		const char *before;
		unsigned int percent;
		const char *value;
	} t[] = {
		{ "max 100000", 0, "max 100000" },
		{ "max 100000", 10, "9000 10000" },
		{ "max 100000", 90, "1000 10000" },
		{ "max 100000", 95, "1000 20000" },
		{ "max 100000", 99, "1000 100000" },
		{ "50000 100000", 0, "50000 100000" }, /* of what it had */
		{ "50000 100000", 50, "2500 10000" },
		{ "50000 100000", 99, "1000 200000" },
		{ "200000 100000", 50, "5000 10000" }, /* a thread has one CPU, at most */
		{ "nonsense", 50, "5000 10000" },
	};
	char value[KM_CGROUP_VALUE];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		km_quota_format(value, t[i].before, t[i].percent);
		CHECK(!strcmp(value, t[i].value));
	}
}

static void vcpu_groups(bool *ok)
{
	unsigned int nr = 0;
	size_t len = 0;

	CHECK(km_quota_is_libvirts(SCOPE "/libvirt/vcpu12", &nr, &len));
	CHECK(nr == 12 && len == strlen(SCOPE "/libvirt"));
	CHECK(!km_quota_is_libvirts(SCOPE "/libvirt/emulator", &nr, &len));
	CHECK(!km_quota_is_libvirts(SCOPE "/libvirt", &nr, &len));
	CHECK(!km_quota_is_libvirts(SCOPE "/libvirt/vcpu", &nr, &len));
	CHECK(!km_quota_is_libvirts("/vm/vcpu1", &nr, &len));
	CHECK(!km_quota_is_libvirts("/vcpu1", &nr, &len));
	CHECK(!km_quota_is_libvirts("/", &nr, &len));
}

#define MAX "vcpu1/cpu.max"

/* What the guard hears of a vCPU of libvirt's, and then has to do. */
static void hear(struct km_quota *q)
{
	char line[PATH_MAX + 32];

	snprintf(line, sizeof(line), "base 77 0 %s", folder);
	km_quota_parse(q, line);
	km_quota_parse(q, "vcpu 5 1 4711 max 100000");
	km_quota_parse(q, "max 5 7000 10000");
	km_quota_parse(q, "max 5 4900 10000");
}

static void quota_back(bool *ok)
{
	static struct km_quota q;
	struct km_err err = { 0 };
	char path[PATH_MAX];

	CHECK(make());
	snprintf(path, sizeof(path), "%s/vcpu1", folder);
	CHECK(!mkdir(path, 0755));
	set_file(MAX, "4900 10000");
	hear(&q);
	CHECK(q.vmm == 77 && !q.made && q.v[5].tid == 4711 && q.v[5].nr == 1);
	CHECK(!km_quota_end(&q, &err) && !err.code && file_is(MAX, "max 100000"));

	set_file(MAX, "7000 10000"); /* killed before it wrote what it had said */
	hear(&q);
	CHECK(!km_quota_end(&q, &err) && !err.code && file_is(MAX, "max 100000"));

	set_file(MAX, "20000 100000"); /* somebody's */
	hear(&q);
	CHECK(km_quota_end(&q, &err) == 1 && !err.code && file_is(MAX, "20000 100000"));
	CHECK(!km_quota_end(&q, &err)); /* once is enough */

	snprintf(path, sizeof(path), "%s/" MAX, folder);
	unlink(path);
	hear(&q);
	CHECK(!km_quota_end(&q, &err) && !err.code); /* the VM has ended */

	km_quota_parse(&q, "vcpu 256 1 4711 max 100000");
	km_quota_parse(&q, "vcpu 1 1");
	km_quota_parse(&q, "max 256 1 2");
	km_quota_parse(&q, "base 1 1 relative");
	km_quota_parse(&q, "");
	CHECK(!q.v[1].tid && !strcmp(q.base, folder) && !q.switched_on);
	snprintf(path, sizeof(path), "%s/vcpu1", folder);
	rmdir(path);
	rmdir(folder);
}

/* The controller that we switched on goes off with us, but not from under another move. */
static void controller_back(bool *ok)
{
	static struct km_quota q;
	struct km_err err = { 0 };
	char path[PATH_MAX];

	CHECK(make());
	snprintf(path, sizeof(path), "%s/kmigrate-78-vcpu0", folder);
	CHECK(!mkdir(path, 0755));
	set_file("cgroup.subtree_control", "cpu");
	hear(&q);
	q.made = true; /* and its group is gone already */
	km_quota_parse(&q, "on");
	CHECK(!km_quota_end(&q, &err) && err.code == -EBUSY);
	CHECK(file_is("cgroup.subtree_control", "cpu"));

	memset(&err, 0, sizeof(err));
	rmdir(path);
	km_quota_parse(&q, "on");
	CHECK(!km_quota_end(&q, &err) && !err.code && file_is("cgroup.subtree_control", "-cpu"));
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", folder);
	unlink(path);
	rmdir(folder);
}

static const struct ktap_case cases[] = {
	{ "the group of a process", groups }, { "where it is mounted", mounts },
	{ "libvirt's groups", libvirts },     { "a weight is put back", back },
	{ "or was never raised", own },	      { "limits of a part", limits },
	{ "vCPUs' groups", vcpu_groups },     { "quotas are put back", quota_back },
	{ "a controller that another move needs stays on", controller_back },
};

KTAP_MAIN(cases)
