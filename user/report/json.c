// SPDX-License-Identifier: GPL-2.0
#include "report.h"

#include <stdlib.h>
#include <string.h>

/* Guests' names and paths are bytes; JSON wants UTF-8. What is not becomes '?'. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);
	char *copy;

	if (j)
		return j;
	copy = strdup(s);
	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	j = copy ? json_string(copy) : NULL;
	free(copy);
	return j ? j : json_null();
}

/* "" means that there is nothing to say. */
static json_t *text_or_null(const char *s)
{
	return *s ? text(s) : json_null();
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)(v > INT64_MAX ? INT64_MAX : v));
}

/* JSON has no nan or inf, and json_real(nan) is NULL. */
static json_t *real(double v)
{
	json_t *j = json_real(v);

	return j ? j : json_null();
}

static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

json_t *km_json_vm(const struct km_vm *vm)
{
	json_t *o = json_object();

	put(o, "name", text(vm->name));
	put(o, "pid", number((uint64_t)vm->pid));
	put(o, "vcpus", number(vm->vcpus));
	put(o, "ram_bytes", number(vm->ram_bytes));
	put(o, "backing", text(km_backing_name(vm->backing)));
	put(o, "accelerator", text(km_accel_name(vm->accel)));
	put(o, "state", text_or_null(vm->state));
	put(o, "machine", text_or_null(vm->machine));
	put(o, "uuid", text_or_null(vm->uuid));
	put(o, "qemu_version", text_or_null(vm->qemu_version));
	put(o, "exe", text_or_null(vm->exe));
	put(o, "qmp", text_or_null(vm->qmp));
	put(o, "movable", json_boolean(!vm->unmovable[0]));
	put(o, "unmovable_because", text_or_null(vm->unmovable));
	return o;
}

static json_t *counters(const struct km_counters *c)
{
	json_t *o = json_object();

	put(o, "listed_pages", number(c->listed_pages));
	put(o, "merged_pages", number(c->merged_pages));
	put(o, "sent_pages", number(c->sent_pages));
	put(o, "zero_pages", number(c->zero_pages));
	put(o, "raw_pages", number(c->raw_pages));
	put(o, "acked_pages", number(c->acked_pages));
	put(o, "backlog_pages", number(c->backlog_pages));
	put(o, "payload_bytes", number(c->payload_bytes));
	put(o, "device_bytes", number(c->device_bytes));
	put(o, "wire_bytes", number(c->wire_bytes));
	put(o, "rounds", number(c->rounds));
	put(o, "qemu_remaining_bytes", number(c->qemu_remaining_bytes));
	put(o, "qemu_dirty_pages_per_s", number(c->dirty_pages_per_s));
	put(o, "goodput_bytes_per_s", number(c->goodput_bytes_per_s));
	return o;
}

static json_t *module(const struct km_module_facts *m)
{
	json_t *o = json_object();
	json_t *by_vcpu;

	put(o, "present", json_boolean(m->present));
	if (!m->present) {
		put(o, "why_absent", text_or_null(m->why_absent));
		return o;
	}
	put(o, "mechanism", text_or_null(m->mechanism));
	put(o, "dirtied_pages", number(m->dirtied_pages));
	put(o, "dirtied_pages_per_s", real(m->dirtied_pages_per_s));
	by_vcpu = json_array();
	for (unsigned int i = 0; i < m->vcpus && i < 256; i++)
		json_array_append_new(by_vcpu, number(m->dirtied_by_vcpu[i]));
	put(o, "dirtied_by_vcpu", by_vcpu);
	put(o, "limits", text_or_null(m->why_absent));
	return o;
}

static json_t *verify(const struct km_verify *v)
{
	json_t *o = json_object();

	put(o, "done", json_boolean(v->done));
	if (!v->done)
		return o;
	put(o, "pages", number(v->pages));
	put(o, "unseen", number(v->unseen));
	put(o, "differing", number(v->differing));
	put(o, "allowed", number(v->allowed));
	put(o, "first", text_or_null(v->first));
	put(o, "passed", json_boolean(v->differing <= v->allowed));
	return o;
}

static json_t *times(const struct km_run *r)
{
	json_t *o = json_object();

	put(o, "total_ms", real(r->total_ms));
	put(o, "setup_ms", real(r->setup_ms));
	put(o, "pause_ms", real(r->pause_ms));
	put(o, "pause_drain_ms", real(r->pause_drain_ms));
	put(o, "pause_verify_ms", real(r->pause_verify_ms));
	put(o, "pause_settle_ms", real(r->pause_settle_ms));
	put(o, "pause_go_ms", real(r->pause_go_ms));
	return o;
}

json_t *km_json_run(const struct km_run *r)
{
	json_t *o = json_object();

	put(o, "id", text_or_null(r->id));
	put(o, "outcome", text(km_outcome_name(r->outcome)));
	put(o, "phase", text(km_phase_name(r->phase)));
	put(o, "error", text_or_null(r->error));
	put(o, "vm", text(r->vm_name));
	put(o, "pid", number((uint64_t)r->vm_pid));
	put(o, "destination", text(r->destination));
	put(o, "engine", text(r->engine));
	put(o, "engine_why", text_or_null(r->engine_why));
	put(o, "streams", number(r->streams));
	put(o, "ram_bytes", number(r->ram_bytes));
	put(o, "times", times(r));
	put(o, "counters", counters(&r->c));
	put(o, "module", module(&r->module));
	put(o, "held", text_or_null(r->held));
	put(o, "verify", verify(&r->verify));
	return o;
}

void km_json_print(FILE *f, json_t *j)
{
	json_dumpf(j, f, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	fputc('\n', f);
	json_decref(j);
}
