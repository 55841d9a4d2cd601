// SPDX-License-Identifier: GPL-2.0
#include "reasons.h"

#include <ctype.h>
#include <stdio.h>
#include <asm/kvm.h> /* the vectors that svm.h names */
#include <asm/svm.h>
#include <asm/vmx.h>

#define ISA_VMX 1
#define ISA_SVM 2

struct name {
	long reason; /* SVM_EXIT_ERR is -1 */
	const char *text;
};

/* Both tables are the kernel's (uapi), which its tracepoint prints from, too. */
static const struct name svm[] = { SVM_EXIT_REASONS };
static const struct name vmx[] = { VMX_EXIT_REASONS };

static const char *find(const struct name *names, size_t n, uint32_t reason)
{
	for (size_t i = 0; i < n; i++)
		if ((uint32_t)names[i].reason == reason)
			return names[i].text;
	return NULL;
}

void km_reason_name(char *buf, size_t size, uint32_t isa, uint32_t reason)
{
	const char *text = NULL;

	if (isa == ISA_SVM)
		text = find(svm, sizeof(svm) / sizeof(*svm), reason);
	if (isa == ISA_VMX) /* above bit 15 are flags (SDM 3C, table 24-13) */
		text = find(vmx, sizeof(vmx) / sizeof(*vmx), reason & 0xffff);
	if (!text) {
		snprintf(buf, size, "%s 0x%x",
			 isa == ISA_SVM ? "svm" :
			 isa == ISA_VMX ? "vmx" :
					  "unknown",
			 reason);
		return;
	}
	/* VMX's are in capitals, SVM's are not: one way for both. */
	snprintf(buf, size, "%s%s", text,
		 isa == ISA_VMX && reason & VMX_EXIT_REASONS_FAILED_VMENTRY ? " (failed entry)" :
									      "");
	for (char *c = buf; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}
