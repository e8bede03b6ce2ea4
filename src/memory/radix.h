// Frames by page index: a tree of 64 slots a node. A root of one page needs no node.
#pragma once

#include <stdint.h>

struct frame;

// The low bits of a root hold its height: 0 is the frame of index 0 itself, n a node over 64^n indices.
enum : unsigned { RADIX_SHIFT = 6, RADIX_SLOTS = 1 << RADIX_SHIFT, RADIX_HEIGHT_MASK = 15 };

struct radix_node {
    void *slots[RADIX_SLOTS];
    uint32_t count;
};

// nullptr is the empty tree.
static inline struct frame *radix_find(void *root, uint64_t index) {
    unsigned shift = ((uintptr_t)root & RADIX_HEIGHT_MASK) * RADIX_SHIFT;
    void *at = (void *)((uintptr_t)root & ~(uintptr_t)RADIX_HEIGHT_MASK);
    if (shift < 64 && index >> shift) return nullptr;
    while (shift && at) {
        shift -= RADIX_SHIFT;
        at = ((struct radix_node *)at)->slots[(index >> shift) % RADIX_SLOTS];
    }
    return at;
}
// The first frame at or behind *index, which gets its place; nullptr: none.
struct frame *radix_next(void *root, uint64_t *index);
// The place must be empty. -ENOMEM.
[[nodiscard]] int32_t radix_insert(void **root, uint64_t index, struct frame *frame);
// Returns what was there. Frees nodes that became empty.
struct frame *radix_remove(void **root, uint64_t index);
