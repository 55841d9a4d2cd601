/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_PML_H
#define KM_PML_H

#include <linux/types.h>

bool km_pml_start(void);
void km_pml_stop(void);
void km_pml_fini(void);

#endif /* KM_PML_H */
