// SPDX-License-Identifier: GPL-2.0
/* A QEMU command line, its words with NULs between them as in /proc/PID/cmdline. */
#include "ctl/cmdline.h"
#include "fuzz.h"

#define WORDS 256

size_t fuzz_seed(unsigned int i, uint8_t buf[FUZZ_MAX])
{
	static const char *const lines[] = {
		"qemu\n-name\nguest=web01,debug-threads=on\n-m\nsize=512M,slots=2,maxmem=4G\n-smp\n"
		"sockets=2,cores=2,threads=2\n-accel\nkvm\n-qmp\nunix:/run/q.sock,server=on,wait=off",
		"qemu\n-enable-kvm\n-chardev\nsocket,id=charmonitor,fd=31,server=on,wait=off\n-mon\n"
		"chardev=charmonitor,id=monitor,mode=control\n-device\n"
		"{\"driver\":\"vfio-pci\",\"host\":\"0000:01:00.0\"}\n-incoming\ndefer",
		"qemu\n-machine\npc,accel=kvm:tcg\n-chardev\nsocket,id=a,,b,path=/x,,y,server\n-qmp\n"
		"chardev:a,b\n-device\nvfio-pci,host=1\n-m\n1.5G\n-smp\n4\ndisk.img\n-S",
		"qemu\n-mon\nx,mode=control,nopretty\n-qmp-pretty\nunix:/a,abstract=on,server\n--name\na,,b",
	};
	size_t len;

	if (i >= sizeof(lines) / sizeof(lines[0]))
		return 0;
	len = fuzz_text(buf, lines[i]);
	for (size_t k = 0; k < len; k++)
		if (buf[k] == '\n')
			buf[k] = '\0';
	return len;
}

static void whole(char **argv)
{
	static struct km_cmdline c;

	km_cmdline_parse(argv, &c);
	must(memchr(c.name, '\0', sizeof(c.name)) && memchr(c.vfio, '\0', sizeof(c.vfio)));
	must(c.nmonitors <= KM_MONITORS_MAX && c.vcpus <= 65536 &&
	     c.ram_bytes < 9000000000000000000ull);
	for (unsigned int i = 0; i < c.nmonitors; i++) {
		const struct km_monitor *m = &c.monitor[i];

		must(memchr(m->path, '\0', sizeof(m->path)));
		must(m->kind != KM_MONITOR_PATH || m->path[0]);
		must(m->kind != KM_MONITOR_FD || m->fd >= 0);
	}
	fuzz_accepted += c.nmonitors > 0;
}

static void pairs(const char *arg)
{
	const char *implied = "first", *end = arg + strlen(arg), *next;
	char key[16], value[24];

	for (const char *p = arg; p; p = next) {
		next = km_cmdline_pair(p, implied, key, sizeof(key), value, sizeof(value));
		implied = NULL;
		if (!next)
			break;
		must(next > p && next <= end); /* it comes to an end */
		must(strlen(key) < sizeof(key) && strlen(value) < sizeof(value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = fuzz_string(data, len), *argv[WORDS + 1];
	size_t n = 0;

	for (char *p = text; n < WORDS && p <= text + len; p += strlen(p) + 1)
		argv[n++] = strdup(p);
	argv[n] = NULL;
	free(text);
	whole(argv);
	for (size_t i = 0; i < n; i++) {
		pairs(argv[i]);
		free(argv[i]);
	}
	return 0;
}
