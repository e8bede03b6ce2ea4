// Slabs: a block of frames cut into equal objects. Each processor keeps a list of free objects per cache, so the usual
// alloc and free touch no lock; lists are filled from and emptied to the slabs in batches.
#include "src/memory/heap.h"

#include <stdckdint.h>

#include "lib/atomic.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/context/cpu.h"
#include "src/context/lock.h"
#include "src/kernel.h"
#include "src/memory/kernel_map.h"

enum : unsigned {
    CACHE_MAXIMUM = 128,
    CLASS_COUNT = 8, // 16 … 2048 bytes: the first caches
    SMALLEST_SHIFT = 4,
    SLAB_ORDER_MAXIMUM = 3,
    EMPTY_SLABS_KEPT = 2,
    BLOCK_ORDER_MAXIMUM = 10,
};
constexpr size_t SMALL_MAXIMUM = 2048;
constexpr size_t BLOCK_MAXIMUM = PAGE_SIZE << BLOCK_ORDER_MAXIMUM;

// A free object begins with this.
struct free_object {
    struct free_object *next;
};

struct cache {
    struct spinlock lock;  // guards the slabs
    uint32_t id;           // index of the magazines
    uint32_t batch, limit; // objects moved at once; most a magazine keeps
    size_t object_size;    // with debug extras
    size_t size;           // as asked
    unsigned order;        // of a slab
    uint32_t per_slab;
    struct list partial; // slabs with free objects, by frame->link; full ones are in no list
    uint32_t empty_count;
    uint64_t slab_count;
    const char *name;
};

// A slab's state lies in the head frame: owner the cache, index the list of free objects, map_count those in use.
struct magazine {
    struct free_object *first;
    uint32_t count;
};

static struct cache caches[CACHE_MAXIMUM];
static uint32_t cache_count;
static struct spinlock registry_lock = SPINLOCK_INIT(RANK_HEAP - 1); // guards cache_count and slab_cache.state
static struct magazine magazines[CPU_MAXIMUM][CACHE_MAXIMUM];        // only their processor touches them
static uint64_t block_frames;                                        // (A) in blocks above SMALL_MAXIMUM

#ifdef KERNEL_DEBUG
// Behind each object: its red zone, whose last word holds the size asked for (or DEAD when free).
constexpr size_t RED_ZONE = 16;
constexpr uint8_t POISON_FREE = 0x6b, POISON_ZONE = 0xcc;
constexpr uint64_t DEAD = 0xdeadf4eedeadf4ee;

static uint64_t *debug_tail(const struct cache *cache, void *object) {
    return (uint64_t *)((char *)object + cache->object_size) - 1;
}

static void debug_on_alloc(const struct cache *cache, void *object, size_t size) {
    const uint8_t *bytes = object;
    kernel_assert(*debug_tail(cache, object) == DEAD);
    for (size_t i = sizeof(struct free_object); i < cache->object_size - 8; i++) {
        if (bytes[i] != POISON_FREE)
            panic("heap: %s at %p was written after it was freed (offset %zu)", cache->name, object, i);
    }
    memset((char *)object + size, POISON_ZONE, cache->object_size - 8 - size);
    *debug_tail(cache, object) = size;
}

static void debug_on_free(const struct cache *cache, void *object) {
    uint64_t size = *debug_tail(cache, object);
    if (size == DEAD) panic("heap: %s at %p freed twice", cache->name, object);
    if (size > cache->object_size - RED_ZONE)
        panic("heap: the red zone of %s at %p was overwritten", cache->name, object);
    for (size_t i = size; i < cache->object_size - 8; i++) {
        if (((uint8_t *)object)[i] != POISON_ZONE)
            panic("heap: the red zone of %s at %p was overwritten (size %zu, offset %zu)", cache->name, object,
                  (size_t)size, i);
    }
    memset(object, POISON_FREE, cache->object_size - 8);
    *debug_tail(cache, object) = DEAD;
}

static void debug_on_carve(const struct cache *cache, void *object) {
    memset(object, POISON_FREE, cache->object_size - 8);
    *debug_tail(cache, object) = DEAD;
}
#else
constexpr size_t RED_ZONE = 0;
static inline void debug_on_alloc(const struct cache *, void *, size_t) {
}
static inline void debug_on_free(const struct cache *, void *) {
}
static inline void debug_on_carve(const struct cache *, void *) {
}
#endif

static void cache_init(struct cache *cache, const char *name, size_t size, size_t alignment) {
    *cache = (struct cache){.name = name, .size = size, .id = (uint32_t)(cache - caches)};
    spinlock_init(&cache->lock, RANK_HEAP);
    list_init(&cache->partial);
    cache->object_size = align_up(max(size + RED_ZONE, sizeof(struct free_object)), max(alignment, (size_t)8));
    // The smallest slab that wastes at most an eighth.
    while (cache->order < SLAB_ORDER_MAXIMUM) {
        size_t bytes = PAGE_SIZE << cache->order;
        if (bytes >= cache->object_size && bytes % cache->object_size <= bytes / 8) break;
        cache->order++;
    }
    cache->per_slab = (uint32_t)((PAGE_SIZE << cache->order) / cache->object_size);
    kernel_assert(cache->per_slab != 0);
    cache->batch = cache->object_size <= 256 ? 16 : cache->object_size <= 1024 ? 8 : 4;
    cache->limit = cache->batch * 2;
}

static void *slab_base(struct frame *head) {
    return frame_pointer(head);
}

static struct frame *slab_head(const struct cache *cache, const void *object) {
    return frame_of(align_down(physical_of(object), PAGE_SIZE << cache->order));
}

// Caller holds the cache's lock. A slab of free objects only, in the partial list.
static bool slab_add(struct cache *cache) {
    struct frame *head = frame_alloc(cache->order);
    if (!head) return false;
    char *base = slab_base(head);
    struct free_object *first = nullptr;
    for (uint32_t i = cache->per_slab; i-- > 0;) {
        struct free_object *object = (struct free_object *)(base + i * cache->object_size);
        debug_on_carve(cache, object);
        object->next = first;
        first = object;
    }
    for (unsigned i = 0; i < 1U << cache->order; i++) {
        head[i].flags = FRAME_SLAB;
        head[i].owner = cache;
    }
    head->index = (uint64_t)first;
    head->map_count = 0;
    list_push_front(&cache->partial, &head->link);
    cache->slab_count++;
    cache->empty_count++;
    return true;
}

// Caller holds the cache's lock. Gives a slab back that has no object in use.
static void slab_remove(struct cache *cache, struct frame *head) {
    list_remove(&head->link);
    for (unsigned i = 0; i < 1U << cache->order; i++)
        head[i].flags = 0;
    cache->slab_count--;
    cache->empty_count--;
    frame_put(head);
}

[[gnu::noinline]] static bool magazine_fill(struct cache *cache, struct magazine *magazine) {
    spin_lock(&cache->lock);
    while (magazine->count < cache->batch) {
        if (list_empty(&cache->partial) && (magazine->count || !slab_add(cache))) break;
        struct frame *head = list_entry(cache->partial.next, struct frame, link);
        struct free_object *object = (struct free_object *)head->index;
        if (!head->map_count) cache->empty_count--;
        while (object && magazine->count < cache->batch) {
            struct free_object *next = object->next;
            object->next = magazine->first;
            magazine->first = object;
            magazine->count++;
            head->map_count++;
            object = next;
        }
        head->index = (uint64_t)object;
        if (!object) list_remove(&head->link);
    }
    spin_unlock(&cache->lock);
    return magazine->count != 0;
}

[[gnu::noinline]] static void magazine_drain(struct cache *cache, struct magazine *magazine, uint32_t keep) {
    spin_lock(&cache->lock);
    while (magazine->count > keep) {
        struct free_object *object = magazine->first;
        magazine->first = object->next;
        magazine->count--;
        struct frame *head = slab_head(cache, object);
        if (!head->index) list_push_front(&cache->partial, &head->link);
        object->next = (struct free_object *)head->index;
        head->index = (uint64_t)object;
        if (--head->map_count == 0) {
            cache->empty_count++;
            if (cache->empty_count > EMPTY_SLABS_KEPT) slab_remove(cache, head);
        }
    }
    spin_unlock(&cache->lock);
}

static inline void *cache_take(struct cache *cache, size_t size) {
    struct magazine *magazine = &magazines[cpu_current()->id][cache->id];
    if (unlikely(!magazine->first) && !magazine_fill(cache, magazine)) return nullptr;
    struct free_object *object = magazine->first;
    magazine->first = object->next;
    magazine->count--;
    debug_on_alloc(cache, object, size);
    return object;
}

static inline void cache_give(struct cache *cache, void *pointer) {
    struct magazine *magazine = &magazines[cpu_current()->id][cache->id];
    struct free_object *object = pointer;
    debug_on_free(cache, pointer);
    object->next = magazine->first;
    magazine->first = object;
    if (unlikely(++magazine->count > cache->limit)) magazine_drain(cache, magazine, cache->batch);
}

// The order of the class that holds size bytes, from 0 (16 bytes).
static inline unsigned class_of(size_t size) {
    return size <= 16 ? 0 : (unsigned)(64 - __builtin_clzl(size - 1)) - SMALLEST_SHIFT;
}

static inline unsigned order_of(size_t size) {
    return size <= PAGE_SIZE ? 0 : (unsigned)(64 - __builtin_clzl(size - 1)) - PAGE_SHIFT;
}

[[gnu::noinline]] static void *block_alloc(size_t size) {
    if (size > BLOCK_MAXIMUM) return nullptr;
    struct frame *frame = frame_alloc(order_of(size));
    if (!frame) return nullptr;
    atomic_fetch_add_relaxed(&block_frames, 1UL << frame->order);
    return frame_pointer(frame);
}

void *heap_alloc(size_t size) {
    if (unlikely(size > SMALL_MAXIMUM - RED_ZONE)) return block_alloc(size);
    return cache_take(&caches[class_of(size + RED_ZONE)], size);
}

void *heap_alloc_zeroed(size_t size) {
    void *pointer = heap_alloc(size);
    return pointer ? memset(pointer, 0, size) : nullptr;
}

// Objects of a power-of-two class are aligned to their size.
void *heap_alloc_aligned(size_t size, size_t alignment) {
    debug_assert(alignment <= PAGE_SIZE);
    return heap_alloc(max(size, alignment));
}

static size_t usable_size(const void *pointer) {
    const struct frame *frame = frame_of(physical_of(pointer));
    if (frame->flags & FRAME_SLAB) return ((const struct cache *)frame->owner)->object_size - RED_ZONE;
    return PAGE_SIZE << frame->order;
}

#ifdef KERNEL_DEBUG
static bool resize_in_place(void *, size_t) {
    return false; // every new size gets a fresh red zone
}
#else
static bool resize_in_place(void *pointer, size_t size) {
    size_t usable = usable_size(pointer);
    return size <= usable && size > usable / 4;
}
#endif

void *heap_resize(void *pointer, size_t size) {
    if (!pointer) return heap_alloc(size);
    if (resize_in_place(pointer, size)) return pointer;
    void *larger = heap_alloc(size);
    if (!larger) return nullptr;
    memcpy(larger, pointer, min(size, usable_size(pointer)));
    heap_free(pointer);
    return larger;
}

void heap_free(void *pointer) {
    if (unlikely(!pointer)) return;
    struct frame *frame = frame_of(physical_of(pointer));
    debug_assert(frame);
    if (likely(frame->flags & FRAME_SLAB)) {
        cache_give(frame->owner, pointer);
        return;
    }
    kernel_assert(!((uintptr_t)pointer & PAGE_MASK) && frame->references == 1);
    atomic_fetch_sub_relaxed(&block_frames, 1UL << frame->order);
    frame_put(frame);
}

char *heap_copy_string(const char *text, size_t length) {
    char *copy = heap_alloc(length + 1);
    if (!copy) return nullptr;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

[[gnu::noinline]] static struct cache *cache_register(struct slab_cache *named) {
    spin_lock(&registry_lock);
    struct cache *cache = named->state;
    if (!cache) {
        if (cache_count == CACHE_MAXIMUM) panic("heap: more than %u caches", CACHE_MAXIMUM);
        cache = &caches[cache_count];
        cache_init(cache, named->name, named->size, named->alignment);
        cache_count++;
        atomic_store_release(&named->state, cache);
    }
    spin_unlock(&registry_lock);
    return cache;
}

void *slab_alloc(struct slab_cache *named) {
    struct cache *cache = atomic_load_acquire(&named->state);
    if (unlikely(!cache)) cache = cache_register(named);
    return cache_take(cache, named->size);
}

void *slab_alloc_zeroed(struct slab_cache *named) {
    void *object = slab_alloc(named);
    return object ? memset(object, 0, named->size) : nullptr;
}

void slab_free(struct slab_cache *named, void *object) {
    debug_assert(frame_of(physical_of(object))->owner == named->state);
    cache_give(named->state, object);
}

size_t heap_used(void) {
    uint64_t frames = atomic_load_relaxed(&block_frames);
    for (uint32_t i = 0; i < cache_count; i++)
        frames += caches[i].slab_count << caches[i].order;
    return frames << PAGE_SHIFT;
}

void heap_init(void) {
    static const char *const names[CLASS_COUNT] = {"heap-16",  "heap-32",  "heap-64",   "heap-128",
                                                   "heap-256", "heap-512", "heap-1024", "heap-2048"};
    memset(magazines, 0, sizeof magazines);
    cache_count = CLASS_COUNT;
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        size_t size = 1UL << (i + SMALLEST_SHIFT);
        cache_init(&caches[i], names[i], size - RED_ZONE, size);
    }
    kernel_map_init();
}
