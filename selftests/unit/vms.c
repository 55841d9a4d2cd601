// SPDX-License-Identifier: GPL-2.0
/*
 * The guests of this host, with stand-ins for QEMU: copies of this very program
 * whose name starts with qemu-system- and that serve QMP on the socket of their
 * command line. No QEMU, no KVM, no root.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "ktap.h"
#include "ctl/cmdline.h"
#include "ctl/vms.h"
#include "fakeqmp.h"

static char dir[] = "/tmp/kmigrate-unit-vms-XXXXXX";
static char exe[64];

/* ---- the stand-in ---- */

static const char *fake_value(const char *line, const char *state)
{
	static char text[256];

	if (strstr(line, "query-status")) {
		snprintf(text, sizeof(text), "{\"status\": \"%s\"}", state);
		return text;
	}
	if (strstr(line, "query-uuid"))
		return "{\"UUID\": \"11111111-2222-3333-4444-555555555555\"}";
	if (strstr(line, "qom-get"))
		return "\"pc-q35-7.2-machine\"";
	if (strstr(line, "query-cpus-fast"))
		return "[{}, {}, {}]";
	if (strstr(line, "query-memory-size-summary"))
		return "{\"base-memory\": 1073741824, \"plugged-memory\": 1073741824}";
	if (strstr(line, "query-name"))
		return "{}";
	if (strstr(line, "query-migrate"))
		return strcmp(state, "blocked") ? "{}" :
						  "{\"blocked-reasons\": [\"a device said no\"]}";
	return "{}";
}

static void serve(int listener, const char *state)
{
	struct fake f = { 0 };
	char line[4096];
	char id[32];
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		fake_hello(&f, fd);
		while (!fake_read(&f, fd, line, sizeof(line), id))
			fake_answer(fd, id, fake_value(line, state));
		close(fd);
	}
}

/* -state S is ours; the rest is read as kmigrate reads it. fd=N was made by the
 * parent, as libvirt does. */
static int fake_qemu(char **argv)
{
	struct km_cmdline c;
	const char *state = "running";
	int listener = -1;

	alarm(60);
	km_cmdline_parse(argv, &c);
	for (int i = 1; argv[i]; i++)
		if (!strcmp(argv[i], "-state"))
			state = argv[i + 1];
	if (c.nmonitors && c.monitor[0].kind == KM_MONITOR_PATH)
		listener = fake_listen(c.monitor[0].path, 5);
	else if (c.nmonitors && c.monitor[0].kind == KM_MONITOR_FD)
		listener = c.monitor[0].fd;
	if (write(1, "r", 1) != 1) /* ready */
		return 1;
	close(1);
	if (listener >= 0 && strcmp(state, "deaf"))
		serve(listener, state);
	for (;;)
		pause();
}

static pid_t start(char *const *args)
{
	char *argv[32] = { exe };
	int ready[2];
	char ch;
	pid_t pid;

	for (int i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	if (pipe(ready))
		abort();
	pid = fork();
	if (!pid) {
		dup2(ready[1], 1);
		close(ready[0]);
		close(ready[1]);
		execv(exe, argv);
		_exit(127);
	}
	close(ready[1]);
	if (read(ready[0], &ch, 1) != 1)
		printf("# the stand-in did not start\n");
	close(ready[0]);
	return pid;
}

#define START(...) start((char *[]){ __VA_ARGS__, NULL })

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct km_vm vm;

static int find(const char *what, struct km_err *err)
{
	memset(err, 0, sizeof(*err));
	memset(&vm, 0, sizeof(vm));
	return km_vms_find(what, &vm, err);
}

/* ---- the cases ---- */

static void finds(bool *ok)
{
	char sock[64];
	char pidtext[16];
	char arg[160];
	struct km_err err;
	pid_t pid;

	snprintf(sock, sizeof(sock), "%s/a.sock", dir);
	snprintf(arg, sizeof(arg), "unix:%s,server=on,wait=off", sock);
	pid = START((char *)"-name", (char *)"guest=unit-a,debug-threads=on", (char *)"-m",
		    (char *)"64", (char *)"-qmp", arg);
	snprintf(pidtext, sizeof(pidtext), "%d", pid);
	CHECK(!find("unit-a", &err) && vm.pid == pid && !vm.unmovable[0]);
	CHECK(!strcmp(vm.qmp, sock) && !strcmp(vm.state, "running") && vm.vcpus == 3);
	CHECK(vm.ram_bytes == 2ull << 30 && !strcmp(vm.machine, "pc-q35-7.2"));
	CHECK(!strcmp(vm.qemu_version, "7.2.22") && vm.accel == KM_ACCEL_TCG);
	CHECK(!strncmp(vm.uuid, "11111111-", 9) && strstr(vm.exe, "qemu-system-"));
	CHECK(!find(pidtext, &err) && !strcmp(vm.name, "unit-a"));
	CHECK(!find(sock, &err) && vm.pid == pid && !strcmp(vm.state, "running"));
	CHECK(find("unit-", &err) == -ENOENT && strstr(err.text, "kmigrate vms"));
	CHECK(find("/no/such/socket", &err) == -ENOENT);
	CHECK(find("1", &err) == -ENOENT && find("", &err) == -ENOENT);
	stop(pid);
	CHECK(find(pidtext, &err) == -ENOENT);
}

static void twins(bool *ok)
{
	pid_t a = START((char *)"-name", (char *)"unit-twin");
	pid_t b = START((char *)"-name", (char *)"unit-twin");
	char pidtext[16];
	struct km_err err;

	CHECK(find("unit-twin", &err) == -EEXIST);
	snprintf(pidtext, sizeof(pidtext), " %d", b);
	CHECK(strstr(err.text, pidtext));
	CHECK(!find(pidtext + 1, &err) && strstr(vm.unmovable, "no QMP monitor"));
	CHECK(!vm.state[0] && vm.ram_bytes == 128ull << 20);
	stop(a);
	stop(b);
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.107s", path);
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -1 : fd;
}

static void busy(bool *ok)
{
	char sock[64];
	char arg[160];
	char ch;
	struct km_vm *all;
	struct km_err err;
	pid_t pid;
	size_t n;
	int fd, hits = 0;

	snprintf(sock, sizeof(sock), "%s/busy.sock", dir);
	snprintf(arg, sizeof(arg), "unix:%s,server=on,wait=off", sock);
	pid = START((char *)"-name", (char *)"unit-busy", (char *)"-qmp", arg);
	fd = connect_to(sock);
	CHECK(fd >= 0 && read(fd, &ch, 1) == 1); /* accepted */
	CHECK(!find("unit-busy", &err) && strstr(vm.unmovable, "in use by another client"));
	CHECK(!vm.state[0] && !strcmp(vm.qmp, sock));
	/* Who needs no monitor does not wait for one. */
	CHECK(!km_vms_list(&all, &n, KM_VMS_PROCESSES, &err));
	for (size_t i = 0; i < n; i++)
		hits += all[i].pid == pid && !all[i].qmp[0] && !all[i].unmovable[0];
	CHECK(hits == 1);
	free(all);
	close(fd);
	CHECK(!find("unit-busy", &err) && !vm.unmovable[0] && !strcmp(vm.state, "running"));
	stop(pid);
	/* Stopped: the socket is left, nobody listens. */
	CHECK(find(sock, &err) == -ECONNREFUSED);
}

static void states(bool *ok)
{
	static const struct {
		const char *state, *why;
	} t[] = {
		{ "inmigrate", "waits for an incoming" },
		{ "postmigrate", "migrated away already" },
		{ "paused", "" },
		{ "blocked", "QEMU says: a device said no" },
		{ "deaf", "in use by another client" },
	};
	char arg[160];
	struct km_err err;

	snprintf(arg, sizeof(arg), "unix:%s/s.sock,server=on,wait=off", dir);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		pid_t pid = START((char *)"-name", (char *)"unit-state", (char *)"-qmp", arg,
				  (char *)"-state", (char *)t[i].state);

		CHECK(!find("unit-state", &err));
		if (*t[i].why ? !strstr(vm.unmovable, t[i].why) : vm.unmovable[0])
			printf("# %s: '%s'\n", t[i].state, vm.unmovable);
		CHECK(*t[i].why ? strstr(vm.unmovable, t[i].why) != NULL : !vm.unmovable[0]);
		stop(pid);
	}
	snprintf(arg, sizeof(arg), "unix:%s/v.sock,server=on,wait=off", dir);
	pid_t pid = START((char *)"-name", (char *)"unit-vfio", (char *)"-device",
			  (char *)"vfio-pci,host=01:00.0", (char *)"-qmp", arg);

	CHECK(!find("unit-vfio", &err) && strstr(vm.unmovable, "vfio-pci"));
	CHECK(!strcmp(vm.state, "running")); /* it still tells */
	stop(pid);
}

/* libvirt: the socket is made by another process and passed on as fd=N. */
static void passed_fd(bool *ok)
{
	char sock[64];
	char arg[160];
	struct km_err err;
	int listener;
	int client;
	pid_t pid;

	snprintf(sock, sizeof(sock), "%s/monitor.sock", dir);
	listener = fake_listen(sock, 5);
	snprintf(arg, sizeof(arg), "socket,id=charmonitor,fd=%d,server=on,wait=off", listener);
	pid = START((char *)"-name", (char *)"guest=unit-lv", (char *)"-chardev", arg,
		    (char *)"-mon", (char *)"chardev=charmonitor,id=monitor,mode=control");
	close(listener);
	CHECK(!find("unit-lv", &err) && !vm.unmovable[0] && !strcmp(vm.qmp, sock));
	CHECK(!strcmp(vm.state, "running"));
	client = connect_to(sock);
	CHECK(client >= 0 && read(client, arg, 1) == 1);
	CHECK(!find("unit-lv", &err) && strstr(vm.unmovable, "libvirt's"));
	close(client);
	stop(pid);
}

/* A path in the command line at which another process listens by now. */
static void taken_over(bool *ok)
{
	char sock[64];
	char arg[160];
	struct km_err err;
	pid_t pid;
	int fd;

	snprintf(sock, sizeof(sock), "%s/taken.sock", dir);
	snprintf(arg, sizeof(arg), "unix:%s,server=on,wait=off", sock);
	pid = START((char *)"-name", (char *)"unit-old", (char *)"-qmp", arg);
	pid_t thief = START((char *)"-name", (char *)"unit-new", (char *)"-qmp", arg);

	CHECK(!find("unit-old", &err) && strstr(vm.unmovable, "belongs to process"));
	CHECK(!vm.state[0]);
	CHECK(!find("unit-new", &err) && !vm.unmovable[0]);
	stop(pid);
	stop(thief);
	/* A socket of no guest. */
	fd = fake_listen(sock, 1);
	CHECK(find(sock, &err) == -ENOENT && strstr(err.text, "no guest"));
	close(fd);
}

static void lists(bool *ok)
{
	pid_t a = START((char *)"-name", (char *)"unit-l1", (char *)"-smp", (char *)"2");
	pid_t b = START((char *)"-m", (char *)"1G");
	struct km_err err = { 0 };
	struct km_vm *vms;
	char name[32];
	int hits = 0;
	size_t n;

	snprintf(name, sizeof(name), "pid-%d", b);
	CHECK(!km_vms_list(&vms, &n, KM_VMS_MONITORS, &err) && n >= 2);
	for (size_t i = 0; i < n; i++) {
		CHECK(!i || vms[i].pid > vms[i - 1].pid);
		hits += vms[i].pid == a && !strcmp(vms[i].name, "unit-l1") && vms[i].vcpus == 2;
		hits += vms[i].pid == b && !strcmp(vms[i].name, name) && vms[i].ram_bytes == 1 << 30;
	}
	CHECK(hits == 2);
	free(vms);
	stop(a);
	stop(b);
}

static const struct ktap_case cases[] = {
	{ "by name, pid and socket", finds },
	{ "two of one name", twins },
	{ "a monitor in use", busy },
	{ "states and reasons", states },
	{ "a monitor that libvirt made", passed_fd },
	{ "a socket that changed hands", taken_over },
	{ "the list", lists },
};

static int copy_self(void)
{
	char buf[65536];
	ssize_t n;
	int in = open("/proc/self/exe", O_RDONLY);
	int out = open(exe, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			break;
	close(in);
	close(out);
	return n ? -1 : 0;
}

int main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	char rm[64];
	int rc;

	(void)argc;
	if (!strncmp(base ? base + 1 : argv[0], "qemu-system-", 12))
		return fake_qemu(argv);
	if (!mkdtemp(dir))
		return 1;
	snprintf(exe, sizeof(exe), "%s/qemu-system-unit", dir);
	if (copy_self()) {
		printf("1..0 # SKIP no room in /tmp\n");
		return 4;
	}
	rc = ktap_run(cases, sizeof(cases) / sizeof(cases[0]));
	snprintf(rm, sizeof(rm), "rm -rf %s", dir);
	return system(rm) ? 1 : rc;
}
