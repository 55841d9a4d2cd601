// SPDX-License-Identifier: GPL-2.0
/* The guest, its devices and its QEMU. */
#include <stdio.h>
#include <string.h>
#include "../xfer/knows.h"
#include "rules.h"

static bool unmovable(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "%s", p->guest->unmovable);
	return p->guest->unmovable[0];
}

/* receive starts the QEMU of the path that the guest's has (destqemu_start.c). */
static const struct km_rec_qemu *same_qemu(const struct km_pair *p)
{
	const struct km_rec_qemu *q = km_qemu_for(p->there, p->guest);

	return q && !strcmp(q->path, p->guest->qemu_path) ? q : NULL;
}

static bool qemu_missing(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_qemu *q = km_qemu_for(p->there, p->guest);

	km_rule_here(f, "%s", p->guest->qemu_path);
	km_rule_there(f, "%s%s", q ? "only " : "no QEMU", q ? q->path : "");
	return p->guest->qemu_path[0] && !same_qemu(p);
}

static bool machine(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_qemu *q = km_qemu_for(p->there, p->guest);

	for (uint32_t i = 0; q && i < q->nmachines; i++)
		if (!strcmp(q->machine[i], p->guest->machine))
			return false;
	km_rule_here(f, "%s", p->guest->machine);
	if (q)
		km_rule_there(f, "QEMU %s doesn't know it", q->version);
	return q && q->nmachines && p->guest->machine[0];
}

static bool version_of(const char *text, unsigned int v[3])
{
	v[0] = v[1] = v[2] = 0;
	return sscanf(text, "%u.%u.%u", &v[0], &v[1], &v[2]) >= 2;
}

static bool qemu_older(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_qemu *q = km_qemu_for(p->there, p->guest);
	unsigned int a[3], b[3];

	if (!q || !version_of(p->guest->qemu_version, a) || !version_of(q->version, b))
		return false;
	km_rule_here(f, "QEMU %s", p->guest->qemu_version);
	km_rule_there(f, "QEMU %s", q->version);
	/* The third number is of fixes, which keep to the format. */
	return b[0] < a[0] || (b[0] == a[0] && b[1] < a[1]);
}

static bool engine(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "QEMU %s; the relay knows %s", p->guest->qemu_version, KM_RELAY_KNOWS);
	return p->guest->qemu_version[0] && !km_relay_knows(p->guest->qemu_version);
}

static const struct km_rec_file *file_there(const struct km_pair *p, const char *path)
{
	for (uint32_t i = 0; i < p->there->nfiles; i++)
		if (!strcmp(p->there->file[i].path, path))
			return &p->there->file[i];
	return NULL;
}

/* The disks for which fits() is true, in f->here. */
static bool find_disks(const struct km_pair *p, struct km_finding *f,
		       bool (*fits)(const struct km_rec_disk *d, const struct km_rec_file *there))
{
	size_t used = 0;

	for (uint32_t i = 0; i < p->guest->ndisks; i++) {
		const struct km_rec_disk *d = &p->guest->disk[i];
		size_t room = sizeof(f->here) - used;

		if (d->path[0] && fits(d, file_there(p, d->path)) &&
		    strlen(d->path) + strlen(d->device) + 4 < room)
			used += (size_t)snprintf(f->here + used, room, "%s%s=%s", used ? " " : "",
						 d->device, d->path);
	}
	return used;
}

static bool is_missing(const struct km_rec_disk *d, const struct km_rec_file *there)
{
	(void)d;
	return there && there->there == KM_NO;
}

static bool is_local(const struct km_rec_disk *d, const struct km_rec_file *there)
{
	return d->read_only != KM_YES && there && there->there == KM_YES && there->shared == KM_NO;
}

static bool is_unknown(const struct km_rec_disk *d, const struct km_rec_file *there)
{
	(void)d;
	return !there || there->there == KM_UNKNOWN;
}

static bool disk_missing(const struct km_pair *p, struct km_finding *f)
{
	km_rule_there(f, "no such file");
	return find_disks(p, f, is_missing);
}

static bool disk_local(const struct km_pair *p, struct km_finding *f)
{
	km_rule_there(f, "on a file system of that host's own");
	return find_disks(p, f, is_local);
}

static bool disk_unknown(const struct km_pair *p, struct km_finding *f)
{
	km_rule_there(f, "the record does not tell");
	return find_disks(p, f, is_unknown);
}

static bool tpm(const struct km_pair *p, struct km_finding *f)
{
	km_rule_here(f, "a TPM of the type %s", p->guest->tpm);
	if (strcmp(p->guest->tpm, "emulator"))
		f->severity = KM_BLOCKS; /* the host's own chip keeps the secrets */
	return p->guest->tpm[0];
}

static bool pinned(const struct km_pair *p, struct km_finding *f)
{
	const struct km_rec_topology *a = &p->here->topology, *b = &p->there->topology;

	km_rule_here(f, "%u threads of the guest are pinned; %u CPUs, %u cores, %u nodes",
		     p->guest->pinned_threads, a->cpus, a->cores, a->nnodes);
	km_rule_there(f, "%u CPUs, %u cores, %u nodes", b->cpus, b->cores, b->nnodes);
	return p->guest->pinned_threads && b->cpus &&
	       (b->cpus < a->cpus || b->cores != a->cores || b->nnodes != a->nnodes);
}

const struct km_rule km_rules_guest[] = {
	{ "guest-unmovable", KM_BLOCKS, unmovable, "kmigrate run would refuse it",
	  "take away what is named" },
	{ "qemu-missing", KM_BLOCKS, qemu_missing,
	  "kmigrate receive starts the QEMU that has the same path as the guest's here",
	  "install it there; or start another yourself and take it with receive --attach" },
	{ "guest-machine", KM_BLOCKS, machine,
	  "the QEMU there can't build the machine that the guest has",
	  "install a QEMU there that is as new" },
	{ "disk-missing", KM_BLOCKS, disk_missing,
	  "kmigrate run refuses a guest whose disk the other host does not see, unless it is told to "
	  "copy it",
	  "kmigrate run --storage mirror copies it; or put it on storage that both hosts have; other "
	  "paths there: receive --replace" },
	{ "disk-local", KM_WARNS, disk_local,
	  "a file of the same name on another disk is another file: kmigrate run finds out, and "
	  "refuses",
	  "kmigrate run --storage mirror copies it, over that file only with receive "
	  "--overwrite-disks; or put it on storage that both hosts have" },
	{ "guest-tpm", KM_WARNS, tpm,
	  "its secrets move through QEMU, if a swtpm of the same settings waits there",
	  "start swtpm there first" },
	{ "qemu-older", KM_WARNS, qemu_older,
	  "a newer QEMU may send what an older one does not understand: then the move fails, and the "
	  "guest stays",
	  "install a QEMU there that is as new" },
	{ "guest-pinned", KM_WARNS, pinned,
	  "siblings may not stay siblings, nor nodes together: then kmigrate run refuses",
	  "kmigrate run --pin relax moves it all the same, and says what broke" },
	{ "disk-unknown", KM_INFO, disk_unknown,
	  "kmigrate run refuses a guest whose disk the other host does not see, unless it is told to "
	  "copy it",
	  "look there, or check over ssh://" },
	{ "qemu-engine", KM_INFO, engine,
	  "QEMU's own engine would move it, which kmigrate does not encrypt",
	  "use it on a network that nobody else is on, with --insecure" },
	{ 0 },
};
