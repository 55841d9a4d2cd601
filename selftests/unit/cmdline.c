// SPDX-License-Identifier: GPL-2.0
/* QEMU command lines: the usual forms, libvirt's, and hostile ones. */
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "ctl/cmdline.h"

#define PARSE(c, ...) km_cmdline_parse((char *[]){ (char *)"qemu", __VA_ARGS__, NULL }, c)

static void names(bool *ok)
{
	struct km_cmdline c;

	PARSE(&c, "-name", "web");
	CHECK(!strcmp(c.name, "web"));
	PARSE(&c, "-name", "guest=web01,debug-threads=on");
	CHECK(!strcmp(c.name, "web01"));
	PARSE(&c, "--name", "a,,b,process=x");
	CHECK(!strcmp(c.name, "a,b"));
	PARSE(&c, "-name", "debug-threads=on,guest=late");
	CHECK(!strcmp(c.name, "late"));
	PARSE(&c, "-name", "process=qemu-web");
	CHECK(!c.name[0]);
	PARSE(&c, "disk.img", "-name", "guest=first", "-name", "guest=second");
	CHECK(!strcmp(c.name, "second"));
}

static void sizes(bool *ok)
{
	static const struct {
		const char *m;
		uint64_t want;
	} t[] = {
		{ "128", 128ull << 20 },
		{ "2G", 2ull << 30 },
		{ "2g", 2ull << 30 },
		{ "size=512M,slots=2,maxmem=4G", 512ull << 20 },
		{ "maxmem=8G,size=4G", 4ull << 30 },
		{ "1.5G", 1536ull << 20 },
		{ "size=1048576k", 1ull << 30 },
		{ "slots=4,maxmem=8G", 128ull << 20 },
		{ "junk", 128ull << 20 },
		{ "nan", 128ull << 20 },
		{ "-5", 128ull << 20 },
		{ "1e300", 128ull << 20 },
		{ "99999999999E", 128ull << 20 },
	};
	struct km_cmdline c;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		PARSE(&c, "-m", (char *)t[i].m);
		if (c.ram_bytes != t[i].want)
			printf("# -m %s: %llu\n", t[i].m, (unsigned long long)c.ram_bytes);
		CHECK(c.ram_bytes == t[i].want);
	}
}

static void processors(bool *ok)
{
	static const struct {
		const char *smp;
		unsigned int want;
	} t[] = {
		{ "4", 4 },
		{ "cpus=3,maxcpus=8", 3 },
		{ "2,maxcpus=8,sockets=2", 2 },
		{ "sockets=2,cores=4,threads=2", 16 },
		{ "sockets=2,dies=2,cores=4", 16 },
		{ "maxcpus=6", 6 },
		{ "0", 1 },
		{ "cpus=99999999", 1 },
		{ "cores=65536,sockets=65536", 0 },
		{ "cpus=-4", 1 },
	};
	struct km_cmdline c;

	PARSE(&c, "-S");
	CHECK(c.vcpus == 1);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		PARSE(&c, "-smp", (char *)t[i].smp);
		if (c.vcpus != t[i].want)
			printf("# -smp %s: %u\n", t[i].smp, c.vcpus);
		CHECK(c.vcpus == t[i].want);
	}
}

static void accelerators(bool *ok)
{
	struct km_cmdline c;

	PARSE(&c, "-accel", "kvm", "-accel", "tcg");
	CHECK(c.accel == KM_ACCEL_KVM);
	PARSE(&c, "-machine", "q35,accel=tcg,memory-backend=m");
	CHECK(c.accel == KM_ACCEL_TCG);
	PARSE(&c, "-M", "accel=kvm:tcg");
	CHECK(c.accel == KM_ACCEL_KVM);
	PARSE(&c, "-enable-kvm", "-m", "64");
	CHECK(c.accel == KM_ACCEL_KVM && c.ram_bytes == 64ull << 20);
	PARSE(&c, "-accel", "tcg,thread=single");
	CHECK(c.accel == KM_ACCEL_TCG);
	PARSE(&c, "-machine", "pc");
	CHECK(c.accel == KM_ACCEL_UNKNOWN);
}

static void devices(bool *ok)
{
	struct km_cmdline c;

	PARSE(&c, "-device", "virtio-net-pci,netdev=n", "-device", "vfio-pci,host=01:00.0");
	CHECK(!strcmp(c.vfio, "vfio-pci"));
	PARSE(&c, "-device", "{\"driver\":\"vfio-pci-nohotplug\",\"host\":\"0000:01:00.0\"}");
	CHECK(!strcmp(c.vfio, "vfio-pci-nohotplug"));
	PARSE(&c, "-device", "driver=vfio-ap,id=x");
	CHECK(!strcmp(c.vfio, "vfio-ap"));
	PARSE(&c, "-device", "{\"driver\":", "-device", "{}", "-device", "", "-device",
	      "e1000,id=vfio-pci");
	CHECK(!c.vfio[0]);
	PARSE(&c, "-incoming", "defer");
	CHECK(c.incoming);
}

static void monitors(bool *ok)
{
	struct km_cmdline c;

	PARSE(&c, "-qmp", "unix:/run/a.sock,server=on,wait=off");
	CHECK(c.nmonitors == 1 && c.monitor[0].kind == KM_MONITOR_PATH);
	CHECK(!strcmp(c.monitor[0].path, "/run/a.sock") && !c.libvirt);
	PARSE(&c, "-qmp-pretty", "unix:a,,b.sock,server,nowait");
	CHECK(c.nmonitors == 1 && !strcmp(c.monitor[0].path, "a,b.sock"));
	PARSE(&c, "-chardev", "socket,path=/x,id=X,server=on,wait=off", "-mon",
	      "chardev=X,mode=control");
	CHECK(c.nmonitors == 1 && !strcmp(c.monitor[0].path, "/x"));
	PARSE(&c, "-mon", "X,mode=control,pretty=on", "-chardev", "socket,id=X,path=/y,server");
	CHECK(c.nmonitors == 1 && !strcmp(c.monitor[0].path, "/y"));
	PARSE(&c, "-qmp", "chardev:X", "-chardev", "socket,id=X,path=/z,server=on");
	CHECK(c.nmonitors == 1 && !strcmp(c.monitor[0].path, "/z"));
	/* Human monitors are none of ours. */
	PARSE(&c, "-mon", "chardev=X,mode=readline", "-monitor", "unix:/m,server=on", "-mon",
	      "chardev=X", "-chardev", "socket,id=X,path=/z,server=on");
	CHECK(c.nmonitors == 0);
	PARSE(&c, "-qmp", "stdio", "-qmp", "tcp:0:4444,server=on", "-qmp", "unix:/c,server=off",
	      "-qmp", "unix:/c2", "-qmp", "unix:ab,server=on,abstract=on", "-qmp", "unix:");
	CHECK(c.nmonitors == 6);
	for (int i = 0; i < 6; i++)
		CHECK(c.monitor[i].kind == KM_MONITOR_OTHER);
	PARSE(&c, "-chardev", "socket,id=charmonitor,fd=24,server=on,wait=off", "-mon",
	      "chardev=charmonitor,id=monitor,mode=control", "-qmp", "unix:/own,server=on");
	CHECK(c.libvirt && c.nmonitors == 2);
	CHECK(c.monitor[0].kind == KM_MONITOR_FD && c.monitor[0].fd == 24);
	CHECK(c.monitor[1].kind == KM_MONITOR_PATH);
}

static char *repeat(char ch, size_t n)
{
	char *s = malloc(n + 1);

	memset(s, ch, n);
	s[n] = '\0';
	return s;
}

static void hostile(bool *ok)
{
	char *commas = repeat(',', 100001);
	char *equals = repeat('=', 100000);
	char *xs = repeat('x', 200000);
	char path[300] = "unix:/";
	struct km_cmdline c;

	/* A path that sun_path can't hold is no path, and never half of one. */
	memset(path + 6, 'p', 120);
	strcpy(path + 126, ",server=on");
	PARSE(&c, "-qmp", path, "-name", xs, "-device", xs, "-m", xs, "-smp", xs);
	CHECK(c.nmonitors == 1 && c.monitor[0].kind == KM_MONITOR_OTHER && !c.monitor[0].path[0]);
	CHECK(!c.name[0] && c.vcpus == 1);
	PARSE(&c, "-name", commas, "-qmp", commas, "-mon", equals, "-chardev", equals, "-device",
	      commas, "-machine", equals, "-accel", commas);
	/* An option's argument is no option, whatever it looks like. */
	PARSE(&c, "-append", "-qmp", "-initrd", "-name", "-S", "-name", "real");
	CHECK(!strcmp(c.name, "real") && c.nmonitors == 0);
	PARSE(&c, "-name");
	PARSE(&c, "-");
	PARSE(&c, "--", "-name", "x");
	PARSE(&c, "-mon", "chardev=no-such,mode=control");
	CHECK(c.nmonitors == 1 && c.monitor[0].kind == KM_MONITOR_OTHER);
	PARSE(&c, "-chardev", "socket,id=f,fd=99999999999,server=on", "-mon",
	      "chardev=f,mode=control");
	CHECK(c.nmonitors == 1 && c.monitor[0].kind == KM_MONITOR_OTHER);
	km_cmdline_parse((char *[]){ NULL }, &c);
	CHECK(c.vcpus == 1);

	char *many[202] = { (char *)"qemu" };

	for (int i = 1; i < 201; i += 2) {
		many[i] = (char *)"-qmp";
		many[i + 1] = (char *)"unix:/a,server=on";
	}
	km_cmdline_parse(many, &c);
	CHECK(c.nmonitors == KM_MONITORS_MAX);
	free(commas);
	free(equals);
	free(xs);
}

/* Random arguments of the characters that matter: nothing but not to crash. */
static void random_bytes(bool *ok)
{
	static const char set[] = "-,,==:{}\"\\xnoGM0.1 unix";
	static const char *const opts[] = { "-qmp",  "-mon", "-chardev", "-name",
					    "-device", "-m",   "-smp",	   "-machine" };
	struct km_cmdline c;
	unsigned int seed = 1;

	for (int i = 0; i < 20000; i++) {
		char arg[64];
		int n = rand_r(&seed) % 63;

		for (int k = 0; k < n; k++)
			arg[k] = set[(size_t)rand_r(&seed) % (sizeof(set) - 1)];
		arg[n] = '\0';
		PARSE(&c, (char *)opts[rand_r(&seed) % 8], arg, "-mon", "x,mode=control");
		CHECK(strlen(c.name) < sizeof(c.name) && c.nmonitors <= KM_MONITORS_MAX);
	}
}

static const struct ktap_case cases[] = {
	{ "-name", names },
	{ "-m", sizes },
	{ "-smp", processors },
	{ "accelerators", accelerators },
	{ "host devices", devices },
	{ "QMP monitors", monitors },
	{ "hostile arguments", hostile },
	{ "random arguments", random_bytes },
};

KTAP_MAIN(cases)
