#include "src/memory/radix.h"

#include "lib/errno.h"
#include "lib/types.h"
#include "src/memory/heap.h"

enum : unsigned { SHIFT = RADIX_SHIFT, SLOTS = RADIX_SLOTS, HEIGHT_MASK = RADIX_HEIGHT_MASK, HEIGHT_MAXIMUM = 10 };

static struct slab_cache node_cache = {.name = "radix_node", .size = sizeof(struct radix_node), .alignment = 16};

static unsigned height_of(const void *root) {
    return (uintptr_t)root & HEIGHT_MASK;
}

static void *top_of(void *root) {
    return (void *)((uintptr_t)root & ~(uintptr_t)HEIGHT_MASK);
}

static bool covered(unsigned height, uint64_t index) {
    return height * SHIFT >= 64 || index >> (height * SHIFT) == 0;
}

static struct frame *next_below(void *at, unsigned height, uint64_t *index) {
    if (!at) return nullptr;
    if (!height) return at;
    struct radix_node *node = at;
    uint64_t span = 1ULL << ((height - 1) * SHIFT);
    for (unsigned slot = (*index >> ((height - 1) * SHIFT)) % SLOTS; slot < SLOTS; slot++) {
        uint64_t end = *index | (span - 1); // of this slot
        struct frame *found = next_below(node->slots[slot], height - 1, index);
        if (found) return found;
        *index = end + 1;
        if (!*index) return nullptr;
    }
    return nullptr;
}

struct frame *radix_next(void *root, uint64_t *index) {
    unsigned height = height_of(root);
    return covered(height, *index) ? next_below(top_of(root), height, index) : nullptr;
}

// Adds levels until index fits.
static int32_t grow(void **root, uint64_t index) {
    while (!covered(height_of(*root), index)) {
        unsigned height = height_of(*root) + 1;
        void *old = top_of(*root);
        if (!old) { // an empty tree grows for nothing
            while (!covered(height, index))
                height++;
            if (height > HEIGHT_MAXIMUM) return -ENOMEM;
        }
        struct radix_node *node = slab_alloc_zeroed(&node_cache);
        if (!node) return -ENOMEM;
        node->slots[0] = old;
        node->count = old != nullptr;
        *root = (void *)((uintptr_t)node | height);
    }
    return 0;
}

// Frees the nodes on the way to index that have no entry, from the bottom up.
static void prune(void **root, uint64_t index) {
    struct radix_node *path[HEIGHT_MAXIMUM + 1];
    unsigned height = height_of(*root), depth = 0;
    void *at = top_of(*root);
    for (unsigned level = height; level && at; level--) {
        path[depth++] = at;
        at = ((struct radix_node *)at)->slots[(index >> ((level - 1) * SHIFT)) % SLOTS];
    }
    while (depth-- && !path[depth]->count) {
        slab_free(&node_cache, path[depth]);
        if (!depth) {
            *root = nullptr;
            return;
        }
        unsigned level = height - depth; // of the freed node's parent's slots
        path[depth - 1]->slots[(index >> (level * SHIFT)) % SLOTS] = nullptr;
        path[depth - 1]->count--;
    }
}

int32_t radix_insert(void **root, uint64_t index, struct frame *frame) {
    int32_t error = grow(root, index);
    if (error) {
        prune(root, index);
        return error;
    }
    unsigned height = height_of(*root);
    if (!height) {
        *root = frame;
        return 0;
    }
    struct radix_node *node = top_of(*root);
    while (--height) {
        void **slot = &node->slots[(index >> (height * SHIFT)) % SLOTS];
        if (!*slot) {
            *slot = slab_alloc_zeroed(&node_cache);
            if (!*slot) {
                prune(root, index);
                return -ENOMEM;
            }
            node->count++;
        }
        node = *slot;
    }
    node->slots[index % SLOTS] = frame;
    node->count++;
    return 0;
}

struct frame *radix_remove(void **root, uint64_t index) {
    unsigned height = height_of(*root);
    if (!covered(height, index)) return nullptr;
    if (!height) {
        struct frame *frame = *root;
        *root = nullptr;
        return frame;
    }
    struct radix_node *node = top_of(*root);
    while (node && --height)
        node = node->slots[(index >> (height * SHIFT)) % SLOTS];
    struct frame *frame = node ? node->slots[index % SLOTS] : nullptr;
    if (!frame) return nullptr;
    node->slots[index % SLOTS] = nullptr;
    if (--node->count == 0) prune(root, index);
    return frame;
}
