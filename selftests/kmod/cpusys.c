// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cpusys.h"
#include "module.h"
#include "nl.h"

#define CPUS		"/sys/devices/system/cpu"
#define FAKEFREQ	"/sys/module/fakefreq/parameters/"
#define MAX_FILES	8192

struct cpusys {
	int nr;
	struct {
		char *path, *text;
	} files[MAX_FILES];
};

static struct cpusys *taken;

/* Files that change by themselves: statistics, and what a governor does at the moment. */
static bool is_restless(const char *path)
{
	static const char * const parts[] = {
		"/stats/", "/cpuidle/state", "_cur_freq", "/runtime_", "/crash_notes",
		"/thermal_throttle/", "/uevent", "/hotplug/", "/microcode/", "/sampling",
	};
	unsigned int i;

	/* The one with this name is a governor's setting. */
	if (strstr(path, "/sampling_rate") || strstr(path, "/sampling_down_factor"))
		return false;
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(path, parts[i]))
			return true;
	return false;
}

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, text, size - 1);
	text[got > 0 ? got : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	close(fd);
	return got < 0 ? -errno : 0;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void add(const char *path)
{
	char text[4096] = "";
	int err = read_text(path, text, sizeof(text));

	if (err)
		snprintf(text, sizeof(text), "error %d", err);
	if (taken->nr == MAX_FILES)
		return;
	taken->files[taken->nr].path = strdup(path);
	taken->files[taken->nr++].text = strdup(text);
}

static int visit(const char *path, const struct stat *info, int type, struct FTW *where)
{
	(void)where;
	if (type == FTW_F && (info->st_mode & 0400) && !is_restless(path))
		add(path);
	return 0;
}

static int by_path(const void *left, const void *right)
{
	return strcmp(*(char * const *)left, *(char * const *)right);
}

struct cpusys *cpusys_take(void)
{
	taken = calloc(1, sizeof(*taken));
	if (!taken)
		return NULL;
	nftw(CPUS, visit, 16, FTW_PHYS);
	if (!access(FAKEFREQ, F_OK))
		add(FAKEFREQ "latency_us");
	qsort(taken->files, (size_t)taken->nr, sizeof(taken->files[0]), by_path);
	return taken;
}

static void differs(bool *same, const char *path, const char *was, const char *is)
{
	printf("# %s: was '%s', is '%s'\n", path, was, is);
	*same = false;
}

static void release(struct cpusys *sys)
{
	while (sys->nr--) {
		free(sys->files[sys->nr].path);
		free(sys->files[sys->nr].text);
	}
	free(sys);
}

bool cpusys_same(struct cpusys *before, struct cpusys *after)
{
	bool same = true;
	int i = 0, j = 0, order;

	if (!before || !after || before->nr < 10) {
		printf("# there are no files to compare\n");
		return false;
	}
	while (i < before->nr || j < after->nr) {
		order = i == before->nr ? 1 : j == after->nr ? -1 :
			strcmp(before->files[i].path, after->files[j].path);
		if (order < 0)
			differs(&same, before->files[i].path, before->files[i].text, "(gone)");
		else if (order > 0)
			differs(&same, after->files[j].path, "(not there)", after->files[j].text);
		else if (strcmp(before->files[i].text, after->files[j].text))
			differs(&same, before->files[i].path, before->files[i].text,
				after->files[j].text);
		i += order <= 0;
		j += order >= 0;
	}
	release(before);
	release(after);
	return same;
}

static const char *file_of(int policy, const char *file)
{
	static char path[256];

	snprintf(path, sizeof(path), CPUS "/cpufreq/policy%d/%s", policy, file);
	return path;
}

const char *cpufreq_get(int policy, const char *file)
{
	static char text[4096];

	return read_text(file_of(policy, file), text, sizeof(text)) ? "" : text;
}

long cpufreq_khz(int policy, const char *file)
{
	return strtol(cpufreq_get(policy, file), NULL, 10);
}

int cpufreq_put(int policy, const char *file, const char *text)
{
	return write_text(file_of(policy, file), text);
}

bool cpufreq_is(int policy, const char *file, const char *text)
{
	return !strcmp(cpufreq_get(policy, file), text);
}

long cpufreq_becomes(int policy, const char *file, const char *text)
{
	long start = milliseconds();

	while (!cpufreq_is(policy, file, text)) {
		if (milliseconds() - start > 10000)
			return -1;
		usleep(2000);
	}
	return milliseconds() - start;
}

int cpufreq_put_tunable(const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), CPUS "/cpufreq/%s", file);
	return write_text(path, text);
}

int cpu_set_online(int cpu, bool online)
{
	char path[256];

	snprintf(path, sizeof(path), CPUS "/cpu%d/online", cpu);
	return write_text(path, online ? "1" : "0");
}

long cpu_latency(int cpu)
{
	char text[1024], *at = text;

	if (read_text(FAKEFREQ "latency_us", text, sizeof(text)))
		return -1;
	while (cpu-- > 0)
		strtol(at, &at, 10);
	return strtol(at, NULL, 10);
}

long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int fakefreq_load(const char *parameters)
{
	const char *path = getenv("KM_FAKEFREQ");

	return path ? module_insert(path, parameters) : -ENOENT;
}

int fakefreq_unload(void)
{
	return module_remove("fakefreq");
}

int fakefreq_set(const char *parameter, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), FAKEFREQ "%s", parameter);
	return write_text(path, value);
}
