// Page tables: a radix tree of the hardware's format. The caller (the address space) holds the lock that guards it and
// flushes TLBs.
#pragma once

#include "lib/list.h"
#include "lib/types.h"

struct page_table {
    physical_address root;
};

enum page_flags : uint32_t {
    PAGE_READ = 1,
    PAGE_WRITE = 2,
    PAGE_EXECUTE = 4,
    PAGE_USER = 8,
    PAGE_DEVICE = 16, // uncached
    PAGE_DIRTY = 32,
    PAGE_ACCESSED = 64,
    PAGE_GLOBAL = 128,
};

struct page_leaf {
    physical_address physical;
    uint32_t flags; // enum page_flags; 0: nothing mapped
    bool large;     // a 2 MiB leaf
};

// The kernel's own table, made by the architecture at boot; its upper half is shared by all tables.
extern struct page_table kernel_page_table;

// An empty user half, the kernel's half shared. -ENOMEM.
[[nodiscard]] int32_t page_table_init(struct page_table *table);
// Frees the tables (not what leaves point to); every user leaf must have been cleared.
void page_table_destroy(struct page_table *table);

// Maps one page (or one 2 MiB leaf) at address, replacing what is there. -ENOMEM (an intermediate table).
[[nodiscard]] int32_t page_table_map(struct page_table *table, virtual_address address, physical_address physical,
                                     uint32_t flags);
[[nodiscard]] int32_t page_table_map_large(struct page_table *table, virtual_address address, physical_address physical,
                                           uint32_t flags);
// The 4 KiB leaf entry of address; nullptr when its table does not exist or a 2 MiB leaf covers it. create: makes
// missing tables, and nullptr then means no memory.
[[nodiscard]] uint64_t *page_table_entry(const struct page_table *table, virtual_address address);
[[nodiscard]] uint64_t *page_table_entry_create(struct page_table *table, virtual_address address);
// Makes the top-level entry of a kernel region exist, so that tables made later share what is mapped there. -ENOMEM.
[[nodiscard]] int32_t page_table_reserve(struct page_table *table, virtual_address address);
// What is mapped at address (flags 0: nothing).
struct page_leaf page_table_lookup(const struct page_table *table, virtual_address address);
// Clears the leaf at address and returns what was there.
struct page_leaf page_table_unmap(struct page_table *table, virtual_address address);
// Changes the flags of an existing leaf (no effect without one); keeps dirty and accessed.
void page_table_protect(struct page_table *table, virtual_address address, uint32_t flags);
// Clears the dirty flag; returns whether it was set.
bool page_table_clear_dirty(struct page_table *table, virtual_address address);
// Calls visit for every leaf in [start, end); skips empty subtrees quickly. A pointer to the entry lets visit change it
// through page_entry_*; returning false ends the walk.
typedef bool page_table_visitor(void *data, virtual_address address, uint64_t *entry, bool large);
void page_table_walk(struct page_table *table, virtual_address start, virtual_address end, page_table_visitor *visit,
                     void *data);
// Unlinks lowest tables that are empty in [start, end) and puts their frames (by link) into freed: the caller flushes
// the TLBs, then drops them with page_table_free_list.
void page_table_trim(struct page_table *table, virtual_address start, virtual_address end, struct list *freed);
void page_table_free_list(struct list *freed);

struct page_leaf page_entry_decode(uint64_t entry, bool large);
uint64_t page_entry_encode(physical_address physical, uint32_t flags, bool large);
