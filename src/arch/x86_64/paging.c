// The kernel's page tables. Built before there is an allocator: the tables lie right behind the image.
#include "lib/string.h"
#include "rmm/page_table.h"
#include "src/arch/x86_64/x86.h"
#include "src/boot.h"
#include "src/kernel.h"

extern char text_start[], text_end[], rodata_end[], image_end[];

struct page_table kernel_page_table;

constexpr uint64_t GIB = 1ULL << 30;
static physical_address table_next; // the next free page for a table

static uint64_t *table_pointer(physical_address table) {
    return (uint64_t *)(DIRECT_MAP_BASE + table);
}

static physical_address table_alloc(void) {
    physical_address table = table_next;
    table_next += PAGE_SIZE;
    memset(table_pointer(table), 0, PAGE_SIZE);
    return table;
}

// The entry for address in the table of `level` (4: the root; 1: 4 KiB leaves), making tables on the way.
static uint64_t *entry_of(physical_address root, virtual_address address, unsigned level) {
    physical_address table = root;
    for (unsigned at = 4;; at--) {
        uint64_t *entry = &table_pointer(table)[address >> (12 + 9 * (at - 1)) & 511];
        if (at == level) return entry;
        if (!(*entry & PTE_PRESENT)) *entry = table_alloc() | PTE_PRESENT | PTE_WRITABLE;
        table = *entry & PTE_ADDRESS;
    }
}

static void map_image(physical_address root) {
    constexpr uint64_t base = PTE_PRESENT | PTE_GLOBAL;
    struct {
        char *start, *end;
        uint64_t flags;
    } parts[] = {{text_start, text_end, base},
                 {text_end, rodata_end, base | PTE_NO_EXECUTE},
                 {rodata_end, image_end, base | PTE_NO_EXECUTE | PTE_WRITABLE}};
    for (unsigned i = 0; i < array_size(parts); i++) {
        for (char *page = parts[i].start; page < parts[i].end; page += PAGE_SIZE)
            *entry_of(root, (uintptr_t)page, 1) = ((uintptr_t)page - KERNEL_BASE) | parts[i].flags;
    }
}

// Whether memory, or a table of the firmware, lies in [start, start + size).
static bool holds_memory(physical_address start, uint64_t size) {
    for (unsigned i = 0; i < boot_information.memory_range_count; i++) {
        const struct memory_range *range = &boot_information.memory_ranges[i];
        if (range->kind != MEMORY_RESERVED && range->start < start + size && start < range->start + range->size)
            return true;
    }
    return false;
}

static physical_address memory_end(void) {
    physical_address end = 4 * GIB; // the devices below 4 GiB as well
    for (unsigned i = 0; i < boot_information.memory_range_count; i++) {
        const struct memory_range *range = &boot_information.memory_ranges[i];
        if (range->kind != MEMORY_RESERVED) end = max(end, range->start + range->size);
    }
    return align_up(end, GIB);
}

static void map_memory(physical_address root) {
    constexpr uint64_t base = PTE_PRESENT | PTE_WRITABLE | PTE_NO_EXECUTE | PTE_GLOBAL | PTE_LARGE;
    physical_address end = memory_end();
    for (physical_address gib = 0; gib < end; gib += GIB) {
        if (cpu_features.large_1g && (!holds_memory(gib, GIB) || gib >= 4 * GIB)) {
            *entry_of(root, DIRECT_MAP_BASE + gib, 3) = gib | base | (holds_memory(gib, GIB) ? 0 : PTE_NO_CACHE);
            continue;
        }
        for (physical_address at = gib; at < gib + GIB; at += LARGE_PAGE_SIZE)
            *entry_of(root, DIRECT_MAP_BASE + at, 2) =
                at | base | (holds_memory(at, LARGE_PAGE_SIZE) ? 0 : PTE_NO_CACHE);
    }
}

void paging_init(void) {
    table_next = boot_information.kernel_end;
    physical_address root = table_alloc();
    map_image(root);
    map_memory(root);
    // Present before the first program's table copies the upper half.
    (void)entry_of(root, DIRECT_MAP_BASE + (1ULL << 39), 3);
    kernel_page_table.root = root;
    boot_information.kernel_end = table_next;
    cr3_write(root);
}

void arch_page_table_load(const struct page_table *table) {
    cr3_write(table ? table->root : kernel_page_table.root);
}
