// SPDX-License-Identifier: GPL-2.0
/* The renderers: what is in the structures comes out, whatever is in them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "report/foretold.h"
#include "report/report.h"
#include "report/units.h"

static struct km_run run; /* large, and filled by moved() */

static void moved(void)
{
	memset(&run, 0, sizeof(run));
	strcpy(run.id, "0123");
	strcpy(run.vm_name, "web01");
	strcpy(run.destination, "hostb:4777");
	strcpy(run.engine, "relay");
	strcpy(run.encryption, "psk");
	strcpy(run.cipher, "AES-128-GCM");
	strcpy(run.held, "QEMU's migration settings; put back");
	run.vm_pid = 4242;
	run.streams = 2;
	run.phase = KM_PHASE_DONE;
	run.outcome = KM_OUT_MOVED;
	run.total_ms = 12400;
	run.setup_ms = 310;
	run.pause_ms = 38.2;
	run.pause.nparts = 1;
	strcpy(run.pause.part[0].name, "stop");
	run.pause.part[0].took_ms = run.pause.total_ms = 38.2;
	strcpy(run.pause.why_not, "it is too old");
	run.c.rounds = 4;
	run.c.raw_pages = 370000;
	run.c.zero_pages = 812345;
	run.c.packed_pages = 10000;
	run.c.packed_bytes = 13516800;
	run.c.codec_ms = 123;
	run.c.delta_pages = 20000;
	run.c.delta_bytes = 1048576;
	run.c.sent_pages = 1212345;
	run.c.merged_pages = 12034;
	run.c.payload_bytes = 1515520000 + 13516800 + 1048576;
	run.c.device_bytes = 421888;
	run.c.wire_bytes = 1524432000;
	run.c.goodput_bytes_per_s = 122000000;
	run.c.backlog_pages = 1000;
	run.c.dirty_pages_per_s = 8000;
	run.module.present = true;
	strcpy(run.module.mechanism, "pml");
	run.module.dirtied_pages = 100000;
	run.module.dirtied_pages_per_s = 8123;
	run.module.vcpus = 2;
	run.module.dirtied_by_vcpu[0] = 61000;
	run.module.dirtied_by_vcpu[1] = 39000;
	run.verify.done = true;
	run.verify.pages = 1182345;
	run.verify.differing = run.verify.allowed = 1;
	strcpy(run.verify.first, "pc.ram+0xe8000");
}

static char *text_of(const struct km_run *r)
{
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	km_text_run(f, r);
	fclose(f);
	return text;
}

static void text_moved(bool *ok)
{
	static const char *const want[] = {
		"web01 (pid 4242) moved to hostb:4777",
		"12.4 s, of it setup 310 ms; 4 rounds",
		"pause       38.2 ms; the destination's parts of it are unknown: it is too old",
		"    stop          38.2 ms  source      |@",
		"1.42 GiB on the wire, 2 streams",
		"encrypted   TLS 1.3, by a pre-shared key; AES-128-GCM",
		"1.41 GiB  370 k pages",
		"12.9 MiB  10.0 k pages, compressed to 33 %",
		"1.00 MiB  20.0 k pages, as what had changed in them",
		"812 k pages, by name only",
		"412 KiB  QEMU's own state",
		"8123 pages/s (31.7 MiB/s), by kmigrate.ko through pml",
		"vcpu0 61 %, vcpu1 39 %",
		"put back",
		"none wrong (1 rewritten as QEMU loaded the guest's state: pc.ram+0xe8000)",
		"runs at     hostb:4777",
	};
	char *text;

	moved();
	text = text_of(&run);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (!strstr(text, want[i]))
			printf("# missing: %s\n", want[i]);
		CHECK(strstr(text, want[i]));
	}
	CHECK(!strchr(text, '\033')); /* no colour off a terminal */
	free(text);
}

static void source_died(bool *ok)
{
	char *text;
	json_t *j;

	moved();
	j = km_json_run(&run);
	CHECK(json_is_false(json_object_get(j, "source_died")));
	json_decref(j);
	run.source_died = true;
	text = text_of(&run);
	CHECK(strstr(text,
		     "source      its QEMU died when the destination had all of the guest\n"));
	free(text);
	j = km_json_run(&run);
	CHECK(json_is_true(json_object_get(j, "source_died")));
	json_decref(j);
}

static void redialled(bool *ok)
{
	struct km_progress p;
	size_t size;
	char *text;
	json_t *j;
	FILE *f;

	moved();
	text = text_of(&run);
	CHECK(!strstr(text, "redial"));
	free(text);
	run.redials = 2;
	run.redial_ms = 3200;
	run.c.resent_pages = 1234;
	strcpy(run.why_redialled, "cut");
	text = text_of(&run);
	CHECK(strstr(text,
		     "redialled   2 times; no link for 3.20 s in all, 1234 pages were sent again\n"
		     "              because: cut\n"));
	free(text);
	j = km_json_run(&run);
	CHECK(json_integer_value(json_object_get(j, "redials")) == 2);
	CHECK(!strcmp(json_string_value(json_object_get(j, "redialled_because")), "cut"));
	CHECK(json_number_value(json_object_get(json_object_get(j, "times"), "redial_ms")) == 3200);
	CHECK(json_integer_value(json_object_get(json_object_get(j, "counters"), "resent_pages")) ==
	      1234);
	json_decref(j);
	/* At once, and not only when the next line is due. */
	f = open_memstream(&text, &size);
	km_progress_init(&p, f);
	run.phase = KM_PHASE_PRECOPY;
	km_progress_show(&p, &run, 1);
	run.link_away = true;
	km_progress_show(&p, &run, 2);
	run.link_away = false;
	km_progress_show(&p, &run, 3);
	fclose(f);
	CHECK(strstr(text, "the link is broken: redialling\n"));
	CHECK(strstr(strstr(text, "redialling"), "round 4"));
	free(text);
}

static void text_others(bool *ok)
{
	char *text;

	moved();
	run.outcome = KM_OUT_STAYED;
	run.pause_ms = 0;
	run.module.present = false;
	strcpy(run.module.why_absent, "kmigrate.ko is not loaded");
	strcpy(run.error, "the link\033[2J broke");
	run.verify.done = false;
	text = text_of(&run);
	CHECK(strstr(text, "stays here") && strstr(text, "runs at     this host, as before"));
	CHECK(strstr(text, "not seen: kmigrate.ko is not loaded"));
	CHECK(strstr(text, "the link?[2J broke") && !strstr(text, "verify"));
	free(text);

	strcpy(run.encryption, "x509");
	run.outcome = KM_OUT_DOUBT;
	text = text_of(&run);
	CHECK(strstr(text, "look at both ends"));
	CHECK(strstr(text, "encrypted   TLS 1.3, by certificates; AES-128-GCM"));
	CHECK(!strstr(text, "kmigrate resolve"));
	free(text);

	strcpy(run.encryption, "none");
	run.outcome = KM_OUT_LOST;
	run.verify.done = true;
	run.verify.differing = 3;
	run.verify.allowed = 1;
	text = text_of(&run);
	CHECK(strstr(text, "encrypted   no (--insecure)"));
	CHECK(strstr(text, "neither end") && strstr(text, "2 of 1.18 M pages DIFFER"));
	free(text);

	memset(&run, 0, sizeof(run)); /* nothing known: still a report */
	text = text_of(&run);
	CHECK(strlen(text) > 50 && !strstr(text, "encrypted"));
	free(text);
}

static void json_run(bool *ok)
{
	json_t *j;
	json_t *c;

	moved();
	j = km_json_run(&run);
	CHECK(!strcmp(json_string_value(json_object_get(j, "outcome")), "moved"));
	CHECK(json_is_null(json_object_get(j, "error")));
	CHECK(!strcmp(json_string_value(json_object_get(j, "encryption")), "psk"));
	c = json_object_get(j, "counters");
	CHECK(json_integer_value(json_object_get(c, "zero_pages")) == 812345);
	CHECK(json_integer_value(json_object_get(c, "packed_pages")) == 10000);
	CHECK(json_integer_value(json_object_get(c, "packed_bytes")) == 13516800);
	CHECK(json_integer_value(json_object_get(c, "delta_pages")) == 20000);
	CHECK(json_integer_value(json_object_get(c, "delta_bytes")) == 1048576);
	CHECK(json_integer_value(json_object_get(c, "codec_ms")) == 123);
	CHECK(json_real_value(json_object_get(json_object_get(j, "times"), "pause_ms")) > 38);
	CHECK(json_array_size(json_object_get(json_object_get(j, "module"), "dirtied_by_vcpu")) ==
	      2);
	CHECK(json_is_true(json_object_get(json_object_get(j, "verify"), "passed")));
	CHECK(json_is_null(json_object_get(j, "cpu_weight")));
	json_decref(j);

	/* Numbers that JSON has no room for, names that are no UTF-8. */
	run.c.wire_bytes = UINT64_MAX;
	run.total_ms = NAN;
	run.pause_ms = INFINITY;
	run.module.vcpus = 4000000000u;
	strcpy(run.vm_name, "a\xff\xfe\"\n");
	j = km_json_run(&run);
	CHECK(json_is_null(json_object_get(json_object_get(j, "times"), "total_ms")));
	CHECK(!strcmp(json_string_value(json_object_get(j, "vm")), "a\?\?\"\n"));
	c = json_object_get(j, "counters");
	CHECK(json_integer_value(json_object_get(c, "wire_bytes")) == INT64_MAX);
	CHECK(json_array_size(json_object_get(json_object_get(j, "module"), "dirtied_by_vcpu")) ==
	      256);
	json_decref(j);
}

static void weight(bool *ok)
{
	static const struct {
		struct km_weight_facts facts;
		const char *says;
	} t[] = {
		{ { .wanted = 800, .on = true, .group = "/vm", .before = 100 },
		  "cpu.weight 800 instead of 100 for /vm; put back" },
		{ { .wanted = 800, .on = true, .group = "/vm", .before = 100, .changed_to = 300 },
		  "somebody has set it to 300 meanwhile, which is left" },
		{ { .wanted = 800, .on = true, .before = 100, .not_back = "I/O error" },
		  "NOT put back: I/O error" },
		{ { .wanted = 800, .why_not = "no cgroup v2 is mounted" },
		  "weight      not available here: no cgroup v2 is mounted" },
		{ { 0 }, NULL },
	};
	json_t *j, *w;
	char *text;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		moved();
		run.weight = t[i].facts;
		text = text_of(&run);
		CHECK(t[i].says ? strstr(text, t[i].says) != NULL : !strstr(text, "weight"));
		free(text);
	}
	run.weight = t[1].facts;
	j = km_json_run(&run);
	w = json_object_get(j, "cpu_weight");
	CHECK(json_is_true(json_object_get(w, "on")));
	CHECK(json_integer_value(json_object_get(w, "changed_to")) == 300);
	CHECK(json_is_null(json_object_get(w, "not_put_back")));
	json_decref(j);
}

static void throttle(bool *ok)
{
	static const struct {
		struct km_throttle_facts facts;
		const char *says;
	} t[] = {
		{ { .wanted = true }, "throttle    no vCPU was slowed" },
		{ { .wanted = true, .why_not = "no module" }, "not available here: no module" },
		{ { .wanted = true, .vcpus = 3, .most = { 85, 0, 12 } },
		  "vcpu0 slowed by up to 85 %, vcpu2 slowed by up to 12 %; put back" },
		{ { .wanted = true, .vcpus = 1, .most = { 85 }, .why_not = "it broke" },
		  "; put back early: it broke" },
		{ { .wanted = true, .vcpus = 1, .most = { 85 }, .changed = 1 },
		  "; put back, but for 1 that somebody else has changed" },
		{ { .wanted = true, .vcpus = 1, .most = { 85 }, .not_back = "I/O error" },
		  "; NOT put back: I/O error" },
		{ { 0 }, NULL },
	};
	char *text;
	json_t *j;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		moved();
		run.throttle = t[i].facts;
		text = text_of(&run);
		CHECK(t[i].says ? strstr(text, t[i].says) != NULL : !strstr(text, "throttle"));
		free(text);
	}
	moved(); /* as many as there can be */
	run.throttle.wanted = true;
	run.throttle.vcpus = 256;
	memset(run.throttle.most, 99, sizeof(run.throttle.most));
	text = text_of(&run);
	CHECK(strstr(text, "...; put back"));
	free(text);
	run.throttle = t[2].facts;
	j = km_json_run(&run);
	CHECK(json_array_size(json_object_get(json_object_get(j, "throttle"),
					      "most_percent_by_vcpu")) == 3);
	json_decref(j);
}

static void guests(bool *ok)
{
	static struct km_vm vms[2];
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);
	json_t *j;

	strcpy(vms[0].name, "gr\xc3\xbc\xc3\x9f"); /* four columns, six bytes */
	vms[0].pid = 7;
	vms[0].ram_bytes = 2ull << 30;
	vms[0].vcpus = 2;
	vms[0].accel = KM_ACCEL_KVM;
	strcpy(vms[0].state, "running");
	strcpy(vms[1].name, "b\033]0;x\007"); /* sets a terminal's title */
	vms[1].pid = 123456;
	strcpy(vms[1].unmovable, "no QMP monitor");
	km_text_vms(f, vms, 2);
	fclose(f);
	CHECK(strstr(text, "NAME") == text && strstr(text, "2.00 GiB"));
	CHECK(strstr(text, "can be moved") && strstr(text, "no QMP monitor"));
	CHECK(!strchr(text, '\033') && !strchr(text, '\007'));
	/* PID's column ends at the same place in every line. */
	CHECK(strstr(text, "gr\xc3\xbc\xc3\x9f          7 ") != NULL);
	CHECK(strstr(text, "b?]0;x?  123456 ") != NULL);
	free(text);
	j = km_json_vm(&vms[1]);
	CHECK(json_is_false(json_object_get(j, "movable")));
	CHECK(!strcmp(json_string_value(json_object_get(j, "unmovable_because")),
		      "no QMP monitor"));
	CHECK(json_is_null(json_object_get(j, "qmp")));
	json_decref(j);
}

static void units(bool *ok)
{
	char b[KM_UNIT_MAX];

	CHECK(!strcmp(km_fmt_bytes(b, 0), "0 B"));
	CHECK(!strcmp(km_fmt_bytes(b, 1023), "1023 B"));
	CHECK(!strcmp(km_fmt_bytes(b, 1024), "1.00 KiB"));
	CHECK(!strcmp(km_fmt_bytes(b, 1048575), "1.00 MiB"));
	CHECK(!strcmp(km_fmt_bytes(b, 1e30), "888178419700125 PiB"));
	CHECK(!strcmp(km_fmt_count(b, 9999), "9999"));
	CHECK(!strcmp(km_fmt_count(b, 12345), "12.3 k"));
	CHECK(!strcmp(km_fmt_count(b, 999999), "1.00 M"));
	CHECK(!strcmp(km_fmt_ms(b, 0.38), "380 us"));
	CHECK(!strcmp(km_fmt_ms(b, 0.99999), "1.00 ms"));
	CHECK(!strcmp(km_fmt_ms(b, 999.9), "1.00 s"));
	CHECK(!strcmp(km_fmt_ms(b, 200000), "3 min 20 s"));
	CHECK(!strcmp(km_fmt_ms(b, 7500e3), "2 h 05 min"));
	CHECK(!strcmp(km_fmt_ms(b, NAN), "0 ms") && !strcmp(km_fmt_ms(b, 1e300), "very long"));
}

static void progress(bool *ok)
{
	struct km_progress p;
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);
	unsigned int lines = 0;

	moved();
	run.phase = KM_PHASE_SETUP;
	km_progress_init(&p, f);
	CHECK(!p.tty);
	km_progress_show(&p, &run, 0);
	run.phase = KM_PHASE_PRECOPY;
	for (int ms = 10; ms <= 20000; ms += 10)
		km_progress_show(&p, &run, ms);
	run.phase = KM_PHASE_SWITCHOVER;
	km_progress_show(&p, &run, 20001);
	run.phase = KM_PHASE_PRECOPY;
	run.c.dirty_pages_per_s = 1000000;
	km_progress_show(&p, &run, 20002);
	run.c.goodput_bytes_per_s = 0;
	run.phase = KM_PHASE_COMMIT;
	km_progress_show(&p, &run, 20003);
	km_progress_end(&p);
	fclose(f);
	for (char *c = text; *c; c++)
		lines += *c == '\n';
	CHECK(lines == 1 + 4 + 3);
	CHECK(strstr(text, "round 4") && strstr(text, "backlog 1000"));
	CHECK(strstr(text, "116 MiB/s") && strstr(text, "left 45.9 ms"));
	CHECK(strstr(text, "pause now 33.6 ms"));
	CHECK(strstr(text, "left never") && !strchr(text, '\r'));
	free(text);
}

/* Where threads ran, the move's and the guest's own. */
static void placement(bool *ok)
{
	json_t *j, *pinning;
	char *text;

	moved();
	text = text_of(&run);
	CHECK(!strstr(text, "placed") && !strstr(text, "pinned"));
	free(text);
	j = km_json_run(&run);
	CHECK(json_is_null(json_object_get(j, "placed")));
	CHECK(json_is_null(json_object_get(j, "pinning")));
	json_decref(j);

	run.placed = (struct km_placed){ .wanted = true,
					 .on = true,
					 .own = "2-3",
					 .qemu = "3",
					 .qemu_threads = 1,
					 .put_back = true,
					 .left = 2 };
	run.pinned =
		(struct km_pinned){ .threads = 2,
				    .policy = "relax",
				    .done = true,
				    .nlaid = 2,
				    .laid = { { "vCPU 0", "0", "2" }, { "emulator", "1", "5-6" } },
				    .nbreaks = 3,
				    .breaks = { "a is no sibling of b" } };
	text = text_of(&run);
	CHECK(strstr(text, "placed      kmigrate on CPUs 2-3, 1 migration thread of QEMU on 3; "
			   "put back, but 2 that somebody else has moved\n"));
	CHECK(strstr(text,
		     "pinned      vCPU 0 on 2, emulator on 5-6; RELAXED: a is no sibling of b, "
		     "and 2 more\n"));
	free(text);
	j = km_json_run(&run);
	pinning = json_object_get(j, "pinning");
	CHECK(json_is_false(json_object_get(pinning, "kept")));
	CHECK(json_is_true(json_object_get(pinning, "done")));
	CHECK(json_array_size(json_object_get(pinning, "threads")) == 2);
	CHECK(json_array_size(json_object_get(pinning, "breaks")) == 3);
	CHECK(json_integer_value(json_object_get(json_object_get(j, "placed"), "left")) == 2);
	json_decref(j);

	run.placed = (struct km_placed){ .wanted = true, .why_not = "no topology" };
	run.pinned = (struct km_pinned){ .threads = 2, .policy = "none" };
	text = text_of(&run);
	CHECK(strstr(text, "placed      nothing: no topology\n"));
	CHECK(strstr(text, "pinned      no, as asked for: 2 threads were\n"));
	free(text);
	run.pinned = (struct km_pinned){ .policy = "relax", .why_not = "too old" };
	text = text_of(&run);
	CHECK(strstr(text, "pinned      no: too old\n"));
	free(text);

	/* More than a line holds. */
	run.pinned.done = true;
	run.pinned.nlaid = KM_PIN_LAID_MAX;
	for (int i = 0; i < KM_PIN_LAID_MAX; i++) {
		memset(run.pinned.laid[i].who, 'w', sizeof(run.pinned.laid[i].who) - 1);
		memset(run.pinned.laid[i].to, '7', sizeof(run.pinned.laid[i].to) - 1);
	}
	text = text_of(&run);
	CHECK(strstr(text, "7, ...\n"));
	free(text);
}

static void foretell(void)
{
	moved();
	run.foretold = (struct km_foretold){
		.wanted = true,
		.can_be_moved = true,
		.rehearsals = 9,
		.moved = 9,
		.range = { [KM_FIGURE_TOTAL_MS] = { 10000, 11000, 12000 },
			   [KM_FIGURE_PAUSE_MS] = { 38.2, 50, 60 },
			   [KM_FIGURE_WIRE_BYTES] = { 2e9, 3e9, 4e9 },
			   [KM_FIGURE_SOURCE_CPU_MS] = { 2000, 3000, 4000 },
			   [KM_FIGURE_DESTINATION_CPU_MS] = { 500, 600, 700 } },
		.max_pause_ms = 100,
		.streams = 2,
		.link_bytes_per_s = 125e6,
		.link_by = "by --link",
		.age_s = 75,
	};
}

/* What was foretold, beside what it was: above, just inside, below. */
static void foretold(bool *ok)
{
	static const char *const want[] = {
		"  foretold    for a link of 119 MiB/s, by --link; the guest was looked at 75.0 s before",
		"                       low     likely       high    outcome\n",
		"    total time      10.0 s     11.0 s     12.0 s     12.4 s  above\n",
		"    pause          38.2 ms    50.0 ms    60.0 ms    38.2 ms  inside\n",
		"    on the wire   1.86 GiB   2.79 GiB   3.73 GiB   1.42 GiB  below\n",
		"    CPU here        2.00 s     3.00 s     4.00 s     2.50 s  inside\n",
	};
	json_t *j, *p;
	char *text;

	moved();
	j = km_json_run(&run);
	CHECK(json_is_null(json_object_get(j, "prediction")));
	json_decref(j);
	text = text_of(&run);
	CHECK(!strstr(text, "foretold"));
	free(text);

	foretell();
	run.source_cpu_ms = 2500;
	text = text_of(&run);
	CHECK(!strstr(text, "CPU there")); /* which has not told it */
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (!strstr(text, want[i]))
			printf("# missing: %s", want[i]);
		CHECK(strstr(text, want[i]));
	}
	free(text);
	j = km_json_run(&run);
	p = json_object_get(j, "cpu");
	CHECK(json_real_value(json_object_get(p, "source_cpu_ms")) > 2499);
	CHECK(json_is_null(json_object_get(p, "destination_cpu_ms")));
	p = json_object_get(j, "prediction");
	CHECK(json_real_value(json_object_get(json_object_get(p, "source_cpu_ms"), "low")) > 1999);
	CHECK(json_is_true(json_object_get(p, "can_be_moved")));
	CHECK(json_real_value(json_object_get(json_object_get(p, "pause_ms"), "low")) > 38);
	CHECK(json_integer_value(json_object_get(p, "age_s")) == 75);
	CHECK(json_is_null(json_object_get(p, "needed_bytes_per_s")));
	CHECK(json_is_null(json_object_get(json_object_get(p, "goal"), "deadline_ms")));
	json_decref(j);

	run.pause_ms = 0; /* it stood still */
	run.foretold.range[KM_FIGURE_TOTAL_MS].high = 12400;
	text = text_of(&run);
	CHECK(!strstr(text, "    pause          38.2") && strstr(text, "12.4 s  inside"));
	free(text);
	run.foretold.can_be_moved = false;
	run.foretold.deadline_ms = 5000;
	text = text_of(&run);
	CHECK(strstr(text, "    that it can't be moved within the deadline\n"));
	CHECK(!strstr(text, "outcome\n"));
	free(text);
	j = km_json_run(&run);
	CHECK(json_is_null(json_object_get(json_object_get(j, "prediction"), "total_ms")));
	json_decref(j);
}

static bool goal_is(const char *want)
{
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);
	bool is;

	km_text_goal(f, &run.foretold);
	fclose(f);
	is = !strcmp(text, want);
	if (!is)
		printf("# %s", text);
	free(text);
	return is;
}

/* Before the move. */
static void goal(bool *ok)
{
	struct km_foretold *f = &run.foretold;

	foretell();
	CHECK(goal_is("goal         a pause of 100 ms: can be met\n"));
	f->moved = 8;
	CHECK(goal_is("goal         a pause of 100 ms: can be met, but not by much\n"));
	f->max_pause_ms = 40;
	f->needed_bytes_per_s = 250e6;
	CHECK(goal_is(
		"goal         a pause of 40 ms: probably more; a link of 238 MiB/s would do\n"));
	f->needed_bytes_per_s = -1;
	f->cpus = 1.5;
	f->cpus_busy = 0.95;
	CHECK(goal_is(
		"goal         a pause of 40 ms: probably more; no link would do, as 1.5 free CPUs "
		"are too few\n"));
	f->cpus_busy = 0.5;
	f->can_be_moved = false;
	f->needed_bytes_per_s = 250e6;
	CHECK(goal_is("goal         can't be met: a link of 238 MiB/s would do, or --on-stall "
		      "throttle\n"));
	f->deadline_ms = 1000;
	f->needed_bytes_per_s = -1;
	CHECK(goal_is("goal         can't be met within the deadline: no link would do, but "
		      "--on-stall throttle may\n"));
}

static const struct ktap_case cases[] = {
	{ "report of a move", text_moved },
	{ "what was foretold, and what it was", foretold },
	{ "whether the goal can be met", goal },
	{ "reports of other outcomes", text_others },
	{ "JSON of a move", json_run },
	{ "a weight raised", weight },
	{ "vCPUs slowed", throttle },
	{ "guests", guests },
	{ "units", units },
	{ "progress", progress },
	{ "the source's QEMU died: text and JSON", source_died },
	{ "redialled: text, JSON and progress", redialled },
	{ "placement", placement },
};

KTAP_MAIN(cases)
