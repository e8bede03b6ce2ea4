// Physical frames: one struct frame for each, a buddy allocator with per-processor caches of single frames.
#pragma once

#include "lib/list.h"
#include "lib/types.h"
#include "src/arch/arch.h"

struct memory_object;
struct anonymous_family;

enum frame_flags : uint16_t {
    FRAME_RESERVED = 1, // not memory, or never given out (kernel image, initrd)
    FRAME_FREE = 2,     // head of a free block of `order`
    FRAME_DIRTY = 4,
    FRAME_WRITEBACK = 8,
    FRAME_LOCKED = 16, // being filled; wait on the object
    FRAME_REFERENCED = 32,
    FRAME_CACHE = 64, // belongs to a memory_object's page cache at `index`
    FRAME_ANONYMOUS = 128,
    FRAME_SLAB = 256,
    FRAME_FOREIGN = 512,      // lies in the initrd: never freed to the allocator
    FRAME_RECLAIMABLE = 1024, // in the list of pages that can be had again
};

// At most 64 bytes. Letters: (a) the allocator's lock, (o) the owner object's or address space's lock, (A) atomic.
struct frame {
    uint32_t references; // (A) 0: free. Page tables, the page cache and pins each hold one
    uint32_t map_count;  // (A) page-table entries that point here
    uint16_t flags;      // (o)
    uint8_t order;       // (a) of the block it heads
    uint8_t pad;
    uint32_t pin_count; // (A) users of the physical address besides page tables
    union {
        struct memory_object *object; // (o) FRAME_CACHE: the object
        void *owner;                  // FRAME_SLAB: the slab's head; FRAME_ANONYMOUS: the family of address spaces
    };
    uint64_t index;   // (o) page index in the object, or virtual page number for anonymous pages
    struct list link; // (a) free list; LRU list of cached and anonymous frames
};
static_assert(sizeof(struct frame) <= 64);

extern struct frame *frame_table; // indexed by frame number
extern uint64_t frame_count;      // frames in the table
extern uint64_t frame_total;      // usable ones, in frames

// Called once with the boot memory map. base/size ranges must not overlap; reserved ones are cut out.
// Takes memory for the table itself from the largest usable range. map_physical: address of a physical address in the
// caller's address space is physical + offset (DIRECT_MAP_BASE in the kernel; hosted tests pass a malloc'd arena).
struct memory_range;
void frame_init(const struct memory_range *ranges, unsigned count, const struct memory_range *reserved,
                unsigned reserved_count);

// A block of 2^order frames with references = 1 (of its head), contents undefined; nullptr: no memory.
// Takes the allocator's lock. Never sleeps; reclaim is the caller's business (memory_reclaim).
[[nodiscard]] struct frame *frame_alloc(unsigned order);
// The same, zeroed.
[[nodiscard]] struct frame *frame_alloc_zeroed(void);
// Drops a reference; the last one frees the block.
void frame_put(struct frame *frame);
uint64_t frame_free_count(void);
// Whether less than a 64th of memory (at most 16 MiB) is free: time to reclaim before an allocation that can't fails.
bool frame_scarce(void);
// Gives the frames of a range back that was reserved at boot (an initrd that was unpacked).
void frame_release_range(physical_address start, uint64_t size);

static inline void frame_get(struct frame *frame) {
    __atomic_fetch_add(&frame->references, 1, __ATOMIC_RELAXED);
}

static inline physical_address frame_physical(const struct frame *frame) {
    return (physical_address)(frame - frame_table) << PAGE_SHIFT;
}

// nullptr when the address is beyond the table.
static inline struct frame *frame_of(physical_address address) {
    return (address >> PAGE_SHIFT) < frame_count ? &frame_table[address >> PAGE_SHIFT] : nullptr;
}

// The kernel's address of physical memory.
static inline void *physical_pointer(physical_address address) {
    return (void *)(DIRECT_MAP_BASE + address);
}
// Of an address in the direct map.
static inline physical_address physical_of(const void *pointer) {
    return (virtual_address)pointer - DIRECT_MAP_BASE;
}
static inline void *frame_pointer(const struct frame *frame) {
    return physical_pointer(frame_physical(frame));
}

// Test hook: make the n-th allocation from now fail, and every one after it for `count` times. 0: off.
void frame_fail_after(uint64_t n, uint64_t count);
