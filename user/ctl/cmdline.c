// SPDX-License-Identifier: GPL-2.0
#include "cmdline.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1024.0 * 1024.0)

/* The options that take no argument (those with 0 in QEMU 7.2's
 * qemu-options.hx, and since).  Without the list, `-append "-qmp x"` would be
 * read as two options. */
static const char *const flags[] = {
	"h",
	"help",
	"version",
	"mem-prealloc",
	"audio-help",
	"snapshot",
	"usb",
	"nographic",
	"portrait",
	"full-screen",
	"win2k-hack",
	"no-fd-bootchk",
	"no-acpi",
	"no-hpet",
	"singlestep",
	"one-insn-per-tb",
	"preconfig",
	"S",
	"s",
	"enable-kvm",
	"xen-attach",
	"xen-domid-restrict",
	"no-reboot",
	"no-shutdown",
	"daemonize",
	"only-migratable",
	"nodefaults",
	"semihosting",
	"old-param",
	"no-user-config",
	"async-teardown",
	"enable-sync-profile",
	"no-frame",
	"alt-grab",
	"ctrl-grab",
	"no-quit",
	"sdl",
	"curses",
	"nodefconfig",
	"no-kvm",
	"no-kvm-irqchip",
	"no-kvm-pit",
	"tdf",
};

bool km_cmdline_next(char *const *argv, size_t *i, const char **name, const char **arg)
{
	const char *a;

	*name = *arg = NULL;
	if (!argv[0] || !argv[*i])
		return false;
	a = argv[(*i)++];
	if (a[0] != '-') {
		*arg = a;
		return true;
	}
	*name = a[1] == '-' ? a + 2 : a + 1;
	for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
		if (!strcmp(flags[k], *name))
			return true;
	if (argv[*i])
		*arg = argv[(*i)++];
	return true;
}

static void copy_span(char *dst, size_t size, const char *src, size_t len)
{
	if (!size)
		return;
	if (len >= size)
		len = 0; /* half a path is another path */
	memcpy(dst, src, len);
	dst[len] = '\0';
}

static const char *copy_value(const char *p, char *value, size_t size)
{
	size_t n = 0;

	for (; *p; p++) {
		if (*p == ',') {
			if (p[1] != ',')
				break;
			p++;
		}
		if (n < size)
			value[n] = *p;
		n++;
	}
	if (size)
		value[n < size ? n : 0] = '\0';
	return p;
}

const char *km_cmdline_pair(const char *p, const char *implied, char *key, size_t key_size,
			    char *value, size_t value_size)
{
	size_t len;

	if (!p || !*p)
		return NULL;
	len = strcspn(p, "=,");
	if (p[len] == '=') {
		copy_span(key, key_size, p, len);
		p = copy_value(p + len + 1, value, value_size);
	} else if (implied) {
		copy_span(key, key_size, implied, strlen(implied));
		p = copy_value(p, value, value_size);
	} else {
		bool no = !strncmp(p, "no", 2);

		copy_span(key, key_size, no ? p + 2 : p, no ? len - 2 : len);
		copy_span(value, value_size, no ? "off" : "on", no ? 3 : 2);
		p += len;
	}
	return *p == ',' ? p + 1 : p;
}

/* The value of one key; QEMU lets the last of several win. */
static bool get(const char *arg, const char *implied, const char *want, char *value, size_t size)
{
	char key[64];
	char v[PATH_MAX];
	bool found = false;
	const char *first = implied;

	while ((arg = km_cmdline_pair(arg, first, key, sizeof(key), v, sizeof(v)))) {
		first = NULL;
		if (strcmp(key, want))
			continue;
		copy_span(value, size, v, strlen(v));
		found = true;
	}
	return found;
}

static bool is_on(const char *s)
{
	return !strcmp(s, "on") || !strcmp(s, "yes") || !strcmp(s, "true") || !strcmp(s, "y");
}

/* A size as QEMU writes it; a bare number counts in `unit`. 0 when it is none. */
static uint64_t parse_size(const char *s, double unit)
{
	static const char suffix[] = "bkmgtpe";
	const char *at;
	char *end;
	double d;

	errno = 0;
	d = strtod(s, &end);
	if (end == s || errno || !(d >= 0 && d < 9.0e18)) /* strtod takes "nan" and "inf" */
		return 0;
	if (*end) {
		at = strchr(suffix, *end | 0x20);
		if (!at || !*at || end[1])
			return 0;
		for (unit = 1; at > suffix; at--)
			unit *= 1024;
	}
	d *= unit;
	return d >= 9.0e18 ? 0 : (uint64_t)d;
}

static unsigned int parse_count(const char *s)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &end, 0);
	if (end == s || *end || errno || *s == '-' || v > 65536)
		return 0;
	return (unsigned int)v;
}

static void parse_smp(const char *arg, struct km_cmdline *c)
{
	static const char *const factor[] = { "sockets", "dies", "clusters", "cores", "threads" };
	char v[32];
	uint64_t n = 1;

	if (get(arg, "cpus", "cpus", v, sizeof(v)) && parse_count(v)) {
		c->vcpus = parse_count(v);
		return;
	}
	/* Left out, it is what the topology multiplies to (hw/core/machine-smp.c). */
	for (size_t i = 0; i < sizeof(factor) / sizeof(factor[0]); i++)
		if (n <= 65536 && get(arg, "cpus", factor[i], v, sizeof(v)) && parse_count(v))
			n *= parse_count(v);
	if (get(arg, "cpus", "maxcpus", v, sizeof(v)) && n == 1 && parse_count(v))
		n = parse_count(v);
	c->vcpus = n <= 65536 ? (unsigned int)n : 0;
}

static void parse_accel(const char *name, struct km_cmdline *c)
{
	size_t len = strcspn(name, ":,"); /* accel=kvm:tcg: the first that works */

	if (c->accel != KM_ACCEL_UNKNOWN)
		return;
	if (len == 3 && !strncmp(name, "kvm", len))
		c->accel = KM_ACCEL_KVM;
	else if (len == 3 && !strncmp(name, "tcg", len))
		c->accel = KM_ACCEL_TCG;
}

static void parse_device(const char *arg, struct km_cmdline *c)
{
	char driver[64] = "";

	if (arg[0] == '{') { /* -device takes JSON since QEMU 6.2, and libvirt uses it */
		json_t *j = json_loads(arg, 0, NULL);
		const char *s = json_string_value(json_object_get(j, "driver"));

		if (s)
			copy_span(driver, sizeof(driver), s, strlen(s));
		json_decref(j);
	} else {
		get(arg, "driver", "driver", driver, sizeof(driver));
	}
	if (!strncmp(driver, "vfio-", 5) && !c->vfio[0])
		memcpy(c->vfio, driver, sizeof(driver));
}

static void add_monitor(struct km_cmdline *c, enum km_monitor_kind kind, const char *path, int fd)
{
	struct km_monitor *m;

	if (c->nmonitors == KM_MONITORS_MAX)
		return;
	m = &c->monitor[c->nmonitors++];
	m->kind = kind;
	m->fd = fd;
	copy_span(m->path, sizeof(m->path), path, strlen(path));
	if (kind == KM_MONITOR_PATH && !m->path[0])
		m->kind = KM_MONITOR_OTHER;
}

/* A socket's options, of -chardev socket,... or behind "unix:". */
static void add_socket(struct km_cmdline *c, const char *arg, const char *implied)
{
	char path[PATH_MAX] = "";
	char v[64] = "";
	char *end;
	long fd;

	/* A monitor that connects out (server off) has its client already. */
	if (!get(arg, implied, "server", v, sizeof(v)) || !is_on(v))
		return add_monitor(c, KM_MONITOR_OTHER, "", -1);
	if (get(arg, implied, "abstract", v, sizeof(v)) && is_on(v))
		return add_monitor(c, KM_MONITOR_OTHER, "", -1);
	if (get(arg, implied, "fd", v, sizeof(v))) {
		fd = strtol(v, &end, 10);
		if (end == v || *end || fd < 0 || fd > INT_MAX)
			return add_monitor(c, KM_MONITOR_OTHER, "", -1);
		return add_monitor(c, KM_MONITOR_FD, "", (int)fd);
	}
	get(arg, implied, "path", path, sizeof(path));
	add_monitor(c, path[0] ? KM_MONITOR_PATH : KM_MONITOR_OTHER, path, -1);
}

static void add_chardev(struct km_cmdline *c, char *const *argv, const char *id)
{
	const char *name;
	const char *arg;
	char v[KM_NAME_MAX];

	/* The monitor that libvirt's qemu_command.c makes, and keeps connected. */
	if (!strcmp(id, "charmonitor"))
		c->libvirt = true;
	for (size_t i = 1; km_cmdline_next(argv, &i, &name, &arg);) {
		if (!name || !arg || strcmp(name, "chardev"))
			continue;
		if (!get(arg, "backend", "id", v, sizeof(v)) || strcmp(v, id))
			continue;
		if (get(arg, "backend", "backend", v, sizeof(v)) && !strcmp(v, "socket"))
			return add_socket(c, arg, "backend");
		break;
	}
	add_monitor(c, KM_MONITOR_OTHER, "", -1);
}

static void parse_monitor(const char *name, const char *arg, char *const *argv,
			  struct km_cmdline *c)
{
	char v[KM_NAME_MAX] = "";
	char id[KM_NAME_MAX] = "";

	if (!strcmp(name, "mon")) {
		if (!get(arg, "chardev", "mode", v, sizeof(v)) || strcmp(v, "control"))
			return;
		if (get(arg, "chardev", "chardev", id, sizeof(id)))
			add_chardev(c, argv, id);
	} else if (!strncmp(arg, "chardev:", 8)) {
		add_chardev(c, argv, arg + 8);
	} else if (!strncmp(arg, "unix:", 5)) {
		add_socket(c, arg + 5, "path");
	} else {
		add_monitor(c, KM_MONITOR_OTHER, "", -1);
	}
}

static void parse_option(const char *name, const char *arg, char *const *argv, struct km_cmdline *c)
{
	char v[KM_NAME_MAX] = "";

	if (!strcmp(name, "enable-kvm"))
		parse_accel("kvm", c);
	if (!arg)
		return;
	if (!strcmp(name, "name")) {
		if (get(arg, "guest", "guest", v, sizeof(v)))
			memcpy(c->name, v, sizeof(v));
	} else if (!strcmp(name, "m")) {
		if (get(arg, "size", "size", v, sizeof(v)) && parse_size(v, MIB))
			c->ram_bytes = parse_size(v, MIB);
	} else if (!strcmp(name, "smp")) {
		parse_smp(arg, c);
	} else if (!strcmp(name, "accel")) {
		if (get(arg, "accel", "accel", v, sizeof(v)))
			parse_accel(v, c);
	} else if (!strcmp(name, "machine") || !strcmp(name, "M")) {
		if (get(arg, "type", "accel", v, sizeof(v)))
			parse_accel(v, c);
	} else if (!strcmp(name, "incoming")) {
		c->incoming = true;
	} else if (!strcmp(name, "device")) {
		parse_device(arg, c);
	} else if (!strcmp(name, "qmp") || !strcmp(name, "qmp-pretty") || !strcmp(name, "mon")) {
		parse_monitor(name, arg, argv, c);
	}
}

void km_cmdline_parse(char *const *argv, struct km_cmdline *c)
{
	const char *name;
	const char *arg;

	memset(c, 0, sizeof(*c));
	c->ram_bytes = (uint64_t)(128 * MIB);
	c->vcpus = 1;
	for (size_t i = 1; km_cmdline_next(argv, &i, &name, &arg);)
		if (name)
			parse_option(name, arg, argv, c);
}
