// What shims share: the ops, user words and structures, paths, segment arrays, the frame, logging.
#pragma once

#include <personality.h>

#include "lib/types.h"
#include "personality/src/syscall_table.h"

// The installed table; nullptr before personality_init. A shim runs only after it.
[[gnu::visibility("hidden")]] extern const struct kernel_ops *kernel_ops;

static inline struct user_address user_pointer(uintptr_t word) {
    return (struct user_address){word};
}

// Copies a whole structure between kernel memory and a program's: 0 or -EFAULT. word: the address the program gave.
#define fetch_struct(to, word)   (kernel_ops->fetch((to), user_pointer(word), sizeof(*(to))))
#define store_struct(word, from) (kernel_ops->store(user_pointer(word), (from), sizeof(*(from))))

// A path in kernel memory: length bytes, and a NUL behind them.
constexpr size_t PATH_ARGUMENT_SIZE = 4096;
struct path_argument {
    size_t length;
    char text[PATH_ARGUMENT_SIZE];
};

// Fetches the NUL-terminated path at word. -EFAULT, -ENAMETOOLONG (4096 bytes or more with its NUL); "" has length 0:
// what that means is the op's affair. May fault.
[[nodiscard]] static inline int32_t path_fetch(struct path_argument *path, uintptr_t word) {
    return kernel_ops->fetch_string(path->text, user_pointer(word), sizeof(path->text), &path->length);
}

// The registers of the current call.
static inline struct user_frame *current_frame(void) {
    struct user_frame *frame = nullptr;
    kernel_ops->user_frame(&frame);
    return frame;
}

static inline uintptr_t sixth_argument(void) {
    return user_frame_sixth_argument(current_frame());
}

// Where the personality's own pointer of the current thread or process lies.
static inline void **current_slot(enum slot_kind kind) {
    void **slot = nullptr;
    kernel_ops->slot(kind, &slot);
    return slot;
}

// A program's iovec array as segments. Few lie within; more in memory of the allocate op.
constexpr uint32_t SEGMENTS_WITHIN = 8;
constexpr uint32_t SEGMENTS_MAXIMUM = 1024;
struct segment_array {
    struct segment *segments;
    uint32_t count;
    size_t total; // at most IO_MAXIMUM
    struct segment within[SEGMENTS_WITHIN];
};

// Fetches and checks `count` pairs {base, length} at word. -EINVAL (more than 1024, or a negative length), -EFAULT,
// -ENOMEM. Lengths are cut so that their sum is at most IO_MAXIMUM. On success segments_release must follow. May sleep.
[[nodiscard]] int32_t segments_fetch(struct segment_array *array, uintptr_t word, uintptr_t count);
void segments_release(struct segment_array *array);

// A line for the kernel's log, cut at 200 bytes.
[[gnu::format(printf, 1, 2)]] void personality_log(const char *format, ...);
