// Frames by page index: a tree of 64 slots a node. A root of one page needs no node.
#pragma once

#include <stdint.h>

struct frame;

// nullptr is the empty tree.
struct frame *radix_find(void *root, uint64_t index);
// The first frame at or behind *index, which gets its place; nullptr: none.
struct frame *radix_next(void *root, uint64_t *index);
// The place must be empty. -ENOMEM.
[[nodiscard]] int32_t radix_insert(void **root, uint64_t index, struct frame *frame);
// Returns what was there. Frees nodes that became empty.
struct frame *radix_remove(void **root, uint64_t index);
