// SPDX-License-Identifier: GPL-2.0
/* What a placement is made from: threads and their affinities, the NIC, the memory's nodes. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/memnode.h"
#include "host/nic.h"
#include "host/threads.h"
#include "ktap.h"

/* ---- threads ---- */

static void kinds(bool *ok)
{
	static const struct {
		const char *name;
		enum km_thread_kind kind;
		int vcpu;
	} t[] = {
		{ "CPU 0/KVM", KM_THREAD_VCPU, 0 },
		{ "CPU 255/TCG", KM_THREAD_VCPU, 255 },
		{ "CPU -1/KVM", KM_THREAD_OTHER, -1 },
		{ "CPU 1", KM_THREAD_OTHER, -1 },
		{ "CPU x/KVM", KM_THREAD_OTHER, -1 },
		{ "IO iothread0", KM_THREAD_IOTHREAD, -1 },
		{ "live_migration", KM_THREAD_MIGRATION, -1 },
		{ "return path", KM_THREAD_MIGRATION, -1 },
		{ "multifdsend_3", KM_THREAD_MIGRATION, -1 },
		{ "mig/src/send_0", KM_THREAD_MIGRATION, -1 },
		{ "worker", KM_THREAD_OTHER, -1 },
		{ "", KM_THREAD_OTHER, -1 },
	};
	int vcpu;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK(km_thread_kind_of(t[i].name, &vcpu) == t[i].kind);
		CHECK(vcpu == t[i].vcpu);
	}
}

struct helper {
	pthread_t thread;
	pid_t tid;
	pthread_barrier_t ready, end;
};

static void *help(void *arg)
{
	struct helper *h = arg;

	h->tid = gettid();
	pthread_setname_np(pthread_self(), "CPU 5/K\033M");
	pthread_barrier_wait(&h->ready);
	pthread_barrier_wait(&h->end);
	return NULL;
}

static void own_threads(bool *ok)
{
	struct km_cpus mine = { 0 }, one = { 0 };
	struct helper h = { 0 };
	struct km_thread *t;
	struct km_err err;
	size_t n;

	pthread_barrier_init(&h.ready, NULL, 2);
	pthread_barrier_init(&h.end, NULL, 2);
	pthread_create(&h.thread, NULL, help, &h);
	pthread_barrier_wait(&h.ready);
	sched_getaffinity(0, sizeof(mine), (cpu_set_t *)&mine);
	km_cpus_add(&one, km_cpus_next(&mine, 0));
	CHECK(!sched_setaffinity(h.tid, sizeof(one), (cpu_set_t *)&one));
	CHECK(!km_threads_read(getpid(), &t, &n, &err) && n >= 2);
	CHECK(t[0].tid == getpid() && t[0].kind == KM_THREAD_MAIN);
	CHECK(km_cpus_equal(&t[0].cpus, &mine));
	for (size_t i = 1; i < n; i++) {
		CHECK(t[i].tid > t[i - 1].tid);
		if (t[i].tid != h.tid)
			continue; /* a sanitizer's */
		CHECK(t[i].kind == KM_THREAD_VCPU && t[i].vcpu == 5);
		CHECK(!strcmp(t[i].name, "CPU 5/K?M") && km_cpus_equal(&t[i].cpus, &one));
	}
	free(t);
	pthread_barrier_wait(&h.end);
	pthread_join(h.thread, NULL);
	pthread_barrier_destroy(&h.ready);
	pthread_barrier_destroy(&h.end);
	CHECK(km_threads_read(0x7ffffffe, &t, &n, &err) == -ESRCH && !t && !n);
}

static void thread(struct km_thread *t, pid_t tid, enum km_thread_kind kind, const char *cpus)
{
	memset(t, 0, sizeof(*t));
	t->tid = tid;
	t->kind = kind;
	t->vcpu = -1;
	km_cpus_parse(&t->cpus, cpus);
}

static void named_by_qemu(bool *ok)
{
	struct km_pin pins[4];
	struct km_thread t[4];
	json_t *vcpus = json_loads("[{\"cpu-index\": 1, \"thread-id\": 12},"
				   " {\"cpu-index\": 0, \"thread-id\": 11}, {}, 7,"
				   " {\"cpu-index\": 2, \"thread-id\": 10},"
				   " {\"cpu-index\": 3, \"thread-id\": 99}]",
				   0, NULL);
	json_t *io =
		json_loads("[{\"id\": \"a\", \"thread-id\": 13}, {\"thread-id\": 11}]", 0, NULL);

	thread(&t[0], 10, KM_THREAD_MAIN, "0");
	for (int i = 1; i < 4; i++)
		thread(&t[i], 10 + i, KM_THREAD_OTHER, "0");
	km_threads_name(t, 4, NULL, NULL);
	CHECK(t[1].kind == KM_THREAD_OTHER);
	km_threads_name(t, 4, vcpus, io);
	CHECK(t[0].kind == KM_THREAD_MAIN); /* all vCPUs of a single-threaded TCG */
	CHECK(t[1].kind == KM_THREAD_VCPU && t[1].vcpu == 0);
	CHECK(t[2].kind == KM_THREAD_VCPU && t[2].vcpu == 1 && t[3].kind == KM_THREAD_IOTHREAD);
	CHECK(km_threads_pins(t, 4, pins) == 4 && !strcmp(pins[0].who, "emulator"));
	CHECK(!strcmp(pins[1].who, "vCPU 0") && !strcmp(pins[3].who, "iothread a"));
	CHECK(pins[3].tid == 13 && km_cpus_has(&pins[3].cpus, 0));
	/* By its name an iothread, but not one that QEMU tells of: the monitors'. */
	thread(&t[3], 14, KM_THREAD_IOTHREAD, "0");
	km_threads_name(t, 4, vcpus, io);
	CHECK(t[3].kind == KM_THREAD_OTHER && km_threads_pins(t, 4, pins) == 3);
	json_decref(vcpus);
	json_decref(io);
}

static void claims(bool *ok)
{
	struct km_claim *c = NULL;
	struct km_thread t[6];
	size_t n = 0;

	thread(&t[0], 10, KM_THREAD_MAIN, "0-1");
	thread(&t[1], 11, KM_THREAD_VCPU, "0-1"); /* where the main thread is: still a vCPU */
	thread(&t[2], 12, KM_THREAD_OTHER, "0-1");
	thread(&t[3], 13, KM_THREAD_IOTHREAD, "4");
	thread(&t[4], 14, KM_THREAD_MIGRATION, "5");
	thread(&t[5], 15, KM_THREAD_IOTHREAD, "0-1");
	CHECK(!km_threads_claim(t, 6, &c, &n) && n == 3);
	CHECK(c[0].kind == KM_CLAIM_OTHER && km_cpus_count(&c[0].cpus) == 2);
	CHECK(c[1].kind == KM_CLAIM_VCPU && km_cpus_count(&c[1].cpus) == 2);
	CHECK(c[2].kind == KM_CLAIM_OTHER && km_cpus_has(&c[2].cpus, 4));
	/* A second guest's come behind. */
	CHECK(!km_threads_claim(&t[3], 1, &c, &n) && n == 4 && km_cpus_has(&c[3].cpus, 4));
	free(c);
}

/* ---- the NIC ---- */

static char sysfs[] = "/tmp/kmigrate-sys-XXXXXX";

static void make(const char *path)
{
	char all[256];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(all, sizeof(all), "%s/%.*s", sysfs, (int)(p - path), path);
		mkdir(all, 0755);
	}
	snprintf(all, sizeof(all), "%s/%s", sysfs, path);
	mkdir(all, 0755);
}

static void put(const char *path, const char *text)
{
	char all[256];
	FILE *f;

	snprintf(all, sizeof(all), "%s/%s", sysfs, path);
	f = fopen(all, "w");
	if (!f)
		printf("# can't write %s\n", all);
	fputs(text, f);
	fclose(f);
}

static void tie(const char *target, const char *path)
{
	char all[256];

	snprintf(all, sizeof(all), "%s/%s", sysfs, path);
	if (symlink(target, all))
		printf("# can't link %s\n", all);
}

/* Two PCI NICs on nodes 0 and 1, a virtio one, and what is made of them. */
static bool make_sysfs(void)
{
	static const char *const dirs[] = { "class/net/a",    "class/net/b",	"class/net/v",
					    "class/net/one",  "class/net/both", "class/net/tap",
					    "class/net/down", "class/net/loop", "pci/a",
					    "pci/b",	      "pci/v/virtio0" };

	if (!mkdtemp(sysfs))
		return false;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make(dirs[i]);
	put("pci/a/numa_node", "0\n");
	put("pci/b/numa_node", "1\n");
	put("pci/v/numa_node", "1\n");
	tie("../../../pci/a", "class/net/a/device");
	tie("../../../pci/b", "class/net/b/device");
	tie("../../../pci/v/virtio0", "class/net/v/device");
	put("class/net/a/speed", "10000\n");
	put("class/net/b/speed", "25000\n");
	put("class/net/v/speed", "-1\n");
	put("class/net/tap/speed", "10\n");
	tie("../b", "class/net/one/lower_b");
	tie("../tap", "class/net/one/lower_tap");
	tie("../a", "class/net/both/lower_a");
	tie("../one", "class/net/both/lower_one");
	tie("../loop", "class/net/loop/lower_loop");
	put("class/net/down/speed", "");
	return true;
}

static void nics(bool *ok)
{
	static const struct {
		const char *name;
		int node;
		uint64_t bit_per_s;
	} t[] = {
		{ "a", 0, 10000000000 },
		{ "b", 1, 25000000000 },
		{ "v", 1, 0 },		     /* virtio: its parent's node, no speed */
		{ "one", 1, 25000000000 },   /* a bridge with a guest's tap */
		{ "both", -1, 25000000000 }, /* a bond over two nodes, through a bridge */
		{ "tap", -1, 10000000 },
		{ "down", -1, 0 },
		{ "loop", -1, 0 },
		{ "none", -1, 0 },
		{ "", -1, 0 },
		{ "../net/a", -1, 0 },
	};
	struct km_nic nic;
	char rm[64];

	CHECK(make_sysfs());
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		km_nic_read(sysfs, t[i].name, &nic);
		if (nic.node != t[i].node || nic.bit_per_s != t[i].bit_per_s)
			printf("# %s: node %d, %llu bit/s\n", t[i].name, nic.node,
			       (unsigned long long)nic.bit_per_s);
		CHECK(nic.node == t[i].node && nic.bit_per_s == t[i].bit_per_s);
	}
	snprintf(rm, sizeof(rm), "rm -rf %s", sysfs);
	CHECK(!system(rm));
}

static void routes(bool *ok)
{
	char name[IF_NAMESIZE];
	struct km_err err = { 0 };

	CHECK(!km_nic_towards("127.0.0.1", name, &err) && !strcmp(name, "lo"));
	CHECK(km_nic_towards("no host has blanks", name, &err) == -EHOSTUNREACH && !name[0]);
	CHECK(km_nic_is_here("127.0.0.1") && !km_nic_is_here("no host has blanks"));
	CHECK(!km_nic_is_here("192.0.2.1")); /* RFC 5737: nobody's */
	CHECK(strstr(err.text, "no host has blanks"));
}

/* ---- the memory ---- */

static struct km_map mapping(uint64_t start, uint64_t pages, bool write, bool exec)
{
	return (struct km_map){ .start = start,
				.end = start + pages * KM_PAGE_SIZE,
				.read = true,
				.write = write,
				.exec = exec };
}

static void samples(bool *ok)
{
	static uint64_t addr[KM_MEM_SAMPLE];
	struct km_map maps[] = {
		mapping(0x10000000, 3000, true, false),	  mapping(0x20000000, 100, true, false),
		mapping(0x30000000, 90000, false, false), mapping(0x50000000, 90000, true, true),
		mapping(0x70000000, 1000, true, false),
	};
	size_t n = km_memnode_sample(maps, 5, addr, 400), by[2] = { 0 };

	/* 4000 pages of RAM, every 11th (4000 / 400, and one more): 273 and 91. */
	for (size_t i = 0; i < n; i++) {
		CHECK(!i || addr[i] > addr[i - 1]);
		by[0] += addr[i] >= maps[0].start && addr[i] < maps[0].end;
		by[1] += addr[i] >= maps[4].start && addr[i] < maps[4].end;
	}
	CHECK(n == 364 && by[0] == 273 && by[1] == 91);
	/* The step goes on from one to the next: 273 * 11 is 3 pages behind the first. */
	CHECK(addr[273] == maps[4].start + 3 * KM_PAGE_SIZE);
	CHECK(km_memnode_sample(maps, 5, addr, KM_MEM_SAMPLE) == 4000); /* each page once */
	CHECK(addr[0] == 0x10000000 && addr[3999] == maps[4].end - KM_PAGE_SIZE);
	CHECK(!km_memnode_sample(maps, 0, addr, 400) && !km_memnode_sample(maps + 2, 2, addr, 400));
	CHECK(km_memnode_sample(maps, 5, addr, 1) == 1 && !km_memnode_sample(maps, 5, addr, 0));
}

static void counts(bool *ok)
{
	static struct km_place_mem mem[KM_NODES_MAX];
	const int status[] = { 1, 0, -ENOENT, 1, 3, 1, -EFAULT, 3, 0, 1, 5000, 1023 };

	/* 9 pages: 4 on node 1, 2 on 0 and on 3, 1 on 1023. */
	CHECK(km_memnode_count(status, 12, mem) == 4);
	CHECK(mem[0].node == 1 && mem[1].node == 0 && mem[2].node == 3 && mem[3].node == 1023);
	CHECK(mem[0].share > .444 && mem[0].share < .445 && mem[3].share < .112);
	CHECK(km_memnode_count(status + 2, 1, mem) == 0 && km_memnode_count(status, 0, mem) == 0);
}

static void own_memory(bool *ok)
{
	static struct km_place_mem mem[KM_NODES_MAX];
	size_t size = 64 << 20;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct km_err err = { 0 };
	unsigned int n = 0;
	double sum = 0;
	int rc;

	CHECK(p != MAP_FAILED);
	memset(p, 1, size);
	rc = km_memnode_read(getpid(), mem, &n, &err);
	if (rc == -ENOSYS || rc == -EPERM) {
		printf("# not here: %s\n", err.text);
	} else if (rc != -ENODATA) { /* a sanitizer's shadow dwarfs all, and is empty */
		for (unsigned int i = 0; i < n; i++)
			sum += mem[i].share;
		CHECK(!rc && n >= 1 && sum > .999 && sum < 1.001);
	}
	munmap(p, size);
	CHECK(km_memnode_read(0x7ffffffe, mem, &n, &err) < 0 && !n && err.text[0]);
}

/* Where no page is there yet: where the vCPUs are. */
static void memory_by_vcpus(bool *ok)
{
	static struct km_topo t;
	static struct km_place_mem mem[KM_NODES_MAX];
	static struct km_pin pins[5];
	static const char *const cpus[] = { "4", "5-7", "1", "2-5", "0" };

	CHECK(!km_topo_load_synthetic(&t, "pack:2 [numa] core:2 pu:2", NULL));
	for (int i = 0; i < 5; i++) {
		snprintf(pins[i].who, sizeof(pins[i].who), i == 4 ? "emulator" : "vCPU %d", i);
		km_cpus_parse(&pins[i].cpus, cpus[i]);
	}
	/* Two on node 1, one on node 0, one on both; the emulator has no memory. */
	CHECK(km_memnode_by_vcpus(&t, pins, 5, mem) == 2);
	CHECK(mem[0].node == 1 && mem[1].node == 0);
	CHECK(mem[0].share > .66 && mem[0].share < .67);
	CHECK(km_memnode_by_vcpus(&t, &pins[3], 2, mem) == 0);
}

static const struct ktap_case cases[] = {
	{ "threads by their names", kinds },	     { "this process's threads", own_threads },
	{ "threads by QEMU's word", named_by_qemu }, { "what threads claim", claims },
	{ "NICs, and what is made of them", nics },  { "the way to a host", routes },
	{ "a sample of the memory", samples },	     { "nodes of a sample", counts },
	{ "this process's memory", own_memory },
	{ "memory that is not there yet", memory_by_vcpus },
};

KTAP_MAIN(cases)
