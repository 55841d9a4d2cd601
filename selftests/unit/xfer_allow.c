// SPDX-License-Identifier: GPL-2.0
/* Which QEMU command lines a destination starts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ktap.h"
#include "xfer/allow.h"

#define QEMU "/usr/bin/qemu-system-x86_64"

/* Whether rules let a command line pass: words, separated by spaces. */
static bool passes_exe(const char *rules, const char *exe, const char *line, struct km_err *err)
{
	struct km_allow *a = NULL;
	char *argv[64] = { (char *)exe }, *copy = strdup(line), *save = NULL;
	unsigned int n = 1;
	int rc;

	memset(err, 0, sizeof(*err));
	for (char *w = strtok_r(copy, " ", &save); w && n < 63; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	rc = km_allow_parse(&a, rules, "rules", err);
	if (!rc)
		rc = km_allow_judge(a, argv, err);
	km_allow_free(a);
	free(copy);
	return !rc;
}

static bool passes(const char *rules, const char *line)
{
	struct km_err err;

	return passes_exe(rules, QEMU, line, &err);
}

static bool stopped(const char *line, const char *because)
{
	struct km_err err;

	if (!passes_exe("", QEMU, line, &err) && strstr(err.text, because))
		return true;
	printf("# %s: %s\n", line, err.text[0] ? err.text : "passed");
	return false;
}

/* As libvirt, Proxmox and people have them. */
static void usual(bool *ok)
{
	CHECK(passes("",
		     "-name guest=web1,debug-threads=on -machine pc-q35-7.2,usb=off -accel kvm "
		     "-cpu host -m size=1048576k -overcommit mem-lock=off -smp 2,sockets=2 "
		     "-no-user-config -nodefaults -no-shutdown -sandbox on,spawn=deny "
		     "-object {\"qom-type\":\"secret\",\"id\":\"m\",\"format\":\"raw\",\"file\":"
		     "\"/var/lib/libvirt/qemu/domain-1-web1/master-key.aes\"} "
		     "-blockdev {\"driver\":\"file\",\"filename\":"
		     "\"/var/lib/libvirt/images/a.qcow2\",\"node-name\":\"n\"} "
		     "-device {\"driver\":\"virtio-blk-pci\",\"drive\":\"n\",\"id\":\"d\"} "
		     "-netdev tap,fd=33,id=h0,vhost=on,vhostfd=35 -chardev pty,id=c "
		     "-chardev socket,id=mon,path=/run/a/mon.sock,server=on,wait=off"));
	CHECK(passes("", "-id -drive") == false);
	CHECK(passes("", "-drive file=/dev/pve/vm-100-disk-0,if=none,id=d -netdev "
			 "type=tap,id=n,ifname=tap100i0,script=no,downscript=no -vnc unix:/run/v"));
	CHECK(passes("", "-kernel /boot/vmlinuz -append console=ttyS0,,115200 -enable-kvm -m 1G"));
	CHECK(passes("", "/var/lib/disk.img"));
}

/* Nothing that runs a program, loads code or does to files what it is told to. */
static void programs(bool *ok)
{
	CHECK(stopped("-plugin /tmp/x.so", "-plugin"));
	CHECK(stopped("--plugin /tmp/x.so", "-plugin"));
	CHECK(stopped("-readconfig /tmp/x", "-readconfig"));
	CHECK(stopped("-trace file=/tmp/x", "-trace"));
	CHECK(stopped("-gdb tcp::1", "-gdb"));
	CHECK(stopped("-virtfs local,path=/srv,mount_tag=x,security_model=none", "-virtfs"));
	CHECK(stopped("-netdev tap,id=n,script=/tmp/x", "program /tmp/x"));
	CHECK(stopped("-netdev tap,id=n,downscript=/tmp/x", "program /tmp/x"));
	CHECK(stopped("-netdev bridge,id=n,helper=/tmp/x", "program /tmp/x"));
	CHECK(stopped("-netdev user,id=n,smb=/srv", "program"));
	CHECK(stopped("-netdev user,id=n,guestfwd=tcp:10.0.2.1:1-cmd:/tmp/x", "program /tmp/x"));
	CHECK(stopped("-netdev {\"type\":\"tap\",\"id\":\"n\",\"script\":\"/tmp/x\"}", "program"));
	CHECK(stopped("-netdev {\"type\":\"tap\",\"id\":\"n\",\"\\u0073cript\":\"/tmp/x\"}",
		      "program"));
	CHECK(stopped("-netdev {\"type\":\"tap\"", "value"));
	/* It is a value only of an option that has one. */
	CHECK(stopped("-nodefaults -plugin /tmp/x.so", "-plugin"));
	CHECK(stopped("-enable-kvm --trace x", "-trace"));
}

static void files(bool *ok)
{
	CHECK(stopped("-drive file=/etc/shadow,format=raw", "/etc/shadow"));
	CHECK(stopped("-drive format=raw,file=/etc/shadow", "/etc/shadow"));
	CHECK(stopped("/etc/shadow", "/etc/shadow"));
	CHECK(stopped("-hda /etc/shadow", "/etc/shadow"));
	CHECK(stopped("-serial file:/etc/cron.d/x", "/etc/cron.d/x"));
	CHECK(stopped("-drive file=//etc///shadow", "shadow"));
	CHECK(stopped("-drive file=/./etc/./shadow", "shadow"));
	CHECK(stopped("-drive file=/srv/../etc/shadow", "shadow"));
	CHECK(stopped("-drive file=../etc/shadow", "shadow"));
	CHECK(stopped("-drive file=/root,format=raw", "/root"));
	CHECK(stopped("-drive file=fat:rw:/home", "folder"));
	CHECK(stopped("-blockdev driver=vvfat,dir=/home,node-name=n", "folder"));
	CHECK(stopped("-drive file=host_device:/proc/self/root/etc/shadow", "/proc"));
	CHECK(stopped("-drive file=json:{\"driver\":\"raw\",,\"file\":\"\\/etc\\/shadow\"}",
		      "shadow"));
	CHECK(stopped("-blockdev {\"driver\":\"file\",\"filename\":\"\\u002fetc/shadow\"}",
		      "shadow"));
	CHECK(stopped("-chardev file,id=c,path=/var/lib/kmigrate/x", "kmigrate"));
	/* A comma in a name is doubled. */
	CHECK(passes("file /a,b", "-drive file=/a,,b"));
	CHECK(!passes("file /a,b", "-drive file=/a,b,file=/c"));
	/* Relative ones, too. */
	CHECK(!passes("file /srv/*", "-drive file=disk.img"));
	CHECK(!passes("file /srv/*", "disk.img") && !passes("file /srv/*", "-cdrom disk.img"));
	CHECK(passes("file /srv/*", "-drive file=/srv/disk.img,id=d -m 1G"));
}

static void rules(bool *ok)
{
	struct km_err err;

	/* A kind that has a line has no rules but its own. */
	CHECK(passes("option -plugin", "-plugin /tmp/x.so"));
	CHECK(!passes("option -plugin", "-m 1G"));
	CHECK(passes("run /etc/qemu-ifup", "-netdev tap,id=n,script=/etc/qemu-ifup") == false);
	CHECK(passes("run /etc/qemu-ifup\nfile *", "-netdev tap,id=n,script=/etc/qemu-ifup"));
	/* The last that matches decides. */
	CHECK(!passes("file * !/srv/*", "-cdrom /srv/a"));
	CHECK(passes("file * !/srv/*\nfile /srv/a", "-cdrom /srv/a"));
	CHECK(passes("# all\n\n exe *\t!/no/* # but those\r\n", "-m 1G"));
	CHECK(!passes_exe("", "/tmp/qemu-system-x86_64", "", &err) && strstr(err.text, "/tmp/"));
	CHECK(!passes_exe("", "qemu-system-x86_64", "", &err));
	CHECK(!passes_exe("", "/usr/bin/qemu-system-x/../../../tmp/x", "", &err));
	CHECK(passes_exe("exe /opt/q", "/opt/q", "", &err));
	CHECK(!passes_exe("allow all", QEMU, "", &err) && strstr(err.text, "rules line 1"));
	CHECK(!passes_exe("exe *\n\nfil *", QEMU, "", &err) && strstr(err.text, "rules line 3"));
}

static const struct ktap_case cases[] = {
	{ "what hypervisor managers start", usual },
	{ "no programs", programs },
	{ "no files of the host's own", files },
	{ "rules of one's own", rules },
};
KTAP_MAIN(cases)
