/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A migration that is given up is cancelled over QMP while its sockets are still
 * read from, and they are closed when QEMU has done with it.
 *
 * Closing them first makes QEMU 7.2 fail in its channels, and then its migration
 * thread may wait for ever: a channel that is told to quit leaves its loop
 * without posting sem_sync, for which multifd_send_sync_main() waits
 * (migration/multifd.c).  migrate_fd_cleanup() never comes, or blocks the main
 * loop.  Tried with 7.2.22, without kmigrate: when all channels were shut down,
 * the monitor hung in half of the rounds.
 */
#ifndef KM_DRAIN_H
#define KM_DRAIN_H

/* Reads and forgets until the other end closes. */
void km_drain(int fd);
/* The same for n sockets at once, in threads that are never joined. */
void km_drain_all(const int *fds, unsigned int n);

#endif
