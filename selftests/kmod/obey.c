// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM for tests that are no C programs: says on its standard input, a socket, which
 * descriptor its VM is (an int), and obeys the orders that come there (child.h).
 */
#include <unistd.h>

#include "child.h"

int main(void)
{
	const struct vmm_spawn how = { .options = { .pages = 4096, .vcpus = 2 } };

	vmm_child_main(STDIN_FILENO, &how);
}
