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
// Frees the tables (not what leaves point to); every user leaf must have been cleared: empty tables are kept for the
// next.
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
// The leaf entries of [*at, end) that lie in one table; *at moves behind them. Missing tables are skipped. False: no
// more. A 2 MiB leaf is a span of one entry.
struct page_span {
    uint64_t *entries;
    virtual_address address; // of the first; of the start of a large leaf
    unsigned count;
    bool large;
};
bool page_table_next_span(const struct page_table *table, virtual_address *at, virtual_address end,
                          struct page_span *span);
// The first entry at or behind i that is not empty; span->count: none.
static inline unsigned page_span_skip_empty(const struct page_span *span, unsigned i) {
    const uint64_t *entries = span->entries;
    while (i + 4 <= span->count && !(entries[i] | entries[i + 1] | entries[i + 2] | entries[i + 3]))
        i += 4;
    while (i < span->count && !entries[i])
        i++;
    return i;
}
#define page_span_for_each(i, span)                                                                                    \
    for (unsigned i = page_span_skip_empty((span), 0); i < (span)->count; i = page_span_skip_empty((span), i + 1))

// Unlinks lowest tables that are empty in [start, end) and puts their frames (by link) into freed: the caller flushes
// the TLBs, then drops them with page_table_free_list.
void page_table_trim(struct page_table *table, virtual_address start, virtual_address end, struct list *freed);
void page_table_free_list(struct list *freed);
// Gives the empty tables that this processor keeps back; returns how many.
size_t page_table_drain(void);

struct page_leaf page_entry_decode(uint64_t entry, bool large);
uint64_t page_entry_encode(physical_address physical, uint32_t flags, bool large);
