// Futexes: keyed by address space and address, or by object and offset for shared mappings.
#pragma once

#include <personality.h>

enum futex_flags : uint32_t { FUTEX_SHARED = 1, FUTEX_REALTIME = 2 };

void futex_init(void);
// -EAGAIN (another value), -EINVAL (bitset 0, misaligned), -EFAULT, -ETIMEDOUT, -KERNEL_ERESTART.
[[nodiscard]] int32_t futex_wait(struct user_address address, uint32_t expected, uint32_t bitset, nanoseconds deadline,
                                 uint32_t flags);
// Returns how many were woken.
[[nodiscard]] int32_t futex_wake(struct user_address address, int32_t count, uint32_t bitset, uint32_t flags);
// Wakes up to `wake`, moves up to `move` others to target. expected: -EAGAIN unless the word holds it. Returns both.
[[nodiscard]] int32_t futex_requeue(struct user_address address, int32_t wake, int32_t move, struct user_address target,
                                    const uint32_t *expected, uint32_t flags);
// Changes the word at `second` as `operation` says (futex(2), FUTEX_WAKE_OP), wakes at address, and at second when the
// old value compares so. -ENOSYS: an unknown operation.
[[nodiscard]] int32_t futex_wake_op(struct user_address address, int32_t wake, struct user_address second,
                                    int32_t wake_second, uint32_t operation, uint32_t flags);
// Until one of the words (at most FUTEX_WAITS_MAXIMUM) is woken: its index.
[[nodiscard]] int32_t futex_wait_any(const struct kernel_futex_wait *waits, uint32_t count, nanoseconds deadline,
                                     uint32_t flags);
