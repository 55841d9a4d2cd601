// SPDX-License-Identifier: GPL-2.0
/* mm_struct has an owner with CONFIG_MEMCG only. */
#include <linux/mm_types.h>

struct task_struct *probe(struct mm_struct *mm);
struct task_struct *probe(struct mm_struct *mm)
{
	return rcu_dereference(mm->owner);
}
