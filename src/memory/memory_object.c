// Pages lie in a radix tree by index; the cache holds one reference to each. Borrowed pages (the initrd's) are in no
// tree: they are asked for each time, until a write puts a private copy in.
#include "src/memory/memory_object.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "rmm/page_operations.h"
#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/grant.h"
#include "src/memory/heap.h"
#include "src/memory/object_internal.h"
#include "src/memory/radix.h"
#include "src/memory/reclaim.h"

constexpr uint64_t TURN_PAGES = 4096; // dropped before others may run

static uint64_t pages_of(uint64_t size) {
    return (size >> PAGE_SHIFT) + ((size & PAGE_MASK) != 0);
}

int32_t memory_object_init(struct memory_object *object, const struct memory_object_operations *operations,
                           uint64_t size) {
    *object = (struct memory_object){.operations = operations, .size = size};
    object->backing_size = operations->fill || operations->borrow ? size : 0;
    refcount_init(&object->references);
    mutex_init(&object->lock, RANK_OBJECT);
    list_init(&object->mappings);
    return 0;
}

static void anonymous_release(struct memory_object *object) {
    heap_free(object);
}

struct memory_object *memory_object_create(uint64_t size) {
    static const struct memory_object_operations operations = {.release = anonymous_release};
    struct memory_object *object = heap_alloc(sizeof *object);
    if (!object) return nullptr;
    if (memory_object_init(object, &operations, size) < 0) {
        heap_free(object);
        return nullptr;
    }
    return object;
}

void memory_object_get(struct memory_object *object) {
    refcount_get(&object->references);
}

// Takes a page out of the tree and drops the cache's reference. It is in no list of reclaimable pages any more.
void memory_object_drop_page_locked(struct memory_object *object, uint64_t index) {
    struct frame *frame = radix_remove(&object->pages, index);
    object->page_count--;
    frame->object = nullptr;
    frame->flags = 0;
    frame_put(frame);
}

static void page_drop(struct memory_object *object, uint64_t index, struct frame *frame) {
    if (frame->flags & FRAME_RECLAIMABLE) reclaim_forget(frame);
    memory_object_drop_page_locked(object, index);
}

static void pages_drop(struct memory_object *object, uint64_t first, uint64_t end) {
    uint64_t index = first;
    struct frame *frame;
    while ((frame = radix_next(object->pages, &index)) && index < end) {
        page_drop(object, index, frame);
        if (!++index) break;
        if (index % TURN_PAGES == 0) preemption_point();
    }
}

void memory_object_put(struct memory_object *object) {
    if (!refcount_put(&object->references)) return;
    mutex_lock(&object->lock);
    pages_drop(object, 0, UINT64_MAX);
    mutex_unlock(&object->lock);
    reclaim_synchronise();
    if (object->operations->release) object->operations->release(object);
}

struct frame *frame_alloc_reclaiming(void) {
    memory_reclaim_when_scarce();
    struct frame *frame = frame_alloc(0);
    if (unlikely(!frame) && memory_reclaim(32)) frame = frame_alloc(0);
    return frame;
}

static int32_t page_insert(struct memory_object *object, uint64_t index, struct frame *frame, uint16_t flags) {
    frame->flags = FRAME_CACHE | flags;
    frame->object = object;
    frame->index = index;
    list_init(&frame->link);
    int32_t error = radix_insert(&object->pages, index, frame);
    if (error) {
        frame->flags = 0;
        return error;
    }
    object->page_count++;
    return 0;
}

static struct frame *borrow(struct memory_object *object, uint64_t index) {
    if (!object->operations->borrow || index >= pages_of(object->backing_size)) return nullptr;
    return object->operations->borrow(object, index);
}

// A page that is not resident: from the owner, or zeroes.
static int32_t page_make(struct memory_object *object, uint64_t index, struct frame *borrowed, struct frame **result) {
    struct frame *frame = frame_alloc_reclaiming();
    if (!frame) return -ENOMEM;
    int32_t error = 0;
    void *contents = frame_pointer(frame);
    if (borrowed) {
        page_copy(contents, frame_pointer(borrowed));
    } else {
        page_clear(contents);
        if (object->operations->fill && index < pages_of(object->backing_size))
            error = object->operations->fill(object, index, frame);
    }
    uint64_t start = index << PAGE_SHIFT;
    if (object->backing_size > start && object->backing_size - start < PAGE_SIZE) {
        size_t valid = object->backing_size - start;
        memset((char *)contents + valid, 0, PAGE_SIZE - valid);
    }
    if (!error) error = page_insert(object, index, frame, 0);
    if (error) {
        frame_put(frame);
        return error;
    }
    *result = frame;
    return 0;
}

// Without write_back a changed page is the only copy of its contents: it can't be dropped any more.
static inline void mark_dirty(const struct memory_object *object, struct frame *frame) {
    frame->flags |= FRAME_DIRTY;
    if (frame->flags & FRAME_RECLAIMABLE && !object->operations->write_back) reclaim_forget(frame);
}

int32_t memory_object_page_locked(struct memory_object *object, uint64_t index, bool for_write, struct frame **result) {
    struct frame *frame = radix_find(object->pages, index);
    if (unlikely(!frame)) {
        struct frame *borrowed = borrow(object, index);
        if (borrowed && !for_write) {
            *result = borrowed;
            return 0;
        }
        int32_t error = page_make(object, index, borrowed, &frame);
        if (borrowed) {
            frame_put(borrowed);
            if (!error) mappings_zap(object, index, index + 1, false); // they show the borrowed page
        }
        if (error) return error;
    }
    if (for_write)
        mark_dirty(object, frame);
    else if (object->operations->fill && !(frame->flags & (FRAME_RECLAIMABLE | FRAME_DIRTY)))
        reclaim_remember(frame);
    frame->flags |= FRAME_REFERENCED;
    frame_get(frame);
    *result = frame;
    return 0;
}

struct frame *memory_object_resident_locked(struct memory_object *object, uint64_t index) {
    struct frame *frame = radix_find(object->pages, index);
    if (!frame) return borrow(object, index);
    frame_get(frame);
    return frame;
}

int32_t memory_object_page(struct memory_object *object, uint64_t index, bool for_write, struct frame **frame) {
    mutex_lock(&object->lock);
    int32_t error = memory_object_page_locked(object, index, for_write, frame);
    mutex_unlock(&object->lock);
    return error;
}

// Zeroes [from, to) within one page. -ENOMEM.
static int32_t zero_part(struct memory_object *object, uint64_t from, uint64_t to) {
    uint64_t index = from >> PAGE_SHIFT;
    if (from == to) return 0;
    if (!radix_find(object->pages, index) && index >= pages_of(object->backing_size)) return 0;
    struct frame *frame;
    int32_t error = memory_object_page_locked(object, index, true, &frame);
    if (error) return error;
    memset((char *)frame_pointer(frame) + (from & PAGE_MASK), 0, to - from);
    frame_put(frame);
    return 0;
}

int32_t memory_object_resize(struct memory_object *object, uint64_t size) {
    int32_t error = 0;
    mutex_lock(&object->lock);
    if (size < object->size) {
        uint64_t first = pages_of(size);
        if (size & PAGE_MASK) error = zero_part(object, size, first << PAGE_SHIFT);
        if (!error) {
            atomic_store_relaxed(&object->size, size);
            object->backing_size = min(object->backing_size, size);
            mappings_zap(object, first, UINT64_MAX, true);
            pages_drop(object, first, UINT64_MAX);
        }
    } else {
        atomic_store_relaxed(&object->size, size);
    }
    mutex_unlock(&object->lock);
    return error;
}

void memory_object_punch(struct memory_object *object, uint64_t offset, uint64_t length) {
    mutex_lock(&object->lock);
    uint64_t end = length > object->size || offset > object->size - length ? object->size : offset + length;
    if (offset < end) {
        uint64_t first = pages_of(offset), last = end == object->size ? pages_of(end) : end >> PAGE_SHIFT;
        if (first > last) { // within one page
            (void)zero_part(object, offset, end);
        } else {
            (void)zero_part(object, offset, first << PAGE_SHIFT);
            if (last << PAGE_SHIFT < end) (void)zero_part(object, last << PAGE_SHIFT, end);
            mappings_zap(object, first, last, false);
            uint64_t backed = min(last, pages_of(object->backing_size));
            for (uint64_t index = first; index < backed; index++)
                (void)zero_part(object, index << PAGE_SHIFT, (index + 1) << PAGE_SHIFT);
            if (max(first, backed) < last) pages_drop(object, max(first, backed), last);
        }
    }
    mutex_unlock(&object->lock);
}

// The first page at or behind index that is a hole.
static uint64_t next_hole(struct memory_object *object, uint64_t index) {
    while (index < pages_of(object->backing_size) || radix_find(object->pages, index))
        index++;
    return index;
}

int64_t memory_object_seek(struct memory_object *object, uint64_t offset, bool data) {
    int64_t result = -ENXIO;
    mutex_lock(&object->lock);
    uint64_t index = offset >> PAGE_SHIFT;
    if (offset < object->size && data) {
        if (index < pages_of(object->backing_size) || radix_next(object->pages, &index))
            result = index << PAGE_SHIFT < object->size ? (int64_t)max(offset, index << PAGE_SHIFT) : -ENXIO;
    } else if (offset < object->size) {
        uint64_t hole = next_hole(object, index) << PAGE_SHIFT;
        result = (int64_t)min(max(hole, offset), object->size);
    }
    mutex_unlock(&object->lock);
    return result;
}

// Caller holds the lock.
static int32_t page_write_back(struct memory_object *object, uint64_t index, struct frame *frame) {
    mappings_zap(object, index, index + 1, false); // later writes fault and mark the page again
    frame->flags &= (uint16_t)~FRAME_DIRTY;
    if (!(frame->flags & FRAME_RECLAIMABLE)) reclaim_remember(frame);
    int32_t error = object->operations->write_back(object, index, frame);
    if (error) {
        frame->flags |= FRAME_DIRTY;
        return error;
    }
    uint64_t end = min((index + 1) << PAGE_SHIFT, object->size);
    object->backing_size = max(object->backing_size, end);
    return 0;
}

int32_t memory_object_sync(struct memory_object *object, uint64_t offset, uint64_t length) {
    if (!object->operations->write_back || !length) return 0;
    int32_t result = 0;
    uint64_t index = offset >> PAGE_SHIFT, last = (length > UINT64_MAX - offset ? UINT64_MAX : offset + length - 1);
    struct frame *frame;
    mutex_lock(&object->lock);
    for (; (frame = radix_next(object->pages, &index)) && index <= last >> PAGE_SHIFT; index++) {
        if (!(frame->flags & FRAME_DIRTY)) continue;
        int32_t error = page_write_back(object, index, frame);
        if (error && !result) result = error;
    }
    mutex_unlock(&object->lock);
    return result;
}
