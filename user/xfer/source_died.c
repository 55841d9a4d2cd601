// SPDX-License-Identifier: GPL-2.0
/*
 * The source's QEMU dies while it hands the guest over.
 *
 * Nobody can run the guest here then, and if the destination has all of it, it lives there: GO is
 * as safe as after "completed", since a process that is gone makes no second running guest. A
 * pidfd tells that it is, with all of its threads.
 *
 * The destination has all of it when its QEMU says that it is loaded: that needs the stream's end,
 * QEMU_VM_EOF, and before that the source has flushed its disks and let go of them
 * (bdrv_inactivate_all(), in qemu_savevm_state_complete_precopy_non_iterable() of 7.2 to 9.x).
 */
#include <errno.h>
#include <poll.h>
#include <sys/pidfd.h>
#include "source_priv.h"

/* From the end of its monitor to its own. Memory is given back before (do_exit(): exit_mm(), then
 * exit_files(), then exit_notify()), so it is next to nothing; but from the end of its memory, which
 * process_vm_readv() tells by ESRCH, it may be a while. */
#define GONE_MS 2000

void km_source_died_watch(struct source *s)
{
	s->qemu_fd = pidfd_open(s->vm->pid, 0);
}

static bool monitor_ended(const struct source *s)
{
	struct pollfd p = { .fd = km_qmp_fd(s->qmp), .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

static bool is_gone(const struct source *s, int rc)
{
	struct pollfd p = { .fd = s->qemu_fd, .events = POLLIN };

	return s->qemu_fd >= 0 && (rc == -ESRCH || monitor_ended(s)) && poll(&p, 1, GONE_MS) == 1;
}

bool km_source_died_whole(struct source *s, int rc)
{
	struct km_move *m = &s->m;
	double until;

	if (!s->relay || !s->qmp || !m->all_listed || !is_gone(s, rc))
		return false;
	until = km_now_ms() + s->o->peer_ms;
	while (!s->loaded && !m->failed && km_now_ms() < until)
		km_move_wait(m, 50);
	s->run->source_died = s->loaded && !m->failed;
	if (s->run->source_died)
		s->run->held[0] = '\0'; /* its settings: there is nobody to give them back to */
	return s->run->source_died;
}
