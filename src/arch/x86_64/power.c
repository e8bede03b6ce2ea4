// Switching off, resetting, and the end after a panic.
#include "lib/atomic.h"
#include "rmm/frame.h"
#include "src/arch/x86_64/interrupts.h"
#include "src/arch/x86_64/x86.h"
#include "src/context/cpu.h"
#include "src/drivers/acpi.h"
#include "src/kernel.h"

constexpr uint16_t PORT_DEBUG_EXIT = 0xf4; // of QEMU's isa-debug-exit
constexpr uint8_t SLEEP_ENABLE = 0x20;     // of the sleep control register of hardware-reduced ACPI
constexpr uint8_t SLEEP_TYPE_OFF = 5;      // there, when no \_S5 says otherwise
constexpr uint16_t PM1_SLEEP_ENABLE = 1 << 13;

[[noreturn]] static void halt(void) {
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void register_write8(const struct acpi_address *where, uint8_t value) {
    if (where->space == 1)
        port_write8((uint16_t)where->address, value);
    else
        mmio_write8(physical_pointer(where->address), value);
}

void arch_power_off(void) {
    const struct acpi_information *acpi = &acpi_information;
    uint8_t type = acpi->has_power_off_type ? acpi->power_off_type : SLEEP_TYPE_OFF;
    if (acpi->sleep_control.address) register_write8(&acpi->sleep_control, (uint8_t)(type << 2) | SLEEP_ENABLE);
    if (acpi->power_port) port_write16(acpi->power_port, (uint16_t)(type << 10) | PM1_SLEEP_ENABLE);
    clock_spin(NANOSECONDS_PER_SECOND); // the emulator stops this processor soon, but not within the instruction
    log_error("x86", "this machine does not switch off: halted");
    halt();
}

void arch_reset(void) {
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt = {};
    if (acpi_information.reset.address) register_write8(&acpi_information.reset, acpi_information.reset_value);
    port_write8(0x64, 0xfe); // the keyboard controller's reset line
    port_write8(0xcf9, 6);
    __asm__ volatile("lidt %0; int3" ::"m"(no_idt)); // a triple fault
    halt();
}

static bool stopping;

// Called on NMI. Does not return once the machine is stopping.
void power_stop_if_stopping(void) {
    if (atomic_load_acquire(&stopping)) halt();
}

void arch_stop_other_processors(void) {
    atomic_store_release(&stopping, true);
    for (unsigned i = 0; i < CPU_MAXIMUM; i++) {
        if (cpus[i].online && &cpus[i] != cpu_current())
            apic_send(((struct cpu_arch *)cpus[i].arch)->apic_id, APIC_NMI, 0);
    }
}

void arch_halt_after_panic(void) {
    arch_stop_other_processors();
    port_write8(PORT_DEBUG_EXIT, 1);
    halt();
}
