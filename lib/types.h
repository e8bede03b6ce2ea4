// Types that every part shares.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef uint64_t physical_address;
typedef uintptr_t virtual_address;
// Nanoseconds; absolute times are on the clock their function names. TIME_NEVER is "no deadline".
typedef int64_t nanoseconds;

constexpr nanoseconds TIME_NEVER = INT64_MAX;
constexpr nanoseconds NANOSECONDS_PER_SECOND = 1'000'000'000;

// An address in a program's memory, as a program gave it. A structure, so that the compiler rejects dereferencing it.
struct user_address {
    uintptr_t value;
};

constexpr size_t PAGE_SHIFT = 12;
constexpr size_t PAGE_SIZE = 1UL << PAGE_SHIFT;
constexpr size_t PAGE_MASK = PAGE_SIZE - 1;
constexpr size_t LARGE_PAGE_SIZE = 2UL << 20;

#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))
#define array_size(array)                   (sizeof(array) / sizeof((array)[0]))
#define min(a, b)                                                                                                      \
    ({                                                                                                                 \
        auto min_a_ = (a);                                                                                             \
        auto min_b_ = (b);                                                                                             \
        min_a_ < min_b_ ? min_a_ : min_b_;                                                                             \
    })
#define max(a, b)                                                                                                      \
    ({                                                                                                                 \
        auto max_a_ = (a);                                                                                             \
        auto max_b_ = (b);                                                                                             \
        max_a_ > max_b_ ? max_a_ : max_b_;                                                                             \
    })
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

static inline uintptr_t align_down(uintptr_t value, uintptr_t alignment) {
    return value & ~(alignment - 1);
}

// Wraps to a small number when value is within alignment of the top: check before when value is untrusted.
static inline uintptr_t align_up(uintptr_t value, uintptr_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}
