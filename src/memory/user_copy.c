#include "src/memory/user_copy.h"

#include "lib/string.h"
#include "src/arch/arch.h"
#include "src/kernel.h"

int32_t copy_from_user(void *to, struct user_address from, size_t size) {
    if (unlikely(!user_range_valid(from.value, size))) return -EFAULT;
    return likely(arch_copy_from_user(to, from.value, size) == 0) ? 0 : -EFAULT;
}

int32_t copy_to_user(struct user_address to, const void *from, size_t size) {
    if (unlikely(!user_range_valid(to.value, size))) return -EFAULT;
    return likely(arch_copy_to_user(to.value, from, size) == 0) ? 0 : -EFAULT;
}

int32_t clear_user(struct user_address to, size_t size) {
    if (unlikely(!user_range_valid(to.value, size))) return -EFAULT;
    return likely(arch_clear_user(to.value, size) == 0) ? 0 : -EFAULT;
}

// Goes to the next segment that has bytes.
static void settle(struct segment_cursor *cursor) {
    while (cursor->left && cursor->position == cursor->segment->length) {
        cursor->segment++;
        cursor->left--;
        cursor->position = 0;
    }
}

static size_t piece(struct segment_cursor *cursor, size_t size) {
    settle(cursor);
    return cursor->left ? min(size, cursor->segment->length - cursor->position) : 0;
}

static void advance(struct segment_cursor *cursor, size_t size) {
    cursor->position += size;
    cursor->remaining -= size;
}

// Whether size bytes lie in the current segment, and that is the program's: nearly every copy.
static inline bool simple(const struct segment_cursor *cursor, size_t size) {
    return cursor->left && size <= cursor->segment->length - cursor->position && cursor->segment->kind == SEGMENT_USER;
}

static inline size_t user_in(uintptr_t to, const void *from, size_t size) {
    return likely(user_range_valid(to, size)) ? arch_copy_to_user(to, from, size) : size;
}

static inline size_t user_out(void *to, uintptr_t from, size_t size) {
    return likely(user_range_valid(from, size)) ? arch_copy_from_user(to, from, size) : size;
}

[[gnu::noinline]] static size_t copy_in_pieces(struct segment_cursor *to, const char *from, size_t size) {
    size_t done = 0;
    while (done < size) {
        size_t count = piece(to, size - done), left = 0;
        if (!count) break;
        uintptr_t address = to->segment->address + to->position;
        if (to->segment->kind == SEGMENT_KERNEL)
            memcpy((void *)address, from + done, count);
        else
            left = user_in(address, from + done, count);
        advance(to, count - left);
        done += count - left;
        if (left) break;
    }
    return done;
}

size_t segment_copy_in(struct segment_cursor *to, const void *from, size_t size) {
    if (unlikely(!simple(to, size))) return copy_in_pieces(to, from, size);
    size_t done = size - user_in(to->segment->address + to->position, from, size);
    advance(to, done);
    return done;
}

[[gnu::noinline]] static size_t copy_out_pieces(char *to, struct segment_cursor *from, size_t size) {
    size_t done = 0;
    while (done < size) {
        size_t count = piece(from, size - done), left = 0;
        if (!count) break;
        uintptr_t address = from->segment->address + from->position;
        if (from->segment->kind == SEGMENT_KERNEL)
            memcpy(to + done, (const void *)address, count);
        else
            left = user_out(to + done, address, count);
        advance(from, count - left);
        done += count - left;
        if (left) break;
    }
    return done;
}

size_t segment_copy_out(void *to, struct segment_cursor *from, size_t size) {
    if (unlikely(!simple(from, size))) return copy_out_pieces(to, from, size);
    size_t done = size - user_out(to, from->segment->address + from->position, size);
    advance(from, done);
    return done;
}

size_t segment_clear(struct segment_cursor *to, size_t size) {
    size_t done = 0;
    while (done < size) {
        size_t count = piece(to, size - done), left = 0;
        if (!count) break;
        uintptr_t address = to->segment->address + to->position;
        if (to->segment->kind == SEGMENT_KERNEL)
            memset((void *)address, 0, count);
        else
            left = user_range_valid(address, count) ? arch_clear_user(address, count) : count;
        advance(to, count - left);
        done += count - left;
        if (left) break;
    }
    return done;
}

void segment_advance(struct segment_cursor *cursor, size_t size) {
    while (size) {
        size_t count = piece(cursor, size);
        if (!count) return;
        advance(cursor, count);
        size -= count;
    }
}
