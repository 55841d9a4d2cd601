// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for the arguments of an ioctl that the module does in a VMM's name.
 *
 * KVM's ioctls read their arguments from the caller's address space, which is the
 * VMM's (kvm_vm_ioctl() refuses others). So they are put there, into an anonymous
 * mapping of our own. The pages are pinned and mapped in the kernel as well, so that
 * they can be written where a fault can't be taken.
 *
 * The VMM can unmap or write them at any time: what is read back must be checked,
 * and an ioctl may fail with -EFAULT.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "scratch.h"

static void unpin(struct km_scratch *scratch)
{
	unpin_user_pages_dirty_lock(scratch->pages, scratch->nr_pages, true);
	kvfree(scratch->pages);
}

static int pin(struct km_scratch *scratch)
{
	unsigned int nr = scratch->size >> PAGE_SHIFT;
	int got;

	scratch->pages = kvcalloc(nr, sizeof(*scratch->pages), GFP_KERNEL);
	if (!scratch->pages)
		return -ENOMEM;
	got = pin_user_pages_fast(scratch->user, nr, FOLL_WRITE | FOLL_LONGTERM,
				  scratch->pages);
	scratch->nr_pages = max(got, 0);
	if (got == nr)
		return 0;
	unpin(scratch);
	return got < 0 ? got : -EFAULT;
}

/* In a kernel thread that uses the VMM's mm. */
int km_scratch_map(struct km_scratch *scratch, size_t size)
{
	unsigned long user;
	int err;

	user = vm_mmap(NULL, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(user))
		return (int)user;
	scratch->user = user;
	scratch->size = size;
	err = pin(scratch);
	if (err)
		goto err_map;
	scratch->kernel = vmap(scratch->pages, scratch->nr_pages, VM_MAP, PAGE_KERNEL);
	if (scratch->kernel)
		return 0;
	err = -ENOMEM;
	unpin(scratch);
err_map:
	vm_munmap(user, size);
	*scratch = (struct km_scratch){};
	return err;
}

/* Or has the VMM put something else there? */
static bool still_there(const struct km_scratch *scratch)
{
	struct page *page;
	bool same;

	if (get_user_pages_fast(scratch->user, 1, 0, &page) != 1)
		return false;
	same = page == scratch->pages[0];
	put_page(page);
	return same;
}

/* In such a thread, or in any when the VMM has exited and its mm with it. */
void km_scratch_unmap(struct km_scratch *scratch)
{
	if (!scratch->user)
		return;
	if (current->mm && still_there(scratch))
		vm_munmap(scratch->user, scratch->size);
	vunmap(scratch->kernel);
	unpin(scratch);
	*scratch = (struct km_scratch){};
}
