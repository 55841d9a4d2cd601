// SPDX-License-Identifier: GPL-2.0
/* This host's record, put together. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "facts.h"

/* Where distributions have it: Debian and Fedora, RHEL, and what was built by hand. */
static const char *const usual[] = { "/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm",
				     "/usr/local/bin/qemu-system-x86_64" };

static void add_qemu(struct km_host_record *h, const char *path)
{
	for (uint32_t i = 0; i < h->nqemus; i++)
		if (!strcmp(h->qemu[i].path, path))
			return;
	if (h->nqemus == KM_REC_QEMUS || access(path, X_OK))
		return;
	if (km_facts_qemu(path, &h->qemu[h->nqemus]))
		h->nqemus++;
	else
		memset(&h->qemu[h->nqemus], 0, sizeof(h->qemu[0]));
}

static void add_qemus(struct km_host_record *h, const struct km_host_wish *w)
{
	for (unsigned int i = 0; w->qemus && i < w->qemus->n; i++)
		add_qemu(h, w->qemus->v[i]);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		add_qemu(h, usual[i]);
}

struct km_host_record *km_host_record_take(const struct km_host_wish *w)
{
	struct km_host_record *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->version = KM_RECORD_VERSION;
	km_facts_software("", &h->software);
	km_facts_cpu("", &h->cpu, &h->encryption);
	km_facts_kvm("", &h->kvm, &h->encryption);
	km_facts_topology("", &h->topology);
	km_facts_memory("", &h->memory);
	km_facts_network(w->peer, &h->network);
	km_facts_power("", &h->power);
	for (unsigned int i = 0; w->files && i < w->files->n && h->nfiles < KM_REC_FILES; i++)
		km_facts_file(w->files->v[i], &h->file[h->nfiles++]);
	if (!w->no_qemu)
		add_qemus(h, w);
	return h;
}
