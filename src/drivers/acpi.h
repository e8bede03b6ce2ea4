// The static ACPI tables: what the kernel needs to know without interpreting AML.
#pragma once

#include "lib/types.h"

// A generic address: where a register lies.
struct acpi_address {
    uint8_t space; // 0: memory, 1: port
    uint8_t width, offset, access;
    uint64_t address;
} __attribute__((packed));

constexpr unsigned ACPI_PROCESSORS_MAXIMUM = 64;
constexpr unsigned ACPI_IOAPICS_MAXIMUM = 8;

struct acpi_ioapic {
    physical_address address;
    uint32_t first_line; // global number of its first input
};

struct acpi_override {
    uint32_t line; // global
    bool present, active_low, level;
};

struct acpi_information {
    bool present;
    unsigned processor_count;
    uint32_t processor_ids[ACPI_PROCESSORS_MAXIMUM]; // APIC ids, only usable ones
    unsigned ioapic_count;
    struct acpi_ioapic ioapics[ACPI_IOAPICS_MAXIMUM];
    struct acpi_override overrides[16]; // where the ISA lines are connected
    physical_address pci_config;        // memory-mapped configuration space; 0: none
    uint8_t pci_first_bus, pci_last_bus;
    uint16_t power_port;    // PM1a control; 0: none
    uint8_t power_off_type; // for it, from \_S5
    bool has_power_off_type;
    struct acpi_address sleep_control, reset; // address 0: none
    uint8_t reset_value;
};
extern struct acpi_information acpi_information;

// Reads the tables that the root pointer at rsdp leads to. Physical memory must be mapped.
void acpi_init(physical_address rsdp);
