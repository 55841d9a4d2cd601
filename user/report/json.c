// SPDX-License-Identifier: GPL-2.0
#include "arrival.h"
#include "foretold.h"
#include "hold.h"
#include "impact.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>
#include "disks.h"
#include "jsonval.h"
#include "pause.h"
#include "placed.h"
#include "weight.h"

json_t *km_json_vm(const struct km_vm *vm)
{
	json_t *o = json_object();

	km_j_put(o, "name", km_j_text(vm->name));
	km_j_put(o, "pid", km_j_number((uint64_t)vm->pid));
	km_j_put(o, "vcpus", km_j_number(vm->vcpus));
	km_j_put(o, "ram_bytes", km_j_number(vm->ram_bytes));
	km_j_put(o, "backing", km_j_text(km_backing_name(vm->backing)));
	km_j_put(o, "accelerator", km_j_text(km_accel_name(vm->accel)));
	km_j_put(o, "state", km_j_text_or_null(vm->state));
	km_j_put(o, "machine", km_j_text_or_null(vm->machine));
	km_j_put(o, "uuid", km_j_text_or_null(vm->uuid));
	km_j_put(o, "qemu_version", km_j_text_or_null(vm->qemu_version));
	km_j_put(o, "exe", km_j_text_or_null(vm->exe));
	km_j_put(o, "qmp", km_j_text_or_null(vm->qmp));
	km_j_put(o, "movable", json_boolean(!vm->unmovable[0]));
	km_j_put(o, "unmovable_because", km_j_text_or_null(vm->unmovable));
	return o;
}

static json_t *counters(const struct km_counters *c)
{
	json_t *o = json_object();

	km_j_put(o, "listed_pages", km_j_number(c->listed_pages));
	km_j_put(o, "merged_pages", km_j_number(c->merged_pages));
	km_j_put(o, "sent_pages", km_j_number(c->sent_pages));
	km_j_put(o, "zero_pages", km_j_number(c->zero_pages));
	km_j_put(o, "raw_pages", km_j_number(c->raw_pages));
	km_j_put(o, "packed_pages", km_j_number(c->packed_pages));
	km_j_put(o, "packed_bytes", km_j_number(c->packed_bytes));
	km_j_put(o, "delta_pages", km_j_number(c->delta_pages));
	km_j_put(o, "delta_bytes", km_j_number(c->delta_bytes));
	km_j_put(o, "codec_ms", km_j_number(c->codec_ms));
	km_j_put(o, "same_pages", km_j_number(c->same_pages));
	km_j_put(o, "later_pages", km_j_number(c->later_pages));
	km_j_put(o, "resent_pages", km_j_number(c->resent_pages));
	km_j_put(o, "acked_pages", km_j_number(c->acked_pages));
	km_j_put(o, "backlog_pages", km_j_number(c->backlog_pages));
	km_j_put(o, "payload_bytes", km_j_number(c->payload_bytes));
	km_j_put(o, "device_bytes", km_j_number(c->device_bytes));
	km_j_put(o, "disk_bytes", km_j_number(c->disk_bytes));
	km_j_put(o, "wire_bytes", km_j_number(c->wire_bytes));
	km_j_put(o, "rounds", km_j_number(c->rounds));
	km_j_put(o, "qemu_remaining_bytes", km_j_number(c->qemu_remaining_bytes));
	km_j_put(o, "qemu_dirty_pages_per_s", km_j_number(c->dirty_pages_per_s));
	km_j_put(o, "goodput_bytes_per_s", km_j_number(c->goodput_bytes_per_s));
	return o;
}

static json_t *module(const struct km_module_facts *m)
{
	json_t *o = json_object();
	json_t *by_vcpu;

	km_j_put(o, "present", json_boolean(m->present));
	if (!m->present) {
		km_j_put(o, "why_absent", km_j_text_or_null(m->why_absent));
		return o;
	}
	km_j_put(o, "mechanism", km_j_text_or_null(m->mechanism));
	km_j_put(o, "dirtied_pages", km_j_number(m->dirtied_pages));
	km_j_put(o, "dirtied_pages_per_s", km_j_real(m->dirtied_pages_per_s));
	by_vcpu = json_array();
	for (unsigned int i = 0; i < m->vcpus && i < 256; i++)
		json_array_append_new(by_vcpu, km_j_number(m->dirtied_by_vcpu[i]));
	km_j_put(o, "dirtied_by_vcpu", by_vcpu);
	km_j_put(o, "limits", km_j_text_or_null(m->why_absent));
	return o;
}

static json_t *stall(const struct km_stall_facts *s)
{
	json_t *o, *region;

	if (!s->rounds)
		return json_null();
	region = json_null();
	if (s->region[0]) {
		region = json_object();
		km_j_put(region, "block", km_j_text(s->region));
		km_j_put(region, "offset", km_j_number(s->region_offset));
		km_j_put(region, "bytes", km_j_number(s->region_bytes));
	}
	o = json_object();
	km_j_put(o, "flat_rounds", km_j_number(s->rounds));
	km_j_put(o, "round_pages", km_j_number(s->round_pages));
	km_j_put(o, "hottest", region);
	km_j_put(o, "gave_up", json_boolean(s->gave_up));
	return o;
}

static json_t *verify(const struct km_verify *v)
{
	json_t *o = json_object();

	km_j_put(o, "done", json_boolean(v->done));
	if (!v->done)
		return o;
	km_j_put(o, "pages", km_j_number(v->pages));
	km_j_put(o, "unseen", km_j_number(v->unseen));
	km_j_put(o, "differing", km_j_number(v->differing));
	km_j_put(o, "allowed", km_j_number(v->allowed));
	km_j_put(o, "first", km_j_text_or_null(v->first));
	km_j_put(o, "passed", json_boolean(v->differing <= v->allowed));
	return o;
}

static json_t *times(const struct km_run *r)
{
	json_t *o = json_object();

	km_j_put(o, "total_ms", km_j_real(r->total_ms));
	km_j_put(o, "setup_ms", km_j_real(r->setup_ms));
	km_j_put(o, "pause_ms", km_j_real(r->pause_ms));
	km_j_put(o, "redial_ms", km_j_real(r->redial_ms));
	return o;
}

static json_t *known_ms(double ms)
{
	return ms > 0 ? km_j_real(ms) : json_null();
}

static json_t *cpu(const struct km_run *r)
{
	json_t *o = json_object();

	km_j_put(o, "source_cpu_ms", known_ms(r->source_cpu_ms));
	km_j_put(o, "destination_cpu_ms", known_ms(r->destination_cpu_ms));
	return o;
}

static json_t *paths(const struct km_run *r)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < r->npaths; i++) {
		json_t *o = json_object();

		km_j_put(o, "address", km_j_text(r->path[i].address));
		km_j_put(o, "streams", km_j_number(r->path[i].streams));
		km_j_put(o, "wire_bytes", km_j_number(r->path[i].wire_bytes));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *km_json_run(const struct km_run *r)
{
	json_t *o = json_object();

	km_j_put(o, "id", km_j_text_or_null(r->id));
	km_j_put(o, "outcome", km_j_text(km_outcome_name(r->outcome)));
	km_j_put(o, "phase", km_j_text(km_phase_name(r->phase)));
	km_j_put(o, "error", km_j_text_or_null(r->error));
	km_j_put(o, "vm", km_j_text(r->vm_name));
	km_j_put(o, "pid", km_j_number((uint64_t)r->vm_pid));
	km_j_put(o, "destination", km_j_text(r->destination));
	km_j_put(o, "engine", km_j_text(r->engine));
	km_j_put(o, "engine_why", km_j_text_or_null(r->engine_why));
	km_j_put(o, "encryption", km_j_text_or_null(r->encryption));
	km_j_put(o, "cipher", km_j_text_or_null(r->cipher));
	km_j_put(o, "streams", km_j_number(r->streams));
	km_j_put(o, "paths", paths(r));
	km_j_put(o, "ram_bytes", km_j_number(r->ram_bytes));
	km_j_put(o, "source_died", json_boolean(r->source_died));
	km_j_put(o, "redials", km_j_number(r->redials));
	km_j_put(o, "redialled_because", km_j_text_or_null(r->why_redialled));
	km_j_put(o, "times", times(r));
	km_j_put(o, "prediction", km_json_prediction(&r->foretold));
	km_j_put(o, "pause", km_json_pause(&r->pause));
	km_j_put(o, "impact", km_json_impact(&r->impact));
	km_j_put(o, "arrival", km_json_arrival(&r->arrival));
	km_j_put(o, "cpu", cpu(r));
	km_j_put(o, "counters", counters(&r->c));
	km_j_put(o, "module", module(&r->module));
	km_j_put(o, "held", km_j_text_or_null(r->held));
	km_j_put(o, "hold", km_json_held(&r->hold));
	km_j_put(o, "placed", km_json_placed(&r->placed));
	km_j_put(o, "pinning", km_json_pinned(&r->pinned));
	km_j_put(o, "cpu_weight", km_json_weight(&r->weight));
	km_j_put(o, "throttle", km_json_throttle(&r->throttle));
	km_j_put(o, "stall", stall(&r->stall));
	km_j_put(o, "disks", km_json_disks(&r->disks));
	km_j_put(o, "verify", verify(&r->verify));
	return o;
}

void km_json_print(FILE *f, json_t *j)
{
	json_dumpf(j, f, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	fputc('\n', f);
	json_decref(j);
}
