// From boot.S to kmain.
#include "src/boot.h"

#include "lib/string.h"
#include "rmm/page_table.h"
#include "src/context/cpu.h"
#include "src/drivers/device_tree.h"
#include "src/kernel.h"

struct boot_information boot_information;
struct page_table kernel_page_table;
extern char image_start[], image_end[], boot_high[];

constexpr physical_address MEMORY_BASE = 0x40000000; // of the virt machine
constexpr uint64_t IMAGE_OFFSET = KERNEL_BASE - MEMORY_BASE;

void boot_main(physical_address device_tree);

void boot_main(physical_address device_tree) {
    __asm__ volatile("msr tpidr_el1, %0" ::"r"(&cpus[0]));
    cpus[0].self = &cpus[0];
    cpu_count = 1;
    kernel_page_table.root = (uintptr_t)boot_high - IMAGE_OFFSET;
    boot_information.kernel_start = (uintptr_t)image_start - IMAGE_OFFSET;
    boot_information.kernel_end = (uintptr_t)image_end - IMAGE_OFFSET;
    // Who loads an ELF file passes nothing, and puts the tree at the start of memory.
    device_tree_read(device_tree ? device_tree : MEMORY_BASE);
    kmain();
}
