// SPDX-License-Identifier: GPL-2.0
#include "guest_record.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include "../ctl/proc.h"
#include "../ctl/qmp.h"
#include "../place/topo.h"
#include "threads.h"

#define ASK_MS 5000 /* for a question */

/* Its monitor. One that has been silent for so long is asked no more. */
struct monitor {
	struct km_qmp *q;
	bool silent;
};

static json_t *ask(struct monitor *m, const char *cmd, json_t *args)
{
	json_t *ret = NULL;

	if (m->silent)
		json_decref(args);
	else
		m->silent = km_qmp_exec(m->q, cmd, args, &ret, ASK_MS, NULL) == -ETIMEDOUT;
	return ret;
}

static json_t *get(struct monitor *m, const char *path, const char *property)
{
	return ask(m, "qom-get", json_pack("{s:s, s:s}", "path", path, "property", property));
}

static void copy(char *to, size_t size, const json_t *text)
{
	snprintf(to, size, "%s", json_is_string(text) ? json_string_value(text) : "");
}

/* ---- its CPU: the first vCPU's, as they are alike ---- */

static void add_feature(char (*list)[40], uint32_t *n, const char *name)
{
	if (name && *n < KM_SET_MAX && strlen(name) < sizeof(list[0]))
		strcpy(list[(*n)++], name);
}

/* The names of features are the yes-or-no properties of an expansion of the model base. Each is
 * asked of the vCPU: what QEMU had to leave out for this host is off there (target/i386/cpu.c,
 * x86_cpu_filter_features). */
static void read_features(struct monitor *m, const char *cpu, struct km_guest_record *g)
{
	json_t *x = ask(m, "query-cpu-model-expansion",
			json_pack("{s:s, s:{s:s}}", "type", "static", "model", "name", "base"));
	json_t *v, *on;
	const char *name;

	json_object_foreach(json_object_get(json_object_get(x, "model"), "props"), name, v) {
		if (!json_is_boolean(v))
			continue;
		on = get(m, cpu, name);
		if (json_is_true(on))
			add_feature(g->feature, &g->nfeatures, name);
		json_decref(on);
	}
	json_decref(x);
	if (m->silent)
		g->nfeatures = 0; /* some would look as if they were all */
	x = get(m, cpu, "unavailable-features");
	for (size_t i = 0; i < json_array_size(x); i++)
		add_feature(g->missing, &g->nmissing, json_string_value(json_array_get(x, i)));
	json_decref(x);
}

static uint64_t get_number(struct monitor *m, const char *path, const char *property)
{
	json_t *j = get(m, path, property);
	json_int_t v = json_integer_value(j);

	json_decref(j);
	return v > 0 ? (uint64_t)v : 0;
}

/* "EPYC-v1-x86_64-cpu" */
static void read_model(struct monitor *m, const char *cpu, struct km_guest_record *g)
{
	json_t *type = get(m, cpu, "type");
	char *end;

	copy(g->cpu_model, sizeof(g->cpu_model), type);
	json_decref(type);
	end = strstr(g->cpu_model, "-x86_64-cpu");
	if (!end)
		end = strstr(g->cpu_model, "-i386-cpu");
	if (end)
		*end = '\0';
	g->host_cpu = !strcmp(g->cpu_model, "host") || !strcmp(g->cpu_model, "max") ? KM_YES :
										      KM_NO;
}

static void read_cpu(struct monitor *m, struct km_guest_record *g)
{
	json_t *cpus = ask(m, "query-cpus-fast", NULL), *pmu;
	const char *cpu = json_string_value(json_object_get(json_array_get(cpus, 0), "qom-path"));

	if (cpu) {
		read_model(m, cpu, g);
		read_features(m, cpu, g);
		g->phys_bits = (uint32_t)get_number(m, cpu, "phys-bits");
		g->tsc_khz = get_number(m, cpu, "tsc-frequency") / 1000;
		pmu = get(m, cpu, "pmu");
		g->pmu = json_is_boolean(pmu) ? json_is_true(pmu) ? KM_YES : KM_NO : KM_UNKNOWN;
		json_decref(pmu);
	}
	json_decref(cpus);
}

/* ---- its devices ---- */

static void read_disks(struct monitor *m, struct km_guest_record *g)
{
	json_t *all = ask(m, "query-block", NULL), *b;
	size_t i;

	json_array_foreach(all, i, b) {
		json_t *in = json_object_get(b, "inserted");
		const char *file = json_string_value(json_object_get(in, "file"));
		const char *name = json_string_value(json_object_get(b, "device"));
		struct km_rec_disk *d = &g->disk[g->ndisks];

		/* What is no path is a network's: nbd://..., json:{...}. */
		if (!file || file[0] != '/' || strlen(file) >= sizeof(d->path) ||
		    g->ndisks == KM_REC_FILES)
			continue;
		if (!name || !*name)
			name = json_string_value(json_object_get(b, "qdev"));
		snprintf(d->device, sizeof(d->device), "%s", name ? name : "");
		strcpy(d->path, file);
		d->read_only = json_is_true(json_object_get(in, "ro")) ? KM_YES : KM_NO;
		g->ndisks++;
	}
	json_decref(all);
}

/* Of the type sev-guest, tdx-guest, ... (qapi/qom.json). */
static void read_confidential(struct monitor *m, struct km_guest_record *g)
{
	json_t *object = get(m, "/machine", "confidential-guest-support"), *type;
	const char *path = json_string_value(object);

	if (path && *path) {
		type = get(m, path, "type");
		copy(g->confidential, sizeof(g->confidential), type);
		if (!g->confidential[0])
			snprintf(g->confidential, sizeof(g->confidential), "unknown");
		json_decref(type);
	}
	json_decref(object);
}

static void read_devices(struct monitor *m, struct km_guest_record *g)
{
	json_t *j = ask(m, "query-balloon", NULL); /* an error when there is none */

	g->balloon = j ? KM_YES : KM_NO;
	json_decref(j);
	j = ask(m, "query-tpm", NULL);
	copy(g->tpm, sizeof(g->tpm),
	     json_object_get(json_object_get(json_array_get(j, 0), "options"), "type"));
	json_decref(j);
	read_disks(m, g);
	read_confidential(m, g);
}

/* ---- its process ---- */

/* Of the largest file that it has mapped and may write to: hugetlbfs has the size of its pages
 * as its block size. */
static void read_huge(pid_t pid, struct km_guest_record *g)
{
	struct km_map *maps;
	size_t n, best = SIZE_MAX;
	char path[96];
	struct statfs fs;

	if (km_maps_read(pid, &maps, &n))
		return;
	for (size_t i = 0; i < n; i++)
		if (maps[i].write && maps[i].inode &&
		    (best == SIZE_MAX ||
		     maps[i].end - maps[i].start > maps[best].end - maps[best].start))
			best = i;
	if (best != SIZE_MAX) {
		snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid,
			 maps[best].start, maps[best].end);
		if (!statfs(path, &fs) && (unsigned long)fs.f_type == HUGETLBFS_MAGIC)
			g->huge_page_bytes = (uint64_t)fs.f_bsize;
	}
	free(maps);
}

static void read_locked(pid_t pid, struct km_guest_record *g)
{
	char *status = km_proc_read(pid, "status", NULL);
	const char *line = status ? strstr(status, "\nVmLck:") : NULL;
	uint64_t kib;

	if (line && sscanf(line, "\nVmLck: %" SCNu64 " kB", &kib) == 1)
		g->locked_bytes = kib << 10;
	free(status);
}

static void read_pins(pid_t pid, struct km_qmp *q, struct km_guest_record *g)
{
	struct km_topo *topo = calloc(1, sizeof(*topo));
	struct km_thread *t = NULL;
	struct km_pin *pins = NULL;
	size_t n = 0;

	if (topo && !km_topo_load(topo, NULL) && !km_threads_read(pid, &t, &n, NULL))
		pins = calloc(n, sizeof(*pins));
	if (pins) {
		if (q)
			km_threads_ask(t, n, q);
		g->pinned_threads =
			km_threads_confined(pins, km_threads_pins(t, n, pins), &topo->cpus);
	}
	free(pins);
	free(t);
	free(topo);
}

static void take_vm(const struct km_vm *vm, struct km_guest_record *g)
{
	static const char *const backings[] = {
		[KM_BACKING_UNKNOWN] = "",
		[KM_BACKING_ANON] = "anonymous",
		[KM_BACKING_SHARED] = "shared",
		[KM_BACKING_PRIVATE_FILE] = "private-file",
	};

	snprintf(g->name, sizeof(g->name), "%s", vm->name);
	snprintf(g->qemu_path, sizeof(g->qemu_path), "%.255s", vm->exe);
	snprintf(g->qemu_version, sizeof(g->qemu_version), "%s", vm->qemu_version);
	snprintf(g->machine, sizeof(g->machine), "%.47s", vm->machine);
	snprintf(g->unmovable, sizeof(g->unmovable), "%s", vm->unmovable);
	snprintf(g->backing, sizeof(g->backing), "%s", backings[vm->backing]);
	if (vm->accel != KM_ACCEL_UNKNOWN)
		g->kvm = vm->accel == KM_ACCEL_KVM ? KM_YES : KM_NO;
	g->vcpus = vm->vcpus;
	g->ram_bytes = vm->ram_bytes;
}

struct km_guest_record *km_guest_record_take(const struct km_vm *vm)
{
	struct km_guest_record *g = calloc(1, sizeof(*g));
	struct monitor m = { .silent = false };

	if (!g)
		return NULL;
	take_vm(vm, g);
	/* A monitor that is in use or gone: vm->unmovable says so. */
	if (vm->qmp[0] && vm->qemu_version[0] && !km_qmp_open(&m.q, vm->qmp, ASK_MS, NULL)) {
		read_cpu(&m, g);
		read_devices(&m, g);
	}
	read_pins(vm->pid, m.q, g);
	km_qmp_close(m.q);
	read_huge(vm->pid, g);
	read_locked(vm->pid, g);
	return g;
}
