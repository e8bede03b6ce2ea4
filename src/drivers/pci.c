#include "src/drivers/pci.h"

#include "src/drivers/virtio.h"
#include "src/kernel.h"
#include "src/memory/heap.h"

constexpr size_t BUS_SIZE = 1 << 20;
constexpr size_t FUNCTION_SIZE = 4096;
constexpr uint16_t VENDOR_VIRTIO = 0x1af4;
enum command : uint16_t { COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_NO_LINE = 0x400 };
constexpr uint16_t STATUS_CAPABILITIES = 0x10;
constexpr uint16_t MSIX_ENABLE = 0x8000;

static physical_address config_base;
static uint8_t bus_first, bus_last;

uint32_t pci_capability_next(const struct pci_function *function, uint8_t kind, uint32_t after) {
    if (!(mmio_read16(function->config + PCI_STATUS) & STATUS_CAPABILITIES)) return 0;
    uint32_t at = mmio_read8(function->config + (after ? after + 1 : PCI_CAPABILITIES)) & 0xfc;
    for (unsigned hops = 0; at && hops < 48; hops++) {
        if (mmio_read8(function->config + at) == kind) return at;
        at = mmio_read8(function->config + at + 1) & 0xfc;
    }
    return 0;
}

volatile char *pci_map(const struct pci_function *function, unsigned bar, uint64_t offset, size_t size) {
    if (bar > 5) return nullptr;
    volatile char *place = function->config + PCI_BAR + bar * 4;
    uint32_t low = mmio_read32(place);
    if (low & 1) return nullptr;
    uint64_t address = low & ~15u;
    if ((low & 6) == 4 && bar < 5) address |= (uint64_t)mmio_read32(place + 4) << 32;
    return address ? device_map(address + offset, size) : nullptr;
}

void pci_enable(const struct pci_function *function) {
    uint16_t command = mmio_read16(function->config + PCI_COMMAND);
    mmio_write16(function->config + PCI_COMMAND, command | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_LINE);
}

int32_t pci_message_enable(const struct pci_function *function, interrupt_handler *handler, void *data) {
    uint32_t at = pci_capability_next(function, PCI_CAPABILITY_MSIX, 0);
    if (!at) return -ENODEV;
    uint32_t place = mmio_read32(function->config + at + 4);
    volatile char *entry = pci_map(function, place & 7, place & ~7u, 16);
    if (!entry) return -ENOMEM;
    uint64_t address;
    uint32_t message;
    int32_t error = arch_message_interrupt(handler, data, &address, &message);
    if (error) return error;
    mmio_write32(entry, (uint32_t)address);
    mmio_write32(entry + 4, (uint32_t)(address >> 32));
    mmio_write32(entry + 8, message);
    mmio_write32(entry + 12, 0);
    mmio_write16(function->config + at + 2, mmio_read16(function->config + at + 2) | MSIX_ENABLE);
    return 0;
}

static void scan_bus(uint8_t bus);

static bool scan_function(uint8_t bus, volatile char *config, uint8_t slot, uint8_t number) {
    struct pci_function found = {
        .vendor = mmio_read16(config + PCI_VENDOR),
        .device = mmio_read16(config + PCI_DEVICE),
        .bus = bus,
        .slot = slot,
        .function = number,
        .config = config,
    };
    if (found.vendor == 0xffff) return false;
    uint8_t header = mmio_read8(config + PCI_HEADER_TYPE);
    if ((header & 0x7f) == 1) {
        uint8_t behind = mmio_read8(config + PCI_SECONDARY_BUS);
        if (behind > bus && behind <= bus_last) scan_bus(behind);
    } else if (found.vendor == VENDOR_VIRTIO) {
        virtio_pci_probe(&found);
    }
    return true;
}

static void scan_bus(uint8_t bus) {
    volatile char *configs = device_map(config_base + (uint64_t)(bus - bus_first) * BUS_SIZE, BUS_SIZE);
    if (!configs) return;
    for (uint8_t slot = 0; slot < 32; slot++) {
        volatile char *config = configs + slot * 8 * FUNCTION_SIZE;
        if (!scan_function(bus, config, slot, 0)) continue;
        if (!(mmio_read8(config + PCI_HEADER_TYPE) & 0x80)) continue; // one function only
        for (uint8_t number = 1; number < 8; number++)
            (void)scan_function(bus, config + number * FUNCTION_SIZE, slot, number);
    }
}

void pci_init(physical_address base, uint8_t first_bus, uint8_t last_bus) {
    config_base = base;
    bus_first = first_bus;
    bus_last = last_bus;
    scan_bus(first_bus);
}
