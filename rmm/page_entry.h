// The format of page-table entries: four levels of 512 entries on every architecture. A leaf without PAGE_READ is not
// present for the processor but keeps its frame (PROT_NONE over resident pages). Entry 0 means empty everywhere.
#pragma once

#include "rmm/page_table.h"

enum : unsigned { PAGE_TABLE_ENTRIES = 512, PAGE_TABLE_SHIFT = 9, PAGE_TABLE_TOP = 3 };

static inline unsigned page_table_index(virtual_address address, unsigned level) {
    return (address >> (PAGE_SHIFT + PAGE_TABLE_SHIFT * level)) & (PAGE_TABLE_ENTRIES - 1);
}

#if defined(__x86_64__) || defined(HOSTED_TEST)

enum entry_bits : uint64_t {
    ENTRY_PRESENT = 1,
    ENTRY_WRITE = 2,
    ENTRY_USER = 4,
    ENTRY_UNCACHED = 0x18,
    ENTRY_ACCESSED = 0x20,
    ENTRY_DIRTY = 0x40,
    ENTRY_LARGE = 0x80,
    ENTRY_GLOBAL = 0x100,
    ENTRY_NO_EXECUTE = 1ULL << 63,
    ENTRY_FRAME = 0x000ffffffffff000,
};

static inline physical_address entry_physical(uint64_t entry) {
    return entry & ENTRY_FRAME;
}
// Puts a frame into an entry that was encoded for physical address 0.
static inline uint64_t entry_place(physical_address physical, uint64_t bits) {
    return physical | bits;
}
static inline bool entry_is_leaf(uint64_t entry, unsigned level) {
    return level == 0 || (entry & ENTRY_LARGE);
}
static inline bool entry_writable(uint64_t entry) {
    return entry & ENTRY_WRITE;
}
static inline bool entry_present(uint64_t entry) {
    return entry & ENTRY_PRESENT;
}
static inline uint64_t entry_without_write(uint64_t entry) {
    return entry & ~(uint64_t)ENTRY_WRITE;
}
static inline uint64_t entry_with_write(uint64_t entry) {
    return entry | ENTRY_WRITE | ENTRY_DIRTY | ENTRY_ACCESSED;
}
static inline bool entry_dirty(uint64_t entry) {
    return entry & ENTRY_DIRTY;
}
static inline uint64_t entry_without_dirty(uint64_t entry) {
    return entry & ~(uint64_t)ENTRY_DIRTY;
}
static inline uint64_t entry_table(physical_address table) {
    return table | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER;
}
static inline uint64_t entry_encode(physical_address physical, uint32_t flags, bool large) {
    uint64_t entry = physical;
    entry |= flags & PAGE_READ ? ENTRY_PRESENT : 0;
    entry |= flags & PAGE_WRITE ? ENTRY_WRITE : 0;
    entry |= flags & PAGE_EXECUTE ? 0 : ENTRY_NO_EXECUTE;
    entry |= flags & PAGE_USER ? ENTRY_USER : 0;
    entry |= flags & PAGE_DEVICE ? ENTRY_UNCACHED : 0;
    entry |= flags & PAGE_DIRTY ? ENTRY_DIRTY : 0;
    entry |= flags & PAGE_ACCESSED ? ENTRY_ACCESSED : 0;
    entry |= flags & PAGE_GLOBAL ? ENTRY_GLOBAL : 0;
    return entry | (large ? ENTRY_LARGE : 0);
}
static inline uint32_t entry_flags(uint64_t entry) {
    if (!entry) return 0;
    return (entry & ENTRY_PRESENT ? PAGE_READ : 0) | (entry & ENTRY_WRITE ? PAGE_WRITE : 0) |
           (entry & ENTRY_NO_EXECUTE ? 0 : PAGE_EXECUTE) | (entry & ENTRY_USER ? PAGE_USER : 0) |
           (entry & ENTRY_UNCACHED ? PAGE_DEVICE : 0) | (entry & ENTRY_DIRTY ? PAGE_DIRTY : 0) |
           (entry & ENTRY_ACCESSED ? PAGE_ACCESSED : 0) | (entry & ENTRY_GLOBAL ? PAGE_GLOBAL : 0);
}

#elif defined(__aarch64__)

// Armv8-A VMSAv8-64, 4 KiB granule. MAIR index 0: normal memory, 1: device. The dirty state is software's (bit 55).
enum entry_bits : uint64_t {
    ENTRY_PRESENT = 1,
    ENTRY_TABLE_OR_PAGE = 2,
    ENTRY_DEVICE = 1 << 2,
    ENTRY_USER = 1 << 6,
    ENTRY_READ_ONLY = 1 << 7,
    ENTRY_SHAREABLE = 3 << 8,
    ENTRY_ACCESSED = 1 << 10,
    ENTRY_NOT_GLOBAL = 1 << 11,
    ENTRY_PRIVILEGED_NO_EXECUTE = 1ULL << 53,
    ENTRY_USER_NO_EXECUTE = 1ULL << 54,
    ENTRY_DIRTY = 1ULL << 55,
    ENTRY_FRAME = 0x0000fffffffff000,
};

static inline physical_address entry_physical(uint64_t entry) {
    return entry & ENTRY_FRAME;
}
static inline uint64_t entry_place(physical_address physical, uint64_t bits) {
    return physical | bits;
}
static inline bool entry_is_leaf(uint64_t entry, unsigned level) {
    return level == 0 || !(entry & ENTRY_TABLE_OR_PAGE);
}
static inline bool entry_writable(uint64_t entry) {
    return !(entry & ENTRY_READ_ONLY);
}
static inline bool entry_present(uint64_t entry) {
    return entry & ENTRY_PRESENT;
}
static inline uint64_t entry_without_write(uint64_t entry) {
    return entry | ENTRY_READ_ONLY;
}
static inline uint64_t entry_with_write(uint64_t entry) {
    return (entry & ~(uint64_t)ENTRY_READ_ONLY) | ENTRY_DIRTY | ENTRY_ACCESSED;
}
static inline bool entry_dirty(uint64_t entry) {
    return entry & ENTRY_DIRTY;
}
static inline uint64_t entry_without_dirty(uint64_t entry) {
    return (entry & ~(uint64_t)ENTRY_DIRTY) | ENTRY_READ_ONLY;
}
static inline uint64_t entry_table(physical_address table) {
    return table | ENTRY_PRESENT | ENTRY_TABLE_OR_PAGE;
}
static inline uint64_t entry_encode(physical_address physical, uint32_t flags, bool large) {
    uint64_t entry = physical | ENTRY_ACCESSED | ENTRY_SHAREABLE | (large ? 0 : ENTRY_TABLE_OR_PAGE);
    entry |= flags & PAGE_READ ? ENTRY_PRESENT : 0;
    entry |= flags & PAGE_WRITE ? 0 : ENTRY_READ_ONLY;
    entry |= flags & PAGE_USER ? ENTRY_USER | ENTRY_PRIVILEGED_NO_EXECUTE : ENTRY_USER_NO_EXECUTE;
    entry |= flags & PAGE_EXECUTE ? 0 : ENTRY_USER_NO_EXECUTE | ENTRY_PRIVILEGED_NO_EXECUTE;
    entry |= flags & PAGE_DEVICE ? ENTRY_DEVICE : 0;
    entry |= flags & (PAGE_DIRTY | PAGE_WRITE) ? ENTRY_DIRTY : 0;
    return entry | (flags & PAGE_GLOBAL ? 0 : ENTRY_NOT_GLOBAL);
}
static inline uint32_t entry_flags(uint64_t entry) {
    if (!entry) return 0;
    uint64_t no_execute = entry & ENTRY_USER ? ENTRY_USER_NO_EXECUTE : ENTRY_PRIVILEGED_NO_EXECUTE;
    return (entry & ENTRY_PRESENT ? PAGE_READ : 0) | (entry & ENTRY_READ_ONLY ? 0 : PAGE_WRITE) |
           (entry & no_execute ? 0 : PAGE_EXECUTE) | (entry & ENTRY_USER ? PAGE_USER : 0) |
           (entry & ENTRY_DEVICE ? PAGE_DEVICE : 0) | (entry & ENTRY_DIRTY ? PAGE_DIRTY : 0) |
           (entry & ENTRY_ACCESSED ? PAGE_ACCESSED : 0) | (entry & ENTRY_NOT_GLOBAL ? 0 : PAGE_GLOBAL);
}

#elif defined(__riscv)

// The RISC-V Instruction Set Manual vol. II, Sv48.
enum entry_bits : uint64_t {
    ENTRY_PRESENT = 1,
    ENTRY_READ = 2,
    ENTRY_WRITE = 4,
    ENTRY_EXECUTE = 8,
    ENTRY_USER = 16,
    ENTRY_GLOBAL = 32,
    ENTRY_ACCESSED = 64,
    ENTRY_DIRTY = 128,
    ENTRY_DEVICE = 256, // software's: attributes of physical memory are the platform's
    ENTRY_FRAME = 0x003ffffffffffc00,
};

static inline physical_address entry_physical(uint64_t entry) {
    return (entry & ENTRY_FRAME) << 2;
}
static inline uint64_t entry_place(physical_address physical, uint64_t bits) {
    return physical >> 2 | bits;
}
static inline bool entry_is_leaf(uint64_t entry, unsigned level) {
    return level == 0 || (entry & (ENTRY_READ | ENTRY_WRITE | ENTRY_EXECUTE));
}
static inline bool entry_writable(uint64_t entry) {
    return entry & ENTRY_WRITE;
}
static inline bool entry_present(uint64_t entry) {
    return entry & ENTRY_PRESENT;
}
static inline uint64_t entry_without_write(uint64_t entry) {
    return entry & ~(uint64_t)ENTRY_WRITE;
}
static inline uint64_t entry_with_write(uint64_t entry) {
    return entry | ENTRY_WRITE | ENTRY_DIRTY | ENTRY_ACCESSED;
}
static inline bool entry_dirty(uint64_t entry) {
    return entry & ENTRY_DIRTY;
}
static inline uint64_t entry_without_dirty(uint64_t entry) {
    return entry & ~(uint64_t)(ENTRY_DIRTY | ENTRY_WRITE);
}
static inline uint64_t entry_table(physical_address table) {
    return table >> 2 | ENTRY_PRESENT;
}
static inline uint64_t entry_encode(physical_address physical, uint32_t flags, bool) {
    uint64_t entry = physical >> 2 | ENTRY_ACCESSED;
    entry |= flags & PAGE_READ ? ENTRY_PRESENT | ENTRY_READ : 0;
    entry |= flags & PAGE_WRITE ? ENTRY_WRITE | ENTRY_DIRTY : 0;
    entry |= flags & PAGE_EXECUTE ? ENTRY_EXECUTE : 0;
    entry |= flags & PAGE_USER ? ENTRY_USER : 0;
    entry |= flags & PAGE_DEVICE ? ENTRY_DEVICE : 0;
    entry |= flags & PAGE_DIRTY ? ENTRY_DIRTY : 0;
    return entry | (flags & PAGE_GLOBAL ? ENTRY_GLOBAL : 0);
}
static inline uint32_t entry_flags(uint64_t entry) {
    if (!entry) return 0;
    return (entry & ENTRY_PRESENT ? PAGE_READ : 0) | (entry & ENTRY_WRITE ? PAGE_WRITE : 0) |
           (entry & ENTRY_EXECUTE ? PAGE_EXECUTE : 0) | (entry & ENTRY_USER ? PAGE_USER : 0) |
           (entry & ENTRY_DEVICE ? PAGE_DEVICE : 0) | (entry & ENTRY_DIRTY ? PAGE_DIRTY : 0) |
           (entry & ENTRY_ACCESSED ? PAGE_ACCESSED : 0) | (entry & ENTRY_GLOBAL ? PAGE_GLOBAL : 0);
}

#else
#error "no page-table format for this architecture"
#endif
