// A memory object: pages by index, the one page cache under read, write and mmap. A regular file has one; a shared
// anonymous mapping has one; private anonymous memory has none.
#pragma once

#include "lib/list.h"
#include "lib/refcount.h"
#include "src/context/lock.h"

struct frame;
struct memory_object;
struct segment_cursor;

struct memory_object_operations {
    // Fills a fresh frame with page `index`'s contents (bytes behind the object's end must be zero). May sleep.
    // nullptr: zero fill.
    int32_t (*fill)(struct memory_object *object, uint64_t index, struct frame *frame);
    // Instead of fill: the frame that holds the page already (the initrd), with a reference taken; nullptr: use fill.
    // Does not sleep. Such pages never enter the object's tree.
    struct frame *(*borrow)(struct memory_object *object, uint64_t index);
    // Writes a dirty page back; nullptr: pages are the storage (tmp) and are never dropped.
    int32_t (*write_back)(struct memory_object *object, uint64_t index, struct frame *frame);
    void (*release)(struct memory_object *object); // the last reference is gone; pages have been dropped
};

struct memory_object {
    struct refcount references;
    const struct memory_object_operations *operations;
    void *owner;                // the node
    struct mutex lock;          // guards pages, size, mappings; RANK_OBJECT
    uint64_t size;              // bytes; changed under lock, read atomically
    uint64_t backing_size;      // bytes from the start that fill and borrow know; what lies beyond is zero
    uint64_t page_count;        // resident
    void *pages;                // radix tree, src/memory/memory_object.c
    struct list mappings;       // grants that map it
    uint64_t writable_mappings; // shared writable grants, for ETXTBSY and seals
};

[[nodiscard]] int32_t memory_object_init(struct memory_object *object,
                                         const struct memory_object_operations *operations, uint64_t size);
// A heap-allocated zero-filled one (shared anonymous memory). nullptr: no memory.
[[nodiscard]] struct memory_object *memory_object_create(uint64_t size);
void memory_object_get(struct memory_object *object);
void memory_object_put(struct memory_object *object);

// The frame of page index, with a reference taken. create: also beyond what is resident. for_write: a private copy of a
// borrowed (initrd) page is put in its place and it is marked dirty. -ENOMEM, -EIO. May sleep. Takes the lock.
[[nodiscard]] int32_t memory_object_page(struct memory_object *object, uint64_t index, bool for_write,
                                         struct frame **frame);
// Copies between the object's pages and segments, straight; advances the cursor. Reading ends at the size; writing may
// extend it. Returns the bytes done, or an error when none were (-EFAULT, -ENOMEM, -EIO). May sleep and fault.
[[nodiscard]] int64_t memory_object_read(struct memory_object *object, uint64_t offset, struct segment_cursor *to);
[[nodiscard]] int64_t memory_object_write(struct memory_object *object, uint64_t offset, struct segment_cursor *from);
// Changes the size; shrinking drops pages, zeroes the tail of the last one and zaps mappings beyond it.
[[nodiscard]] int32_t memory_object_resize(struct memory_object *object, uint64_t size);
// Zeroes a range (hole punching) and zaps its mappings.
void memory_object_punch(struct memory_object *object, uint64_t offset, uint64_t length);
// The first offset >= offset that is data (or a hole): for SEEK_DATA and SEEK_HOLE; -ENXIO.
[[nodiscard]] int64_t memory_object_seek(struct memory_object *object, uint64_t offset, bool data);
// Writes dirty pages of a range back (nothing to do without write_back). The first error, or 0. May sleep.
[[nodiscard]] int32_t memory_object_sync(struct memory_object *object, uint64_t offset, uint64_t length);
// Pages that memory_reclaim can drop, for statistics.
uint64_t memory_cached_pages(void);
