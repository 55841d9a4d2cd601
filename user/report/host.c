// SPDX-License-Identifier: GPL-2.0
#include "host.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include "report.h"
#include "units.h"

/* "  label        text" */
static void __attribute__((format(printf, 3, 4)))
line(FILE *f, const char *label, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(f, "  %-13s ", label);
	km_put_safe(f, text);
	fputc('\n', f);
}

static const char *said(const char *text)
{
	return text[0] ? text : "not known";
}

static const char *tri(enum km_tri t)
{
	return t == KM_YES ? "on" : t == KM_NO ? "off" : "not known";
}

static void put_software(FILE *f, const struct km_rec_software *s)
{
	char error[64] = "";

	if (s->clock_synced == KM_YES)
		snprintf(error, sizeof(error), ", to within %" PRIu64 " us", s->clock_error_us);
	line(f, "software", "Linux %s, kmigrate %s, module %s%s%s", said(s->kernel), said(s->tool),
	     s->module == KM_YES ? "loaded" : "not loaded", s->mechanism[0] ? ", by " : "",
	     s->mechanism);
	line(f, "clock", "%s%s; %s",
	     s->clock_synced == KM_YES ? "synchronised" :
	     s->clock_synced == KM_NO  ? "not synchronised" :
					 "not known",
	     error, said(s->clocksource));
}

static void put_cpu(FILE *f, const struct km_host_record *h)
{
	const struct km_rec_cpu *c = &h->cpu;
	const struct km_rec_kvm *k = &h->kvm;
	const struct km_rec_topology *t = &h->topology;

	line(f, "CPU", "%s (%s, family %u, model %u, stepping %u, microcode %#x)%s", said(c->name),
	     said(c->vendor), c->family, c->model, c->stepping, c->microcode,
	     c->hypervisor == KM_YES ? ", in a virtual machine" : "");
	line(f, "", "%u CPUs, %u cores, %u packages, %u NUMA nodes; SMT %s", t->cpus, t->cores,
	     t->packages, t->nnodes, tri(c->smt));
	if (k->usable != KM_YES) {
		line(f, "KVM", "can't be used");
		return;
	}
	line(f, "KVM", "%s: nested %s, nested paging %s, A/D bits %s, PML %s", said(k->module),
	     tri(k->nested), tri(k->nested_paging), tri(k->ad_bits), tri(k->pml));
	line(f, "", "%u address bits, XSAVE of %u bytes, PMU version %u, TSC %" PRIu64 " kHz%s",
	     k->phys_bits, k->xsave_bytes, k->pmu_version, k->tsc_khz,
	     k->tsc_scaling == KM_YES ? ", scaled" : "");
}

static void put_huge(FILE *f, const struct km_rec_huge *h, uint32_t n)
{
	char size[KM_UNIT_MAX];

	for (uint32_t i = 0; i < n; i++)
		if (h[i].pages)
			line(f, "", "%" PRIu64 " of %" PRIu64 " pages of %s free", h[i].free_pages,
			     h[i].pages, km_fmt_bytes(size, (double)h[i].page_bytes));
}

static void put_memory(FILE *f, const struct km_host_record *h)
{
	const struct km_rec_memory *m = &h->memory;
	char a[KM_UNIT_MAX], b[KM_UNIT_MAX], c[KM_UNIT_MAX];

	line(f, "memory", "%s, %s available; swap %s; overcommit %s; KSM %s",
	     km_fmt_bytes(a, (double)m->total_bytes), km_fmt_bytes(b, (double)m->available_bytes),
	     km_fmt_bytes(c, (double)m->swap_bytes), said(m->overcommit), tri(m->ksm));
	put_huge(f, m->huge, m->nhuge);
	for (uint32_t i = 0; h->topology.nnodes > 1 && i < h->topology.nnodes; i++) {
		const struct km_rec_node *n = &h->topology.node[i];

		line(f, "", "node %u: CPUs %s; %s, %s free", n->node, n->cpus,
		     km_fmt_bytes(a, (double)n->memory_bytes),
		     km_fmt_bytes(b, (double)n->free_bytes));
		put_huge(f, n->huge, n->nhuge);
	}
}

static void put_encryption(FILE *f, const struct km_rec_encryption *e)
{
	line(f, "encryption", "of memory: SME %s, TME %s; of guests: SEV %s, SEV-SNP %s, TDX %s",
	     tri(e->sme), tri(e->tme), tri(e->kvm_sev), tri(e->kvm_sev_snp), tri(e->kvm_tdx));
}

static void put_network(FILE *f, const struct km_rec_network *n)
{
	const char *label = "network";
	char speed[KM_UNIT_MAX];

	if (n->peer[0]) {
		line(f, label, "to %s: %s%s", n->peer, n->device[0] ? "by " : "no route",
		     n->device);
		label = "";
	}
	for (uint32_t i = 0; i < n->nnics; i++) {
		const struct km_rec_nic *c = &n->nic[i];

		line(f, label, "%s (%s)%s: %s bit/s, MTU %u, %u queue%s, RDMA %s", c->name,
		     said(c->driver), c->up == KM_NO ? " down" : "",
		     c->bit_per_s ? km_fmt_count(speed, (double)c->bit_per_s) : "unknown", c->mtu,
		     c->queues, c->queues == 1 ? "" : "s", tri(c->rdma));
		label = "";
	}
}

static void put_power(FILE *f, const struct km_rec_power *p)
{
	if (p->driver[0])
		line(f, "power", "%s, governor %s, up to %u MHz; turbo %s", p->driver,
		     said(p->governor), p->max_khz / 1000, tri(p->turbo));
	if (p->idle_state[0])
		line(f, p->driver[0] ? "" : "power", "deepest sleep %s, %u us to wake up",
		     p->idle_state, p->idle_latency_us);
	if (p->throttled)
		line(f, "", "%" PRIu64 " thermal events since boot", p->throttled);
}

static void put_qemus(FILE *f, const struct km_host_record *h)
{
	for (uint32_t i = 0; i < h->nqemus; i++) {
		const struct km_rec_qemu *q = &h->qemu[i];
		unsigned int runs = 0;

		for (uint32_t m = 0; m < q->nmodels; m++)
			runs += q->model[m].runs == KM_YES;
		line(f, i ? "" : "QEMU",
		     "%s, version %s%s: %u machine types, %u of %u CPU models run here, %u CPU "
		     "features",
		     q->path, q->version, q->kvm == KM_YES ? "" : " (without KVM)", q->nmachines,
		     runs, q->nmodels, km_set_count(&q->host));
	}
	if (!h->nqemus)
		line(f, "QEMU", "none found");
}

static void put_files(FILE *f, const struct km_host_record *h)
{
	for (uint32_t i = 0; i < h->nfiles; i++)
		line(f, i ? "" : "files", "%s: %s%s", h->file[i].path,
		     h->file[i].there == KM_YES ? "there" : "not there",
		     h->file[i].shared == KM_YES ? ", on shared storage" : "");
}

void km_text_host(FILE *f, const struct km_host_record *h)
{
	km_put_safe(f, said(h->software.host));
	fputc('\n', f);
	put_software(f, &h->software);
	put_cpu(f, h);
	put_memory(f, h);
	put_encryption(f, &h->encryption);
	put_network(f, &h->network);
	put_power(f, &h->power);
	put_qemus(f, h);
	put_files(f, h);
}
