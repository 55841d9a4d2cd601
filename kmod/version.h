/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KM_VERSION_H
#define KM_VERSION_H

/* The same as in dkms.conf; selftests/kmod/check_spec.py compares them. */
#define KM_VERSION	"0.1.0"

#endif /* KM_VERSION_H */
