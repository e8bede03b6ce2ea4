// Reading and writing of memory objects: straight between pages and segments, with the object's lock held and faults
// disabled. A short copy drops the lock, makes the user's page usable and goes on.
#include "lib/atomic.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/context/context.h"
#include "src/context/cpu.h"
#include "src/kernel.h"
#include "src/memory/fault.h"
#include "src/memory/memory_object.h"
#include "src/memory/object_internal.h"
#include "src/memory/radix.h"
#include "src/memory/user_copy.h"

constexpr size_t TURN_SIZE = 1UL << 20;

// Copies what it can of size bytes out of the page at offset into to.
static int32_t read_page(struct memory_object *object, uint64_t offset, size_t size, struct segment_cursor *to,
                         size_t *done) {
    uint64_t index = offset >> PAGE_SHIFT;
    struct frame *frame = radix_find(object->pages, index);
    bool referenced = false;
    if (unlikely(!frame) && index << PAGE_SHIFT < object->backing_size) {
        int32_t error = memory_object_page_locked(object, index, false, &frame);
        if (error) return error;
        referenced = true;
    }
    cpu_current()->faults_disabled++;
    *done = frame ? segment_copy_in(to, (char *)frame_pointer(frame) + (offset & PAGE_MASK), size)
                  : segment_clear(to, size);
    cpu_current()->faults_disabled--;
    if (frame && !(frame->flags & (FRAME_REFERENCED | FRAME_RESERVED))) frame->flags |= FRAME_REFERENCED;
    if (referenced) frame_put(frame);
    return 0;
}

// After each MiB others may run; the object's lock is let go for that. False: the thread must die.
static bool take_turns(struct memory_object *object, uint64_t offset) {
    if (likely(offset & (TURN_SIZE - 1))) return true;
    mutex_unlock(&object->lock);
    preemption_point();
    bool go_on = !must_die();
    mutex_lock(&object->lock);
    return go_on;
}

int64_t memory_object_read(struct memory_object *object, uint64_t offset, struct segment_cursor *to) {
    uint64_t start = offset;
    int32_t error = 0;
    mutex_lock(&object->lock);
    while (to->remaining && offset < object->size) {
        size_t in_object = min(PAGE_SIZE - (offset & PAGE_MASK), object->size - offset);
        size_t size = min(in_object, to->remaining), done;
        error = read_page(object, offset, size, to, &done);
        if (error) break;
        offset += done;
        if (likely(done == size)) {
            if (unlikely(!take_turns(object, offset))) break;
            continue;
        }
        mutex_unlock(&object->lock);
        error = segment_fault_in(to, FAULT_WRITE);
        mutex_lock(&object->lock);
        if (error) break;
    }
    mutex_unlock(&object->lock);
    return offset > start ? (int64_t)(offset - start) : error;
}

static int32_t write_page(struct memory_object *object, uint64_t offset, size_t size, struct segment_cursor *from,
                          size_t *done) {
    struct frame *frame;
    int32_t error = memory_object_page_locked(object, offset >> PAGE_SHIFT, true, &frame);
    if (error) return error;
    cpu_current()->faults_disabled++;
    *done = segment_copy_out((char *)frame_pointer(frame) + (offset & PAGE_MASK), from, size);
    cpu_current()->faults_disabled--;
    frame_put(frame);
    return 0;
}

int64_t memory_object_write(struct memory_object *object, uint64_t offset, struct segment_cursor *from) {
    uint64_t start = offset;
    int32_t error = 0;
    mutex_lock(&object->lock);
    while (from->remaining) {
        size_t size = min(PAGE_SIZE - (offset & PAGE_MASK), from->remaining), done;
        error = write_page(object, offset, size, from, &done);
        if (error) break;
        offset += done;
        if (done && offset > object->size) atomic_store_relaxed(&object->size, offset);
        if (likely(done == size)) {
            if (unlikely(!take_turns(object, offset))) break;
            continue;
        }
        mutex_unlock(&object->lock);
        error = segment_fault_in(from, FAULT_READ);
        mutex_lock(&object->lock);
        if (error) break;
    }
    mutex_unlock(&object->lock);
    return offset > start ? (int64_t)(offset - start) : error;
}
