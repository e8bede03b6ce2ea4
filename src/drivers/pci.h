// PCI: enumeration over the memory-mapped configuration space, base addresses, MSI-X.
#pragma once

#include "src/arch/arch.h"

struct pci_function {
    uint16_t vendor, device;
    uint8_t bus, slot, function;
    volatile char *config; // 4 KiB
};

enum pci_register : uint32_t {
    PCI_VENDOR = 0,
    PCI_DEVICE = 2,
    PCI_COMMAND = 4,
    PCI_STATUS = 6,
    PCI_HEADER_TYPE = 0xe,
    PCI_BAR = 0x10,
    PCI_SECONDARY_BUS = 0x19,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
};
enum pci_capability : uint8_t { PCI_CAPABILITY_VENDOR = 9, PCI_CAPABILITY_MSIX = 0x11 };

// Visits all functions behind the configuration space at `base` (one segment), and hands them to their drivers.
void pci_init(physical_address base, uint8_t first_bus, uint8_t last_bus);

// The next capability of a kind behind offset `after` (0: the first); 0: none.
uint32_t pci_capability_next(const struct pci_function *function, uint8_t kind, uint32_t after);
// Maps part of a memory base address register; nullptr: not a memory one, unassigned, or no memory.
[[nodiscard]] volatile char *pci_map(const struct pci_function *function, unsigned bar, uint64_t offset, size_t size);
void pci_enable(const struct pci_function *function); // memory access and bus mastering on, legacy interrupts off
// Routes message 0 to handler and switches MSI-X on. -ENODEV: the function has none; -ENOMEM; arch_message_interrupt's.
[[nodiscard]] int32_t pci_message_enable(const struct pci_function *function, interrupt_handler *handler, void *data);
