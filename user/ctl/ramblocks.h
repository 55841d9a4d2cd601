/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which RAMBlocks a QEMU has and where their bytes are.
 *
 * Names and used lengths: QMP x-query-ramblock (QEMU 6.2+).  Host addresses:
 * its "HVA" column from QEMU 8.0; before, HMP `info mtree -f` gives the guest
 * physical address at which a region is mapped and HMP gpa2hva the host
 * address of that (QEMU monitor/misc.c).  Both are hints until
 * /proc/PID/maps shows a read-write mapping over the whole range.
 */
#ifndef KM_RAMBLOCKS_H
#define KM_RAMBLOCKS_H

#include "qmp.h"

int km_ramblocks_read(struct km_qmp *q, pid_t pid, struct km_blocks *blocks, struct km_err *err);

#endif
