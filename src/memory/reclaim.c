#include "src/memory/reclaim.h"

#include "lib/atomic.h"
#include "rmm/frame.h"
#include "rmm/page_table.h"
#include "src/context/lock.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"

static struct spinlock lock = SPINLOCK_INIT(RANK_PAGE_LIST); // guards the list
static struct list pages = LIST_INIT(pages);                 // newest first
static uint64_t page_count;

void reclaim_remember(struct frame *frame) {
    spin_lock(&lock);
    frame->flags |= FRAME_RECLAIMABLE;
    list_push_front(&pages, &frame->link);
    page_count++;
    spin_unlock(&lock);
}

void reclaim_forget(struct frame *frame) {
    spin_lock(&lock);
    frame->flags &= (uint16_t)~FRAME_RECLAIMABLE;
    list_remove(&frame->link);
    page_count--;
    spin_unlock(&lock);
}

void reclaim_synchronise(void) {
    spin_lock(&lock);
    spin_unlock(&lock);
}

uint64_t memory_cached_pages(void) {
    return atomic_load_relaxed(&page_count);
}

static bool droppable(const struct frame *frame) {
    return !(frame->flags & FRAME_DIRTY) && atomic_load_acquire(&frame->references) == 1;
}

// Caller holds the list's lock: so the object, whose page is in the list, can't go away while its lock is tried.
static bool try_drop(struct frame *frame) {
    struct memory_object *object = frame->object;
    bool dropped = false;
    if (!mutex_trylock(&object->lock)) return false;
    if (frame->flags & FRAME_REFERENCED) {
        frame->flags &= (uint16_t)~FRAME_REFERENCED;
    } else if (droppable(frame)) {
        list_remove(&frame->link);
        page_count--;
        memory_object_drop_page_locked(object, frame->index);
        dropped = true;
    }
    mutex_unlock(&object->lock);
    return dropped;
}

size_t memory_reclaim(size_t frames) {
    size_t freed = page_table_drain();
    spin_lock(&lock);
    // Twice around: the first pass takes the second chance away.
    for (uint64_t left = page_count * 2; left && freed < frames && !list_empty(&pages); left--) {
        struct frame *frame = list_entry(pages.previous, struct frame, link);
        if (try_drop(frame)) {
            freed++;
        } else {
            list_remove(&frame->link);
            list_push_front(&pages, &frame->link);
        }
    }
    spin_unlock(&lock);
    return freed;
}

constexpr size_t SCARCE_BATCH = 64;
constexpr uint32_t FUTILE_PAUSE = 1024; // calls without another try when there was nothing to drop

void memory_reclaim_when_scarce(void) {
    static uint32_t pause; // (A)
    if (likely(!frame_scarce())) return;
    uint32_t left = atomic_load_relaxed(&pause);
    if (left)
        atomic_store_relaxed(&pause, left - 1);
    else if (!memory_reclaim(SCARCE_BATCH))
        atomic_store_relaxed(&pause, FUTILE_PAUSE);
}
