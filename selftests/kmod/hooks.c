// SPDX-License-Identifier: GPL-2.0
/*
 * How the module gets to know of dirtied pages, alone and beside others who want to know of
 * the same function: a kprobe, the function tracer, BPF's fentry. All count. And what the
 * hook keeps for the next page is never used for a page that it isn't true of. Needs
 * KM_MODULE, the path of kmigrate.ko; the module is loaded again at the end.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fentry.h"
#include "kmod.h"
#include "module.h"
#include "nltrack.h"

#define FUNCTION	"mark_page_dirty_in_slot"
#define TRACING		"/sys/kernel/tracing/"
#define INSTANCE	TRACING "instances/km/"
#define PAGES		4096
#define WRITES		1000

static struct vmm vmm;
static struct nl nl;
static uint32_t session, value;
static uint64_t total;			/* pages that were written since start() */

static bool start(unsigned int vcpus)
{
	const struct vmm_options options = { .pages = PAGES, .vcpus = vcpus };

	mount("tracefs", TRACING, "tracefs", 0, NULL);
	total = 0;
	return CHECK_EQ(vmm_open(&vmm, &options), 0) && CHECK_EQ(vmm_log(&vmm, true), 0) &&
	       CHECK_EQ(nl_open(&nl), 0) && CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
}

static void stop(void)
{
	nl_close(&nl);
	vmm_close(&vmm);
}

/* Random pages, clean when it begins and when it ends. */
static void write_some(unsigned int vcpu)
{
	static uint64_t bitmap[PAGES / 64], harvest[PAGES / 64];
	static uint32_t pages[WRITES];

	memset(bitmap, 0, sizeof(bitmap));
	vmm_choose(pages, WRITES, PAGES, bitmap);
	CHECK_EQ(vmm_write(&vmm, vcpu, pages, WRITES, ++value), 0);
	CHECK_EQ(vmm_harvest(&vmm, harvest), 0);
	total += WRITES;
}

/* How many reports there were, at least. */
static uint64_t expect(void)
{
	struct nl_counts counts = {};

	CHECK_EQ(nl_counts(&nl, session, &counts), 0);
	CHECK_EQ(counts.pages, total);
	CHECK_EQ(counts.unattributed, 0);
	return counts.pages + counts.repeats;
}

static bool file_has(const char *path, const char *text)
{
	char line[512];
	bool found = false;
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file))
		found |= strstr(line, text) != NULL;
	if (file)
		fclose(file);
	return found;
}

static bool is_direct(void)
{
	return file_has(TRACING "enabled_functions", "direct-->km_direct_dirty");
}

static int put(const char *path, const char *text)
{
	int err = 0, fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void alone(void)
{
	REQUIRE(start(1));
	CHECK(is_direct());
	write_some(0);
	expect();
	stop();
	CHECK(module_rests());
	CHECK(!is_direct());
}

/* The parameter, when it is loaded and later. */
static void by_ftrace(void)
{
	const char *path = getenv("KM_MODULE");

	CHECK_EQ(module_unload_soon(), 0);
	CHECK_EQ(module_insert(path, "hook=nonsense"), -EINVAL);
	REQUIRE_EQ(module_insert(path, "hook=ftrace"), 0);
	if (start(1)) {
		CHECK(module_is_hooked() && !is_direct());
		write_some(0);
		expect();
		stop();
		CHECK(module_rests());
		CHECK_EQ(put("/sys/module/kmigrate/parameters/hook", "direct"), 0);
	}
	if (start(1)) {
		CHECK(is_direct());
		write_some(0);
		expect();
		stop();
	}
	CHECK_EQ(module_unload_soon(), 0);
	CHECK_EQ(module_load(), 0);
}

static uint64_t kprobe_hits(void)
{
	unsigned long long hits = 0;
	char line[256], name[64];
	FILE *file = fopen(TRACING "kprobe_profile", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " %63s %llu", name, &hits) == 2 && !strcmp(name, "km_test"))
			break;
	if (file)
		fclose(file);
	return hits;
}

static void with_kprobe(void)
{
	uint64_t before, hits;

	if (access(TRACING "kprobe_events", W_OK))
		SKIP("no kprobe events in this kernel");
	REQUIRE(start(1));
	write_some(0);
	before = expect();
	REQUIRE_EQ(put(TRACING "kprobe_events", "p:km_test " FUNCTION), 0);
	CHECK_EQ(put(TRACING "events/kprobes/km_test/enable", "1"), 0);
	write_some(0);
	hits = kprobe_hits();
	CHECK(hits >= WRITES && hits >= expect() - before);
	CHECK(is_direct());
	CHECK_EQ(put(TRACING "events/kprobes/km_test/enable", "0"), 0);
	CHECK_EQ(put(TRACING "kprobe_events", "-:km_test"), 0);
	write_some(0);
	expect();
	stop();
}

static uint64_t traced(void)
{
	char line[512];
	uint64_t n = 0;
	FILE *file = fopen(INSTANCE "trace", "r");

	while (file && fgets(line, sizeof(line), file))
		n += line[0] != '#' && strstr(line, FUNCTION);
	if (file)
		fclose(file);
	return n;
}

static void with_tracer(void)
{
	uint64_t before, calls;

	REQUIRE(start(1));
	write_some(0);
	before = expect();
	REQUIRE_EQ(mkdir(INSTANCE, 0700), 0);
	CHECK_EQ(put(INSTANCE "set_ftrace_filter", FUNCTION), 0);
	CHECK_EQ(put(INSTANCE "current_tracer", "function"), 0);
	write_some(0);
	CHECK_EQ(put(INSTANCE "tracing_on", "0"), 0);
	calls = traced();
	CHECK(calls >= WRITES && calls >= expect() - before);
	CHECK_EQ(put(INSTANCE "current_tracer", "nop"), 0);
	CHECK_EQ(rmdir(INSTANCE), 0);
	write_some(0);
	expect();
	stop();
}

static void fentry_first(void)
{
	struct fentry fentry;
	uint64_t calls;
	int err;

	CHECK(module_rests());
	err = fentry_open(&fentry, "kvm", FUNCTION);
	if (err == -ENOENT)
		SKIP("no BTF of kvm.ko");
	REQUIRE_EQ(err, 0);
	if (start(1)) {
		CHECK(module_is_hooked() && !is_direct());
		calls = fentry_calls(&fentry);
		write_some(0);
		calls = fentry_calls(&fentry) - calls;
		CHECK(calls >= WRITES && calls >= expect());
		fentry_close(&fentry);
		write_some(0);
		expect();
		stop();
	}
	fentry_close(&fentry);
	/* It was by ftrace only while that had to be. */
	CHECK(module_rests());
	REQUIRE(start(1));
	CHECK(is_direct());
	stop();
}

static void fentry_later(void)
{
	struct fentry fentry;
	int err;

	REQUIRE(start(1));
	write_some(0);
	err = fentry_open(&fentry, "kvm", FUNCTION);
	if (err != -ENOENT)
		CHECK_EQ(err, -EBUSY);
	write_some(0);
	expect();
	CHECK(is_direct());
	stop();
	if (err == -ENOENT)
		SKIP("no BTF of kvm.ko");
	/* When the module has gone from there, it can have the function. */
	CHECK(module_rests());
	CHECK_EQ(fentry_open(&fentry, "kvm", FUNCTION), 0);
	fentry_close(&fentry);
}

/* A new session starts at 0: what was kept for the last one's counters isn't used. */
static void sessions_in_turn(void)
{
	int i;

	REQUIRE(start(2));
	for (i = 0; i < 10 && !ktap.failed; i++) {
		write_some(0);
		write_some(1);
		expect();
		CHECK_EQ(nl_detach(&nl, session), 0);
		CHECK_EQ(nl_attach(&nl, vmm.vm, &session), 0);
		total = 0;
	}
	stop();
}

static uint64_t unique(void)
{
	struct nl_window windows[5] = {};

	CHECK_EQ(nl_windows(&nl, session, windows), 0);
	return windows[4].unique;
}

/* Tracking begins for a slot that the hook knows as not tracked, and ends again. */
static void tracking_in_turn(void)
{
	struct nl_track track;
	int i;

	REQUIRE(start(1));
	for (i = 0; i < 4 && !ktap.failed; i++) {
		write_some(0);
		CHECK_EQ(nl_track_start(&nl, session, false, 100), 0);
		CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_ON, &track), 0);
		CHECK_EQ(unique(), 0);
		write_some(0);
		CHECK_EQ(unique(), WRITES);
		write_some(0);
		CHECK(unique() > WRITES);
		CHECK_EQ(nl_track(&nl, session, &track), 0);
		CHECK_EQ(track.missed, 0);
		CHECK_EQ(nl_track_stop(&nl, session), 0);
		CHECK_EQ(nl_track_wait(&nl, session, KMIGRATE_TRACK_OFF, &track), 0);
		expect();
	}
	stop();
}

static const struct ktap_test tests[] = {
	{ "called directly, and no more when nobody counts", alone },
	{ "by ftrace where that is asked for", by_ftrace },
	{ "with a kprobe on the same function", with_kprobe },
	{ "with the function tracer on it", with_tracer },
	{ "a fentry program is there first: by ftrace", fentry_first },
	{ "a fentry program comes later: refused", fentry_later },
	{ "sessions in turn", sessions_in_turn },
	{ "tracking in turn", tracking_in_turn },
};

int main(int argc, char **argv)
{
	srandom(4711);
	return kmod_main_with("KM_MODULE", argc, argv, tests, ARRAY_SIZE(tests));
}
