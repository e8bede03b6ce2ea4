// Inside src/memory: grants and the page-table work below them.
#pragma once

#include "lib/atomic.h"
#include "rmm/frame.h"
#include "rmm/page_entry.h"
#include "src/context/cpu.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/memory_object.h"

// Address spaces that may share anonymous frames: a process and what it forked. A frame's owner; with the frame's index
// (the virtual page number) it leads to every page table that may hold the frame.
struct anonymous_family {
    struct refcount references;
    struct spinlock lock; // RANK_PAGE_TABLE: guards spaces
    struct list spaces;
};

constexpr size_t STACK_GUARD_GAP = 256 * PAGE_SIZE;
constexpr virtual_address MAP_MINIMUM = 65536;

extern struct frame *zero_frame; // mapped read-only where private memory was only read; not counted

static inline struct grant *grant_of(const struct tree_node *node) {
    return node ? tree_entry(node, struct grant, node) : nullptr;
}
static inline struct grant *grant_next(const struct grant *grant) {
    return grant_of(tree_next(&grant->node));
}
static inline struct grant *grant_previous(const struct grant *grant) {
    return grant_of(tree_previous(&grant->node));
}
static inline bool grant_contains(const struct grant *grant, virtual_address address) {
    return address >= grant->start && address < grant->end;
}
static inline uint64_t grant_index(const struct grant *grant, virtual_address address) {
    return (grant->offset + (address - grant->start)) >> PAGE_SHIFT;
}

// ---- grants (grant.c). Caller holds the space's lock for writing.

uint64_t grant_leaf(uint32_t protection);
// nullptr: no memory, or too many grants.
struct grant *grant_create(struct address_space *space, const struct grant *model);
void grant_insert(struct address_space *space, struct grant *grant);
// Takes it out of the tree and the object's list and puts it on dead (by object_link).
void grant_remove(struct address_space *space, struct grant *grant, struct list *dead);
// For taking a whole space down: off the object's list; what it refers to and itself.
void grant_detach(struct grant *grant);
void grant_free(struct grant *grant);
// Drops what dead grants refer to. Without the space's lock; may sleep.
void grants_free(struct list *dead);
// Cuts a grant in two; the upper half is new. nullptr: no memory.
struct grant *grant_split(struct address_space *space, struct grant *grant, virtual_address at);
void grant_resize(struct grant *grant, virtual_address start, virtual_address end);
void grant_set_protection(struct grant *grant, uint32_t protection);
// Joins a grant with equal neighbours; returns the grant that holds it now.
struct grant *grant_merge(struct address_space *space, struct grant *grant, struct list *dead);
// The highest place below map_base, or the hint. 0: none.
virtual_address grant_find_gap(struct address_space *space, virtual_address hint, size_t length);
bool grant_range_free(struct address_space *space, virtual_address start, virtual_address end);
// Unmaps [start, end), splitting at its ends. -ENOMEM (then nothing changed).
[[nodiscard]] int32_t grants_unmap(struct address_space *space, virtual_address start, virtual_address end,
                                   struct list *dead);

// ---- shared by map.c, remap.c and advise.c. Caller holds the space's lock for writing.

// -ENOMEM when `add` more bytes like model are too many; `replaced` of them take the place of mapped ones.
[[nodiscard]] int32_t space_check_limits(struct address_space *space, size_t add, size_t replaced,
                                         const struct grant *model, bool reserve);
// Bytes of [start, end) that are mapped.
uint64_t space_mapped_in(struct address_space *space, virtual_address start, virtual_address end);
// Puts a grant like model, whose range is free, in; a neighbour of its kind grows instead. -ENOMEM.
[[nodiscard]] int32_t space_add_grant(struct address_space *space, const struct grant *model, struct list *dead);
// Calls change for each grant of [start, end), cut to the range; joins the results. The first error of change ends it;
// -ENOMEM in the end when something of the range is not mapped.
[[nodiscard]] int32_t space_for_each(struct address_space *space, virtual_address start, virtual_address end,
                                     int32_t (*change)(struct address_space *space, struct grant *grant, void *data),
                                     void *data, struct list *dead);

// ---- page tables (zap.c)

// Frames taken out of page tables, dropped after the flush.
enum : unsigned { ZAP_BATCH = 128 };
struct zap {
    struct address_space *space;
    virtual_address start, end; // what must be flushed
    unsigned count;
    unsigned resident; // leaves that counted
    bool keep_private; // leave anonymous frames alone
    struct frame *frames[ZAP_BATCH];
};
// Clears all leaves in [start, end), flushes and drops the frames. Caller holds the space's lock for writing.
void space_zap(struct address_space *space, virtual_address start, virtual_address end);
// Clears the leaves of pages [first, end) of an object in all its mappings. anonymous: private copies too.
// Caller holds the object's lock.
void mappings_zap(struct memory_object *object, uint64_t first, uint64_t end, bool anonymous);
// Changes leaves in [start, end) to what grant allows now, and flushes.
void space_protect(struct address_space *space, const struct grant *grant, virtual_address start, virtual_address end);
// Moves leaves to new_start. -ENOMEM before anything moved.
[[nodiscard]] int32_t space_move(struct address_space *space, virtual_address start, virtual_address end,
                                 virtual_address new_start);
// One page; caller may hold page_lock.
void tlb_flush_one(struct address_space *space, virtual_address address);

static inline void space_count_resident(struct address_space *space, uint64_t pages) {
    uint64_t now = atomic_fetch_add_relaxed(&space->resident_pages, pages) + pages;
    if (now > atomic_load_relaxed(&space->maximum_resident_pages))
        atomic_store_relaxed(&space->maximum_resident_pages, now);
}

// A leaf was made that points to frame (not for zero_frame).
static inline void frame_map(struct frame *frame) {
    atomic_fetch_add_relaxed(&frame->map_count, 1);
}
// A leaf went away: the reference still has to be dropped.
static inline void frame_unmap(struct frame *frame) {
    atomic_fetch_sub_release(&frame->map_count, 1);
}
