// The kernel heap: slabs of power-of-two sizes and of named caches, whole frames above. All memory is from the direct
// map. Debug builds put red zones around blocks and poison freed ones.
#pragma once

#include <stddef.h>
#include <stdint.h>

// nullptr: no memory. 16-byte aligned. Never sleeps; takes the heap's locks. At most 4 MiB.
[[nodiscard, gnu::malloc]] void *heap_alloc(size_t size);
[[nodiscard, gnu::malloc]] void *heap_alloc_zeroed(size_t size);
[[nodiscard, gnu::malloc]] void *heap_alloc_aligned(size_t size, size_t alignment); // alignment a power of two <= 4096
// Keeps the contents up to the smaller size. On failure the old block stays. pointer may be nullptr.
[[nodiscard]] void *heap_resize(void *pointer, size_t size);
// nullptr is allowed.
void heap_free(void *pointer);
[[nodiscard]] char *heap_copy_string(const char *text, size_t length); // adds a NUL

// A cache of equal objects; statically initialised.
struct slab_cache {
    const char *name;
    size_t size;
    size_t alignment;
    void *state; // src/memory/heap.c
};
#define SLAB_CACHE(type) {.name = #type, .size = sizeof(type), .alignment = alignof(type)}
[[nodiscard]] void *slab_alloc(struct slab_cache *cache); // contents undefined
[[nodiscard]] void *slab_alloc_zeroed(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);

// Gives memory back after frame_alloc failed: drops clean page-cache pages. Returns frames freed. May sleep.
size_t memory_reclaim(size_t frames);
// Keeps a reserve free for the kernel's own allocations, which cannot reclaim: called before memory is taken for
// programs or for the page cache. May sleep.
void memory_reclaim_when_scarce(void);
// Bytes in the heap, for statistics.
size_t heap_used(void);

// A kernel stack: KERNEL_STACK_SIZE bytes with an unmapped guard page below; returns its lowest address. nullptr: no
// memory.
[[nodiscard]] void *kernel_stack_alloc(void);
void kernel_stack_free(void *stack);
// Maps device registers uncached into kernel space; nullptr: no memory. Never unmapped.
[[nodiscard]] volatile void *device_map(uint64_t physical, size_t size);

void heap_init(void);
