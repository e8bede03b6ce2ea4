// What the architecture's entry code found out about the machine, for kmain.
#pragma once

#include "lib/types.h"

enum memory_range_kind : uint32_t { MEMORY_USABLE, MEMORY_RESERVED, MEMORY_ACPI };
struct memory_range {
    physical_address start;
    uint64_t size;
    enum memory_range_kind kind;
};

constexpr unsigned MEMORY_RANGES_MAXIMUM = 64;
struct boot_information {
    unsigned memory_range_count;
    struct memory_range memory_ranges[MEMORY_RANGES_MAXIMUM];
    physical_address initrd_start; // 0: none
    uint64_t initrd_size;
    physical_address kernel_start, kernel_end; // the image, bss included
    physical_address acpi_rsdp;                // 0: none (x86)
    physical_address device_tree;              // 0: none
    char command_line[2048];
};

// Filled before kmain; read-only afterwards.
extern struct boot_information boot_information;

[[noreturn]] void kmain(void);
