// The buddy allocator. Single frames go through a cache of each processor, which is refilled and emptied in batches.
#include "rmm/frame.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "rmm/page_operations.h"
#include "src/boot.h"
#include "src/context/cpu.h"
#include "src/context/lock.h"
#include "src/kernel.h"

enum : unsigned { ORDER_COUNT = 11, CACHE_CAPACITY = 64, CACHE_BATCH = 32 };

struct frame_cache {
    unsigned count;
    struct frame *frames[CACHE_CAPACITY];
};

struct frame *frame_table;
uint64_t frame_count;
uint64_t frame_total;

static struct spinlock lock = SPINLOCK_INIT(RANK_FRAME); // guards the free lists
static struct list free_lists[ORDER_COUNT];
static uint64_t buddy_free; // frames in the free lists
static uint64_t reserve;    // below so many, memory is scarce
constexpr uint64_t RESERVE_MAXIMUM = 4096;
static struct frame_cache caches[CPU_MAXIMUM];
static uint64_t fail_after, fail_count;

static void block_insert(struct frame *frame, unsigned order) {
    frame->flags = FRAME_FREE;
    frame->order = (uint8_t)order;
    list_push_front(&free_lists[order], &frame->link);
}

// Merges the block with its free buddies. Caller holds the lock.
static void block_free(struct frame *frame, unsigned order) {
    uint64_t number = (uint64_t)(frame - frame_table);
    buddy_free += 1UL << order;
    while (order < ORDER_COUNT - 1) {
        uint64_t buddy_number = number ^ (1UL << order);
        if (buddy_number + (1UL << order) > frame_count) break;
        struct frame *buddy = &frame_table[buddy_number];
        if (buddy->flags != FRAME_FREE || buddy->order != order) break;
        list_remove(&buddy->link);
        buddy->flags = 0;
        number &= ~(1UL << order);
        order++;
    }
    block_insert(&frame_table[number], order);
}

// Caller holds the lock.
static struct frame *block_take(unsigned order) {
    unsigned found = order;
    while (found < ORDER_COUNT && list_empty(&free_lists[found]))
        found++;
    if (found == ORDER_COUNT) return nullptr;
    struct frame *frame = list_entry(free_lists[found].next, struct frame, link);
    list_remove(&frame->link);
    while (found > order) {
        found--;
        block_insert(frame + (1UL << found), found);
    }
    frame->flags = 0;
    frame->order = (uint8_t)order;
    buddy_free -= 1UL << order;
    return frame;
}

static struct frame_cache *cache_current(void) {
    struct cpu *cpu = cpu_current();
    if (unlikely(!cpu->frame_cache)) cpu->frame_cache = &caches[cpu->id];
    return cpu->frame_cache;
}

[[gnu::noinline]] static bool cache_refill(struct frame_cache *cache) {
    spin_lock(&lock);
    while (cache->count < CACHE_BATCH) {
        struct frame *frame = block_take(0);
        if (!frame) break;
        cache->frames[cache->count++] = frame;
    }
    spin_unlock(&lock);
    return cache->count != 0;
}

[[gnu::noinline]] static void cache_drain(struct frame_cache *cache, unsigned keep) {
    spin_lock(&lock);
    while (cache->count > keep)
        block_free(cache->frames[--cache->count], 0);
    spin_unlock(&lock);
}

static bool injected_failure(void) {
    if (--fail_after) return false;
    fail_after = fail_count ? --fail_count != 0 : 0;
    return true;
}

void frame_fail_after(uint64_t n, uint64_t count) {
    fail_after = n;
    fail_count = count;
}

struct frame *frame_alloc(unsigned order) {
    struct frame *frame;
    if (unlikely(fail_after) && injected_failure()) return nullptr;
    if (likely(order == 0)) {
        struct frame_cache *cache = cache_current();
        if (unlikely(!cache->count) && !cache_refill(cache)) return nullptr;
        frame = cache->frames[--cache->count];
    } else {
        if (order >= ORDER_COUNT) return nullptr;
        spin_lock(&lock);
        frame = block_take(order);
        spin_unlock(&lock);
        if (unlikely(!frame)) {
            cache_drain(cache_current(), 0); // single frames may be what keeps a block from merging
            spin_lock(&lock);
            frame = block_take(order);
            spin_unlock(&lock);
            if (!frame) return nullptr;
        }
    }
    frame->map_count = 0;
    frame->flags = 0;
    frame->pin_count = 0;
    atomic_store_relaxed(&frame->references, 1);
    return frame;
}

struct frame *frame_alloc_zeroed(void) {
    struct frame *frame = frame_alloc(0);
    if (likely(frame)) page_clear(frame_pointer(frame));
    return frame;
}

void frame_put(struct frame *frame) {
    debug_assert(frame->references);
    if (atomic_fetch_sub_acq_rel(&frame->references, 1) != 1) return;
    debug_assert(!frame->pin_count);
    if (likely(frame->order == 0)) {
        struct frame_cache *cache = cache_current();
        frame->flags = 0;
        if (unlikely(cache->count == CACHE_CAPACITY)) cache_drain(cache, CACHE_BATCH);
        cache->frames[cache->count++] = frame;
        return;
    }
    spin_lock(&lock);
    block_free(frame, frame->order);
    spin_unlock(&lock);
}

bool frame_scarce(void) {
    return atomic_load_relaxed(&buddy_free) < reserve;
}

uint64_t frame_free_count(void) {
    uint64_t count = atomic_load_relaxed(&buddy_free);
    for (unsigned i = 0; i < CPU_MAXIMUM; i++)
        count += atomic_load_relaxed(&caches[i].count);
    return count;
}

// Gives [start, end) in frame numbers to the free lists in the largest aligned blocks.
static void release_frames(uint64_t start, uint64_t end) {
    while (start < end) {
        unsigned order = start ? (unsigned)__builtin_ctzl(start) : ORDER_COUNT - 1;
        order = min(order, (unsigned)ORDER_COUNT - 1);
        while (start + (1UL << order) > end)
            order--;
        for (uint64_t i = start; i < start + (1UL << order); i++) {
            frame_table[i].flags = 0;
            frame_table[i].references = 0;
        }
        block_free(&frame_table[start], order);
        start += 1UL << order;
    }
}

void frame_release_range(physical_address start, uint64_t size) {
    uint64_t first = (start + PAGE_MASK) >> PAGE_SHIFT, end = min((start + size) >> PAGE_SHIFT, frame_count);
    for (uint64_t i = first; i < end; i++) {
        struct frame *frame = &frame_table[i];
        if (!(frame->flags & FRAME_RESERVED)) continue;
        frame->flags = 0;
        frame->order = 0;
        atomic_fetch_add_relaxed(&frame_total, 1);
        frame_put(frame); // one that is still borrowed is freed by its last user
    }
}

// Calls give for every part of usable ranges that no reserved range covers, in whole frames.
static void for_each_free_part(const struct memory_range *ranges, unsigned count, const struct memory_range *reserved,
                               unsigned reserved_count, void (*give)(uint64_t start, uint64_t end)) {
    for (unsigned i = 0; i < count; i++) {
        if (ranges[i].kind != MEMORY_USABLE) continue;
        physical_address at = ranges[i].start, end = at + ranges[i].size;
        while (at < end) {
            physical_address stop = end, next = end;
            for (unsigned r = 0; r < reserved_count; r++) {
                physical_address from = reserved[r].start, to = from + reserved[r].size;
                if (to <= at || from >= stop || from == to) continue;
                stop = max(from, at);
                next = to;
            }
            uint64_t first = (at + PAGE_MASK) >> PAGE_SHIFT, last = stop >> PAGE_SHIFT;
            if (first < last) give(first, last);
            at = next;
        }
    }
}

static uint64_t largest_start, largest_size; // in frames, while frame_init runs
static void note_largest(uint64_t start, uint64_t end) {
    if (end - start > largest_size) {
        largest_start = start;
        largest_size = end - start;
    }
}

static void add_free(uint64_t start, uint64_t end) {
    if (start == 0) start = 1; // physical page 0 stays unused: frame 0 can mean "none"
    frame_total += end - start;
    release_frames(start, end);
}

void frame_init(const struct memory_range *ranges, unsigned count, const struct memory_range *reserved,
                unsigned reserved_count) {
    constexpr unsigned RESERVED_MAXIMUM = 16;
    struct memory_range all[RESERVED_MAXIMUM];
    kernel_assert(reserved_count < RESERVED_MAXIMUM);
    frame_count = frame_total = buddy_free = 0;
    largest_start = largest_size = 0;
    memset(caches, 0, sizeof caches);
    for (unsigned i = 0; i < ORDER_COUNT; i++)
        list_init(&free_lists[i]);
    for (unsigned i = 0; i < count; i++) {
        if (ranges[i].kind == MEMORY_USABLE)
            frame_count = max(frame_count, (ranges[i].start + ranges[i].size) >> PAGE_SHIFT);
    }
    for_each_free_part(ranges, count, reserved, reserved_count, note_largest);

    uint64_t table_pages = (frame_count * sizeof(struct frame) + PAGE_MASK) >> PAGE_SHIFT;
    if (largest_size <= table_pages)
        panic("frame: no room for the table of %llu frames", (unsigned long long)frame_count);
    // At the end of its range: the low part stays whole for large blocks.
    uint64_t table_start = largest_start + largest_size - table_pages;
    frame_table = physical_pointer(table_start << PAGE_SHIFT);
    memset(frame_table, 0, frame_count * sizeof(struct frame));
    for (uint64_t i = 0; i < frame_count; i++) {
        frame_table[i].references = 1;
        frame_table[i].flags = FRAME_RESERVED;
    }
    memcpy(all, reserved, reserved_count * sizeof *reserved);
    all[reserved_count] = (struct memory_range){.start = table_start << PAGE_SHIFT, .size = table_pages << PAGE_SHIFT};
    for_each_free_part(ranges, count, all, reserved_count + 1, add_free);
    reserve = min(frame_total / 64, RESERVE_MAXIMUM);
}
