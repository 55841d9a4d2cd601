// SPDX-License-Identifier: GPL-2.0
/* Finds the VGA's memory: BAR 0 of the first display device on bus 0. */
#include "flat.h"

#define PCI_ADDRESS	0xcf8
#define PCI_DATA	0xcfc

static u32 pci_read(u32 slot, u32 reg)
{
	outl(PCI_ADDRESS, 0x80000000u | slot << 11 | reg);
	return inl(PCI_DATA);
}

u32 pci_vga_memory(void)
{
	u32 slot, bar;

	for (slot = 0; slot < 32; slot++) {
		if (pci_read(slot, 0) == ~0u || pci_read(slot, 8) >> 24 != 3)
			continue;
		bar = pci_read(slot, 0x10);
		if (!(bar & 1) && (pci_read(slot, 4) & 2))
			return bar & ~15u;
	}
	return 0;
}
