// Frames of tables are linked into a ring that starts at the root's frame, so that a whole table is freed without a
// walk.
#include "rmm/page_table.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "rmm/page_entry.h"
#include "src/context/cpu.h"
#include "src/kernel.h"

constexpr unsigned USER_ENTRIES = PAGE_TABLE_ENTRIES / 2; // of the root

static uint64_t *table_at(uint64_t entry) {
    return physical_pointer(entry_physical(entry));
}

// Tables that were freed are empty again: kept like this they need no clearing when they are used next. A root keeps
// its kernel half too.
enum : unsigned { TABLES_KEPT = 32, ROOTS_KEPT = 8 };
struct table_cache {
    unsigned table_count, root_count;
    struct frame *tables[TABLES_KEPT];
    struct frame *roots[ROOTS_KEPT];
};
static struct table_cache caches[CPU_MAXIMUM]; // only their processor touches them

static struct table_cache *cache_current(void) {
    return &caches[cpu_current()->id];
}

static struct frame *table_alloc(void) {
    struct table_cache *cache = cache_current();
    return likely(cache->table_count) ? cache->tables[--cache->table_count] : frame_alloc_zeroed();
}

static void table_free(struct frame *frame) {
    struct table_cache *cache = cache_current();
    if (likely(cache->table_count < TABLES_KEPT))
        cache->tables[cache->table_count++] = frame;
    else
        frame_put(frame);
}

size_t page_table_drain(void) {
    struct table_cache *cache = cache_current();
    size_t count = cache->table_count + cache->root_count;
    while (cache->table_count)
        frame_put(cache->tables[--cache->table_count]);
    while (cache->root_count)
        frame_put(cache->roots[--cache->root_count]);
    return count;
}

static struct frame *root_alloc(void) {
    struct table_cache *cache = cache_current();
    if (likely(cache->root_count)) return cache->roots[--cache->root_count];
    struct frame *frame = frame_alloc(0);
    if (!frame) return nullptr;
    uint64_t *root = frame_pointer(frame);
    memset(root, 0, PAGE_SIZE / 2);
#ifdef __aarch64__ // the kernel's half has a root of its own
    memset(root + USER_ENTRIES, 0, PAGE_SIZE / 2);
#else
    memcpy(root + USER_ENTRIES, (uint64_t *)physical_pointer(kernel_page_table.root) + USER_ENTRIES, PAGE_SIZE / 2);
#endif
    return frame;
}

int32_t page_table_init(struct page_table *table) {
    struct frame *frame = root_alloc();
    if (!frame) return -ENOMEM;
    list_init(&frame->link);
    table->root = frame_physical(frame);
    return 0;
}

void page_table_destroy(struct page_table *table) {
    struct frame *root = frame_of(table->root);
    struct list *ring = &root->link;
    for (struct list *at = ring->next; at != ring; at = at->next)
        *(uint64_t *)list_entry(at, struct frame, link)->owner = 0;
    for (struct list *at = ring->next, *next; at != ring; at = next) {
        next = at->next;
        table_free(list_entry(at, struct frame, link));
    }
    struct table_cache *cache = cache_current();
    if (likely(cache->root_count < ROOTS_KEPT))
        cache->roots[cache->root_count++] = root;
    else
        frame_put(root);
    table->root = 0;
}

// An empty table in *entry.
static uint64_t *table_create(struct page_table *table, uint64_t *entry) {
    struct frame *frame = table_alloc();
    if (!frame) return nullptr;
    struct frame *root = frame_of(table->root);
    frame->owner = entry;
    // The kernel's root is part of the image: its tables are never freed.
    if (root && root->link.next)
        list_push_back(&root->link, &frame->link);
    else
        list_init(&frame->link);
    *(volatile uint64_t *)entry = entry_table(frame_physical(frame));
    return frame_pointer(frame);
}

// The entry of address in the table of `level`; nullptr: a table is missing (create: no memory), or a large leaf is
// above.
static uint64_t *descend(struct page_table *table, virtual_address address, unsigned level, bool create) {
    uint64_t *entries = physical_pointer(table->root);
    for (unsigned at = PAGE_TABLE_TOP; at > level; at--) {
        uint64_t *entry = &entries[page_table_index(address, at)];
        if (likely(*entry)) {
            if (unlikely(entry_is_leaf(*entry, at))) return nullptr;
            entries = table_at(*entry);
        } else {
            if (!create) return nullptr;
            entries = table_create(table, entry);
            if (!entries) return nullptr;
        }
    }
    return &entries[page_table_index(address, level)];
}

uint64_t *page_table_entry(const struct page_table *table, virtual_address address) {
    uint64_t entry = ((uint64_t *)physical_pointer(table->root))[page_table_index(address, 3)];
    if (unlikely(!entry)) return nullptr;
    entry = table_at(entry)[page_table_index(address, 2)];
    if (unlikely(!entry || entry_is_leaf(entry, 2))) return nullptr;
    entry = table_at(entry)[page_table_index(address, 1)];
    if (unlikely(!entry || entry_is_leaf(entry, 1))) return nullptr;
    return &table_at(entry)[page_table_index(address, 0)];
}

// Replaces a 2 MiB leaf by a table of 512 leaves of the same flags.
static bool split_large(struct page_table *table, virtual_address address) {
    uint64_t *entry = descend(table, address, 1, false);
    if (!entry || !*entry || !entry_is_leaf(*entry, 1)) return false;
    uint64_t old = *entry, scratch = 0;
    uint64_t *leaves = table_create(table, &scratch);
    if (!leaves) return false;
    for (unsigned i = 0; i < PAGE_TABLE_ENTRIES; i++)
        leaves[i] = entry_encode(entry_physical(old) + i * PAGE_SIZE, entry_flags(old), false);
    frame_of(entry_physical(scratch))->owner = entry;
    *entry = scratch;
    return true;
}

uint64_t *page_table_entry_create(struct page_table *table, virtual_address address) {
    uint64_t *entry = page_table_entry(table, address);
    if (likely(entry)) return entry;
    entry = descend(table, address, 0, true);
    if (!entry && split_large(table, address)) entry = descend(table, address, 0, true);
    return entry;
}

int32_t page_table_reserve(struct page_table *table, virtual_address address) {
    return descend(table, address, PAGE_TABLE_TOP - 1, true) ? 0 : -ENOMEM;
}

int32_t page_table_map(struct page_table *table, virtual_address address, physical_address physical, uint32_t flags) {
    uint64_t *entry = page_table_entry_create(table, address);
    if (!entry) return -ENOMEM;
    *entry = entry_encode(physical, flags, false);
    return 0;
}

int32_t page_table_map_large(struct page_table *table, virtual_address address, physical_address physical,
                             uint32_t flags) {
    uint64_t *entry = descend(table, address, 1, true);
    if (!entry) return -ENOMEM;
    if (*entry && !entry_is_leaf(*entry, 1)) {
        // Its leaves must have been cleared. The table stays in the ring until the whole is destroyed.
        memset(table_at(*entry), 0, PAGE_SIZE);
    }
    *entry = entry_encode(physical, flags, true);
    return 0;
}

// The leaf entry of address at whatever level.
static uint64_t *find_leaf(const struct page_table *table, virtual_address address, unsigned *level) {
    uint64_t *entries = physical_pointer(table->root);
    for (unsigned at = PAGE_TABLE_TOP;; at--) {
        uint64_t *entry = &entries[page_table_index(address, at)];
        if (!*entry) return nullptr;
        if (entry_is_leaf(*entry, at)) {
            *level = at;
            return entry;
        }
        entries = table_at(*entry);
    }
}

struct page_leaf page_entry_decode(uint64_t entry, bool large) {
    uint64_t plain = entry;
#if defined(__x86_64__) || defined(HOSTED_TEST)
    if (large) plain &= ~(uint64_t)ENTRY_LARGE;
#endif
    return (struct page_leaf){.physical = entry_physical(entry), .flags = entry_flags(plain), .large = large};
}

uint64_t page_entry_encode(physical_address physical, uint32_t flags, bool large) {
    return entry_encode(physical, flags, large);
}

struct page_leaf page_table_lookup(const struct page_table *table, virtual_address address) {
    unsigned level;
    uint64_t *entry = find_leaf(table, address, &level);
    if (!entry) return (struct page_leaf){};
    struct page_leaf leaf = page_entry_decode(*entry, level != 0);
    if (level == 1) leaf.physical += address & (LARGE_PAGE_SIZE - 1) & ~PAGE_MASK;
    return leaf;
}

struct page_leaf page_table_unmap(struct page_table *table, virtual_address address) {
    unsigned level;
    uint64_t *entry = find_leaf(table, address, &level);
    if (!entry) return (struct page_leaf){};
    struct page_leaf leaf = page_entry_decode(__atomic_exchange_n(entry, 0, __ATOMIC_ACQ_REL), level != 0);
    return leaf;
}

void page_table_protect(struct page_table *table, virtual_address address, uint32_t flags) {
    unsigned level;
    uint64_t *entry = find_leaf(table, address, &level);
    if (!entry) return;
    uint64_t old = *entry;
    uint64_t changed;
    do {
        uint32_t kept = entry_flags(old) & (PAGE_DIRTY | PAGE_ACCESSED);
        changed = entry_encode(entry_physical(old), flags | kept, level != 0);
    } while (!__atomic_compare_exchange_n(entry, &old, changed, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

bool page_table_clear_dirty(struct page_table *table, virtual_address address) {
    unsigned level;
    uint64_t *entry = find_leaf(table, address, &level);
    if (!entry || !entry_dirty(*entry)) return false;
    uint64_t old = *entry;
    while (!__atomic_compare_exchange_n(entry, &old, entry_without_dirty(old), false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
    }
    return true;
}

bool page_table_next_span(const struct page_table *table, virtual_address *at, virtual_address end,
                          struct page_span *span) {
    while (*at < end) {
        virtual_address start = *at;
        uint64_t *entries = physical_pointer(table->root);
        for (unsigned level = PAGE_TABLE_TOP;; level--) {
            uint64_t *entry = &entries[page_table_index(start, level)];
            if (level == 0) {
                virtual_address next = min(end, align_down(start, LARGE_PAGE_SIZE) + LARGE_PAGE_SIZE);
                *span = (struct page_span){entry, start, (unsigned)((next - start) >> PAGE_SHIFT), false};
                *at = next;
                return true;
            }
            size_t size = PAGE_SIZE << (PAGE_TABLE_SHIFT * level);
            if (!*entry) {
                *at = align_down(start, size) + size;
                if (!*at) return false; // the top of the address space
                break;
            }
            if (unlikely(entry_is_leaf(*entry, level))) {
                *span = (struct page_span){entry, align_down(start, size), 1, true};
                *at = align_down(start, size) + size;
                return true;
            }
            entries = table_at(*entry);
        }
    }
    return false;
}

static bool table_empty(const uint64_t *entries) {
    for (unsigned i = 0; i < PAGE_TABLE_ENTRIES; i += 4) {
        if (entries[i] | entries[i + 1] | entries[i + 2] | entries[i + 3]) return false;
    }
    return true;
}

void page_table_trim(struct page_table *table, virtual_address start, virtual_address end, struct list *freed) {
    for (virtual_address at = align_down(start, LARGE_PAGE_SIZE); at < end; at += LARGE_PAGE_SIZE) {
        uint64_t *entry = descend(table, at, 1, false);
        if (!entry) {
            at = align_down(at, LARGE_PAGE_SIZE << PAGE_TABLE_SHIFT) + (LARGE_PAGE_SIZE << PAGE_TABLE_SHIFT) -
                 LARGE_PAGE_SIZE;
            continue;
        }
        if (!*entry || entry_is_leaf(*entry, 1) || !table_empty(table_at(*entry))) continue;
        struct frame *frame = frame_of(entry_physical(*entry));
        *entry = 0;
        list_remove(&frame->link);
        list_push_back(freed, &frame->link);
    }
}

void page_table_free_list(struct list *freed) {
    while (!list_empty(freed)) {
        struct frame *frame = list_entry(freed->next, struct frame, link);
        list_remove(&frame->link);
        table_free(frame);
    }
}
