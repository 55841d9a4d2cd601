// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "../place/topo.h"
#include "facts.h"
#include "sysfile.h"

/* "hugepages-2048kB" folders, of the host or of a node. */
static void read_huge(const char *folder, struct km_rec_huge *h, uint32_t *n)
{
	DIR *dir = opendir(folder);
	struct dirent *d;
	uint64_t kib;

	while (dir && *n < KM_REC_HUGE && (d = readdir(dir))) {
		struct km_rec_huge *one = &h[*n];

		if (sscanf(d->d_name, "hugepages-%" SCNu64 "kB", &kib) != 1)
			continue;
		one->page_bytes = kib << 10;
		km_sys_number(&one->pages, "%s/%s/nr_hugepages", folder, d->d_name);
		km_sys_number(&one->free_pages, "%s/%s/free_hugepages", folder, d->d_name);
		(*n)++;
	}
	if (dir)
		closedir(dir);
}

struct want {
	const char *key;
	uint64_t *bytes;
};

/* Lines "MemTotal:  16 kB" of meminfo, those of a node with "Node 0 " in front. */
static void read_meminfo(const char *path, const struct want *w, size_t n)
{
	char line[256], key[64];
	FILE *f = fopen(path, "re");
	uint64_t kib;

	while (f && fgets(line, sizeof(line), f)) {
		const char *at = line;
		int skip = 0;

		if (sscanf(line, "Node %*d %n", &skip) >= 0 && skip > 0)
			at += skip;
		if (sscanf(at, "%63[^:]: %" SCNu64 " kB", key, &kib) != 2)
			continue;
		for (size_t i = 0; i < n; i++)
			if (!strcmp(key, w[i].key))
				*w[i].bytes = kib << 10;
	}
	if (f)
		fclose(f);
}

static void read_node(const char *root, int node, struct km_rec_node *r)
{
	const struct want w[] = { { "MemTotal", &r->memory_bytes }, { "MemFree", &r->free_bytes } };
	char path[512];

	r->node = (uint32_t)node;
	km_sys_text(r->cpus, sizeof(r->cpus), "%s/sys/devices/system/node/node%d/cpulist", root,
		    node);
	km_sys_text(r->distances, sizeof(r->distances),
		    "%s/sys/devices/system/node/node%d/distance", root, node);
	snprintf(path, sizeof(path), "%s/sys/devices/system/node/node%d/meminfo", root, node);
	read_meminfo(path, w, sizeof(w) / sizeof(w[0]));
	snprintf(path, sizeof(path), "%s/sys/devices/system/node/node%d/hugepages", root, node);
	read_huge(path, r->huge, &r->nhuge);
}

void km_facts_topology(const char *root, struct km_rec_topology *t)
{
	struct km_topo *topo = calloc(1, sizeof(*topo));

	if (topo && !km_topo_load(topo, NULL)) {
		t->cpus = km_cpus_count(&topo->cpus);
		t->cores = topo->ncores;
		t->packages = topo->npackages;
		for (; t->nnodes < topo->nnodes && t->nnodes < KM_REC_NODES; t->nnodes++)
			read_node(root, topo->node[t->nnodes], &t->node[t->nnodes]);
	}
	free(topo);
}

void km_facts_memory(const char *root, struct km_rec_memory *m)
{
	static const char *const ways[] = { "guess", "always", "never" };
	const struct want w[] = {
		{ "MemTotal", &m->total_bytes },	 { "MemFree", &m->free_bytes },
		{ "MemAvailable", &m->available_bytes }, { "SwapTotal", &m->swap_bytes },
		{ "SwapFree", &m->swap_free_bytes },	 { "CommitLimit", &m->commit_limit_bytes },
		{ "Committed_AS", &m->committed_bytes },
	};
	struct rlimit lock;
	char path[512];
	uint64_t v;

	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	read_meminfo(path, w, sizeof(w) / sizeof(w[0]));
	if (km_sys_number(&v, "%s/proc/sys/vm/overcommit_memory", root) && v < 3)
		snprintf(m->overcommit, sizeof(m->overcommit), "%s", ways[v]);
	m->ksm = km_sys_yes("%s/sys/kernel/mm/ksm/run", root);
	if (km_sys_number(&v, "%s/sys/kernel/mm/ksm/pages_sharing", root))
		m->ksm_saved_bytes = v * 4096;
	if (!getrlimit(RLIMIT_MEMLOCK, &lock))
		m->memlock_bytes = lock.rlim_cur > INT64_MAX ? INT64_MAX : lock.rlim_cur;
	snprintf(path, sizeof(path), "%s/sys/kernel/mm/hugepages", root);
	read_huge(path, m->huge, &m->nhuge);
}
