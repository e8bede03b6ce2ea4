// What the fault handler uses of memory objects. Caller holds the object's lock everywhere.
#pragma once

#include "src/memory/memory_object.h"

struct frame;

// As memory_object_page.
[[nodiscard]] int32_t memory_object_page_locked(struct memory_object *object, uint64_t index, bool for_write,
                                                struct frame **frame);
// A page that is there without any work, with a reference; nullptr: not there.
struct frame *memory_object_resident_locked(struct memory_object *object, uint64_t index);
// The pages are the only storage: nothing needs to know which are dirty.
static inline bool memory_object_is_storage(const struct memory_object *object) {
    return !object->operations->write_back && !object->operations->borrow && !object->operations->fill;
}
// A frame; tries again after memory_reclaim. nullptr: no memory.
[[nodiscard]] struct frame *frame_alloc_reclaiming(void);
