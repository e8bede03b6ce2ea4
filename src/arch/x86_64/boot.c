// From boot.S to kmain: what the PVH loader says about the machine.
#include "src/boot.h"

#include "lib/string.h"
#include "src/arch/x86_64/interrupts.h"
#include "src/arch/x86_64/x86.h"
#include "src/context/cpu.h"

// The PVH boot ABI (Xen's public/arch-x86/hvm/start_info.h describes it).
struct hvm_start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp, memory_map;
    uint32_t memory_map_entries, reserved;
};
struct hvm_module {
    uint64_t address, size, command_line, reserved;
};
struct hvm_memory_entry {
    uint64_t address, size;
    uint32_t type, reserved;
};
constexpr uint32_t HVM_START_MAGIC = 0x336ec578;

struct boot_information boot_information;
extern char image_end[];

void boot_main(uint64_t start_info);
static struct cpu_arch boot_cpu_arch;
[[gnu::aligned(EXCEPTION_STACK_SIZE)]] static char boot_exception_stacks[EXCEPTION_STACKS][EXCEPTION_STACK_SIZE];

static const void *low_memory(uint64_t address) {
    return (const void *)(DIRECT_MAP_BASE + address);
}

static void add_memory_range(physical_address start, uint64_t size, enum memory_range_kind kind) {
    struct boot_information *boot = &boot_information;
    if (size && boot->memory_range_count < MEMORY_RANGES_MAXIMUM)
        boot->memory_ranges[boot->memory_range_count++] =
            (struct memory_range){.start = start, .size = size, .kind = kind};
}

// The lowest 64 KiB stay ours: the start code of the other processors runs there.
constexpr physical_address LOW_MEMORY_KEPT = 0x10000;

static void read_memory_map(const struct hvm_start_info *info) {
    static const enum memory_range_kind kinds[] = {
        [1] = MEMORY_USABLE, [2] = MEMORY_RESERVED, [3] = MEMORY_ACPI, [4] = MEMORY_ACPI};
    const struct hvm_memory_entry *entries = low_memory(info->memory_map);
    for (unsigned i = 0; i < info->memory_map_entries; i++) {
        uint64_t start = entries[i].address, size = entries[i].size;
        uint32_t type = entries[i].type;
        enum memory_range_kind kind = type >= 1 && type < array_size(kinds) ? kinds[type] : MEMORY_RESERVED;
        if (kind == MEMORY_USABLE && start < LOW_MEMORY_KEPT) {
            uint64_t kept = min(size, LOW_MEMORY_KEPT - start);
            add_memory_range(start, kept, MEMORY_RESERVED);
            start += kept;
            size -= kept;
        }
        add_memory_range(start, size, kind);
    }
}

static void read_start_info(uint64_t address) {
    const struct hvm_start_info *info = low_memory(address);
    struct boot_information *boot = &boot_information;
    if (info->magic != HVM_START_MAGIC) return;
    if (info->command_line) string_copy(boot->command_line, low_memory(info->command_line), sizeof(boot->command_line));
    if (info->module_count) {
        const struct hvm_module *module = low_memory(info->modules);
        boot->initrd_start = module->address;
        boot->initrd_size = module->size;
    }
    boot->acpi_rsdp = info->rsdp;
    if (info->version >= 1) read_memory_map(info);
}

void boot_main(uint64_t start_info) {
    msr_write(MSR_GS_BASE, (uint64_t)&cpus[0]);
    cpus[0].self = &cpus[0];
    cpus[0].arch = &boot_cpu_arch;
    cpu_count = 1;
    clock_start();
    serial_init();
    read_start_info(start_info);
    boot_information.kernel_start = 0x100000;
    boot_information.kernel_end = (uintptr_t)image_end - KERNEL_BASE;
    segments_init(&cpus[0], &boot_cpu_arch, boot_exception_stacks);
    cpu_features_detect();
    paging_init();
    cpu_features_enable();
    kmain();
}
