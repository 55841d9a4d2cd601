// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include "host.h"
#include "jsonval.h"
#include "report.h"

static void put_costs(FILE *f, const struct km_baseline *b)
{
	if (b->ncosts)
		fprintf(f, "\nwhat it has not, as these hosts lack it:\n");
	for (unsigned int i = 0; i < b->ncosts; i++) {
		const struct km_baseline_cost *c = &b->cost[i];

		fprintf(f, "  ");
		km_put_safe(f, c->feature);
		fputc(':', f);
		for (unsigned int h = 0; h < c->nhosts; h++) {
			fputc(' ', f);
			km_put_safe(f, b->host[c->host[h]]);
		}
		fputc('\n', f);
	}
}

void km_text_baseline(FILE *f, const struct km_baseline *b)
{
	char *qemu = km_baseline_qemu(b), *libvirt = km_baseline_libvirt(b);

	fprintf(f, "%u CPU features that %u host%s ha%s, with the model ", b->nfeatures, b->nhosts,
		b->nhosts == 1 ? "" : "s", b->nhosts == 1 ? "s" : "ve");
	km_put_safe(f, b->model);
	fprintf(f, "\n\n-cpu ");
	km_put_safe(f, qemu ? qemu : "");
	fprintf(f, "\n\n");
	for (const char *p = libvirt; p && *p;) { /* its newlines are ours */
		const char *end = p;

		while (*end && *end != '\n')
			end++;
		fprintf(f, "%.*s\n", (int)(end - p), p);
		p = *end ? end + 1 : end;
	}
	put_costs(f, b);
	free(qemu);
	free(libvirt);
}

static json_t *names(const char (*name)[40], unsigned int n)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(list, km_j_text(name[i]));
	return list;
}

static json_t *costs(const struct km_baseline *b)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < b->ncosts; i++) {
		const struct km_baseline_cost *c = &b->cost[i];
		json_t *o = json_object(), *hosts = json_array();

		for (unsigned int h = 0; h < c->nhosts; h++)
			json_array_append_new(hosts, km_j_text(b->host[c->host[h]]));
		km_j_put(o, "feature", km_j_text(c->feature));
		km_j_put(o, "lacking", hosts);
		json_array_append_new(list, o);
	}
	return list;
}

json_t *km_json_baseline(const struct km_baseline *b)
{
	char *qemu = km_baseline_qemu(b), *libvirt = km_baseline_libvirt(b);
	json_t *o = json_object(), *hosts = json_array();

	for (unsigned int i = 0; i < b->nhosts; i++)
		json_array_append_new(hosts, km_j_text(b->host[i]));
	km_j_put(o, "hosts", hosts);
	km_j_put(o, "model", km_j_text(b->model));
	km_j_put(o, "vendor", km_j_text(b->vendor));
	km_j_put(o, "features", km_j_number(b->nfeatures));
	km_j_put(o, "phys_bits", km_j_number(b->phys_bits));
	km_j_put(o, "add", names(b->add, b->nadd));
	km_j_put(o, "drop", names(b->drop, b->ndrop));
	km_j_put(o, "qemu", km_j_text(qemu ? qemu : ""));
	km_j_put(o, "libvirt", km_j_text(libvirt ? libvirt : ""));
	km_j_put(o, "costs", costs(b));
	free(qemu);
	free(libvirt);
	return o;
}
