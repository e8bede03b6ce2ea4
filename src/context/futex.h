// Futexes: keyed by address space and address, or by object and offset for shared mappings.
#pragma once

#include <personality.h>

void futex_init(void);
[[nodiscard]] int32_t futex_wait(struct user_address address, uint32_t expected, uint32_t bitset, nanoseconds deadline,
                                 uint32_t flags);
[[nodiscard]] int32_t futex_wake(struct user_address address, int32_t count, uint32_t bitset, uint32_t flags);
