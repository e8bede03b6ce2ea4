// The I/O APICs: from a device's interrupt line to a vector of the boot processor.
#include "rmm/frame.h"
#include "src/arch/x86_64/interrupts.h"
#include "src/arch/x86_64/x86.h"
#include "src/drivers/acpi.h"
#include "src/kernel.h"

enum ioapic_register : uint32_t { IOAPIC_VERSION = 1, IOAPIC_TABLE = 16 };
constexpr uint32_t ENTRY_ACTIVE_LOW = 1u << 13;
constexpr uint32_t ENTRY_LEVEL = 1u << 15;
constexpr uint32_t ENTRY_MASKED = 1u << 16;

static uint32_t boot_apic_id;

static uint32_t ioapic_read(const struct acpi_ioapic *ioapic, uint32_t which) {
    volatile char *registers = physical_pointer(ioapic->address);
    mmio_write32((volatile void *)registers, which);
    return mmio_read32(registers + 16);
}

static void ioapic_write(const struct acpi_ioapic *ioapic, uint32_t which, uint32_t value) {
    volatile char *registers = physical_pointer(ioapic->address);
    mmio_write32((volatile void *)registers, which);
    mmio_write32((volatile void *)(registers + 16), value);
}

static unsigned ioapic_lines(const struct acpi_ioapic *ioapic) {
    return (ioapic_read(ioapic, IOAPIC_VERSION) >> 16 & 0xff) + 1;
}

void ioapic_init(void) {
    boot_apic_id = apic_id();
    for (unsigned i = 0; i < acpi_information.ioapic_count; i++) {
        const struct acpi_ioapic *ioapic = &acpi_information.ioapics[i];
        for (unsigned line = 0; line < ioapic_lines(ioapic); line++)
            ioapic_write(ioapic, IOAPIC_TABLE + 2 * line, ENTRY_MASKED);
    }
}

// Lines below 16 are ISA lines: where the firmware's overrides say, active high and edge triggered unless said
// otherwise. Others are PCI's: active low when level triggered.
int32_t arch_interrupt_register(unsigned line, bool level, interrupt_handler *handler, void *data) {
    bool active_low = level && line >= 16;
    if (line < array_size(acpi_information.overrides) && acpi_information.overrides[line].present) {
        const struct acpi_override *override = &acpi_information.overrides[line];
        line = override->line;
        active_low = override->active_low;
        level = override->level;
    }
    for (unsigned i = 0; i < acpi_information.ioapic_count; i++) {
        const struct acpi_ioapic *ioapic = &acpi_information.ioapics[i];
        if (line < ioapic->first_line || line - ioapic->first_line >= ioapic_lines(ioapic)) continue;
        int32_t vector = interrupt_vector_alloc(handler, data);
        if (vector < 0) return vector;
        uint32_t at = IOAPIC_TABLE + 2 * (line - ioapic->first_line);
        ioapic_write(ioapic, at + 1, boot_apic_id << 24);
        ioapic_write(ioapic, at, (uint32_t)vector | (level ? ENTRY_LEVEL : 0) | (active_low ? ENTRY_ACTIVE_LOW : 0));
        return 0;
    }
    return -ENODEV;
}

int32_t arch_message_interrupt(interrupt_handler *handler, void *data, uint64_t *address, uint32_t *message) {
    int32_t vector = interrupt_vector_alloc(handler, data);
    if (vector < 0) return vector;
    *address = 0xfee00000 | (uint64_t)boot_apic_id << 12;
    *message = (uint32_t)vector;
    return 0;
}
