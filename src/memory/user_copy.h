// Copies between the kernel and the running program's memory, and the cursor over segments that all I/O uses.
// None may be called with a spinlock held unless cpu->faults_disabled is set (then a fault is a short copy).
#pragma once

#include <personality.h>

#include "lib/types.h"
#include "src/arch/arch.h"

// 0 or -EFAULT. A range that touches the kernel half is -EFAULT.
[[nodiscard]] int32_t copy_from_user(void *to, struct user_address from, size_t size);
[[nodiscard]] int32_t copy_to_user(struct user_address to, const void *from, size_t size);
[[nodiscard]] int32_t clear_user(struct user_address to, size_t size);
[[nodiscard]] static inline bool user_range_valid(uintptr_t address, size_t size) {
    return size <= USER_LIMIT && address <= USER_LIMIT - size;
}

// A position in an array of segments.
struct segment_cursor {
    const struct segment *segment;
    uint32_t left;    // segments from here on
    size_t position;  // in the current one
    size_t remaining; // bytes in all that is left
};
static inline struct segment_cursor segment_cursor_start(const struct segment *segments, uint32_t count) {
    struct segment_cursor cursor = {.segment = segments, .left = count};
    for (uint32_t i = 0; i < count; i++)
        cursor.remaining += segments[i].length;
    return cursor;
}
// Copies min(size, remaining) bytes into or out of the segments and advances. Returns the bytes copied; less than asked
// means a fault (the caller answers -EFAULT when nothing was done at all).
[[nodiscard]] size_t segment_copy_in(struct segment_cursor *to, const void *from, size_t size);
[[nodiscard]] size_t segment_copy_out(void *to, struct segment_cursor *from, size_t size);
[[nodiscard]] size_t segment_clear(struct segment_cursor *to, size_t size);
// Skips bytes.
void segment_advance(struct segment_cursor *cursor, size_t size);
