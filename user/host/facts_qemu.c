// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU that is installed, asked as libvirt asks: started with -machine none, which makes
 * no guest (libvirt's qemu_capabilities.c), and ended.  With KVM, since only so it knows what
 * the host's CPU can give; and without, since with KVM all its CPU models are of the host's
 * vendor (target/i386/kvm/kvm-cpu.c, kvm_cpu_instance_init).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ctl/qmp.h"
#include "facts.h"

#define ASK_MS 10000 /* for a question; one that is silent for so long is asked no more */

/* One that runs. */
struct asked {
	char dir[32], sock[64];
	pid_t pid;
	struct km_qmp *q;
	bool silent; /* it has not answered: what it has not said is not known */
};

static void exec_qemu(const char *path, const char *machine, const char *sock, pid_t parent)
{
	char qmp[128];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* However we end, it is not left behind. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(127);
	snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", sock);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execl(path, path, "-S", "-nodefaults", "-no-user-config", "-display", "none", "-machine",
	      machine, "-qmp", qmp, (char *)NULL);
	_exit(127);
}

/* It listens before it has done anything else, but not at once. */
static void reach(struct asked *a)
{
	for (int i = 0; i < ASK_MS / 10; i++) {
		if (!access(a->sock, F_OK) && !km_qmp_open(&a->q, a->sock, ASK_MS, NULL))
			return;
		if (waitpid(a->pid, NULL, WNOHANG)) { /* it is no QEMU, or has no such machine */
			a->pid = 0;
			return;
		}
		usleep(10000);
	}
}

/* a->q is NULL when it does not answer. */
static void start(struct asked *a, const char *path, const char *machine)
{
	pid_t parent = getpid();

	memset(a, 0, sizeof(*a));
	snprintf(a->dir, sizeof(a->dir), "/tmp/kmigrate-ask-XXXXXX");
	if (!mkdtemp(a->dir)) /* of mode 0700 */
		return;
	snprintf(a->sock, sizeof(a->sock), "%s/qmp", a->dir);
	a->pid = fork();
	if (!a->pid)
		exec_qemu(path, machine, a->sock, parent);
	if (a->pid > 0)
		reach(a);
}

static void stop(struct asked *a)
{
	km_qmp_close(a->q);
	if (a->pid > 0) {
		kill(a->pid, SIGKILL); /* it has nothing to lose */
		waitpid(a->pid, NULL, 0);
	}
	unlink(a->sock);
	rmdir(a->dir);
}

static json_t *ask(struct asked *a, const char *cmd, json_t *args)
{
	json_t *ret = NULL;

	if (a->silent)
		json_decref(args);
	else
		a->silent = km_qmp_exec(a->q, cmd, args, &ret, ASK_MS, NULL) == -ETIMEDOUT;
	return ret;
}

static void copy(char *to, size_t size, const json_t *text)
{
	if (json_is_string(text) && json_string_length(text) < size)
		snprintf(to, size, "%s", json_string_value(text));
}

/* A name's number, which it gets when it is new. */
static unsigned int number_of(struct km_rec_qemu *q, const char *name)
{
	for (uint32_t i = 0; i < q->nfeatures; i++)
		if (!strcmp(q->feature[i], name))
			return i;
	if (q->nfeatures == KM_SET_MAX || strlen(name) >= sizeof(q->feature[0]))
		return KM_SET_MAX;
	strcpy(q->feature[q->nfeatures], name);
	return q->nfeatures++;
}

/* "static": by the names of features alone, without their aliases (target/i386/cpu.c,
 * x86_cpu_to_dict). */
static json_t *expand(struct asked *q, const char *model, json_t *props)
{
	return ask(q, "query-cpu-model-expansion",
		   json_pack("{s:s, s:{s:s, s:o}}", "type", "static", "model", "name", model,
			     "props", props));
}

static void take_features(struct km_rec_qemu *r, json_t *expansion, struct km_set *set)
{
	json_t *props = json_object_get(json_object_get(expansion, "model"), "props"), *v;
	const char *name;

	json_object_foreach(props, name, v)
		if (json_is_true(v))
			km_set_add(set, number_of(r, name));
}

static void take_lacking(struct km_rec_qemu *r, const json_t *list, struct km_rec_model *m)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name)
			km_set_add(&m->lacking, number_of(r, name));
	}
	m->runs = json_array_size(list) ? KM_NO : KM_YES;
}

/*
 * host and max are what the host has, and base is nothing.  EPYC-v2 has a name without a
 * version as well (EPYC-IBPB), which is what libvirt knows; the few versions that have none
 * differ by features only, which a baseline adds anyhow.
 */
static bool is_left_out(const char *name)
{
	const char *v = strrchr(name, '-');

	return !strcmp(name, "host") || !strcmp(name, "max") || !strcmp(name, "base") ||
	       (v && v[1] == 'v' && v[2] && !v[2 + strspn(v + 2, "0123456789")]);
}

static const json_t *props_of(const json_t *expansion)
{
	return json_object_get(json_object_get(expansion, "model"), "props");
}

/* What a model has depends on KVM (target/i386/kvm/kvm-cpu.c, kvm_default_props); so does its
 * vendor, which is therefore asked of one without: plain, if there is one. */
static void take_model(struct asked *q, struct asked *plain, struct km_rec_qemu *r,
		       const json_t *def)
{
	struct km_rec_model *m = &r->model[r->nmodels];
	const char *name = json_string_value(json_object_get(def, "name"));
	json_t *x;

	if (!name || is_left_out(name) || r->nmodels == KM_REC_MODELS ||
	    strlen(name) >= sizeof(m->name))
		return;
	x = expand(q, name, json_object());
	if (!x)
		return;
	strcpy(m->name, name);
	m->family = (uint32_t)json_integer_value(json_object_get(props_of(x), "family"));
	take_features(r, x, &m->features);
	take_lacking(r, json_object_get(def, "unavailable-features"), m);
	json_decref(x);
	x = plain->q ? expand(plain, name, json_object()) : NULL;
	copy(m->vendor, sizeof(m->vendor), json_object_get(props_of(x), "vendor"));
	json_decref(x);
	r->nmodels++;
}

static void take_self(struct asked *q, struct km_rec_qemu *r)
{
	const char *self = r->kvm == KM_YES ? "host" : "max";
	json_t *x = expand(q, self, json_pack("{s:b}", "migratable", 0));

	take_features(r, x, &r->host);
	json_decref(x);
	x = expand(q, self, json_object());
	take_features(r, x, &r->movable);
	json_decref(x);
}

/*
 * -cpu host leaves out what can be had, but not without other settings that fit, as topoext
 * (target/i386/cpu.c, no_autoenable_flags).  A model that has it and does not miss it proves
 * that it can be had.  (invtsc, which can't be moved, is in no model.)
 */
static void add_proven(struct km_rec_qemu *r)
{
	for (uint32_t m = 0; m < r->nmodels; m++)
		for (size_t w = 0; w < KM_SET_WORDS; w++) {
			uint64_t can = r->model[m].features.w[w] & ~r->model[m].lacking.w[w];

			r->host.w[w] |= can;
			r->movable.w[w] |= can;
		}
}

static void take_models(struct asked *q, const char *path, struct km_rec_qemu *r)
{
	json_t *defs = ask(q, "query-cpu-definitions", NULL);
	struct asked plain = *q;

	if (r->kvm == KM_YES)
		start(&plain, path, "none,accel=tcg");
	for (size_t i = 0; i < json_array_size(defs); i++)
		take_model(q, &plain, r, json_array_get(defs, i));
	if (r->kvm == KM_YES)
		stop(&plain);
	json_decref(defs);
	add_proven(r);
}

static void take(struct asked *q, const char *path, struct km_rec_qemu *r)
{
	json_t *j = ask(q, "query-kvm", NULL);
	int v[3];

	snprintf(r->path, sizeof(r->path), "%s", path);
	r->kvm = json_is_true(json_object_get(j, "enabled")) ? KM_YES : KM_NO;
	json_decref(j);
	km_qmp_version(q->q, &v[0], &v[1], &v[2]);
	snprintf(r->version, sizeof(r->version), "%d.%d.%d", v[0], v[1], v[2]);
	j = ask(q, "query-machines", NULL);
	for (size_t i = 0; i < json_array_size(j) && r->nmachines < KM_REC_MACHINES; i++) {
		copy(r->machine[r->nmachines], sizeof(r->machine[0]),
		     json_object_get(json_array_get(j, i), "name"));
		r->nmachines += r->machine[r->nmachines][0] != '\0';
	}
	json_decref(j);
	take_self(q, r);
	take_models(q, path, r);
}

bool km_facts_qemu(const char *path, struct km_rec_qemu *r)
{
	struct asked a;
	bool answers;

	if (strlen(path) >= sizeof(r->path))
		return false;
	start(&a, path, "none,accel=kvm:tcg");
	answers = a.q;
	if (answers)
		take(&a, path, r);
	stop(&a);
	return answers;
}
