// Ops of futexes.
#include "src/context/futex.h"

int32_t kop_futex_wait(struct user_address address, uint32_t expected, uint32_t bitset, nanoseconds deadline,
                       uint32_t flags) {
    return futex_wait(address, expected, bitset, deadline, flags);
}

int32_t kop_futex_wake(struct user_address address, int32_t count, uint32_t bitset, uint32_t flags) {
    return futex_wake(address, count, bitset, flags);
}

int32_t kop_futex_requeue(struct user_address address, int32_t wake, int32_t move, struct user_address target,
                          const uint32_t *expected, uint32_t flags) {
    return futex_requeue(address, wake, move, target, expected, flags);
}

int32_t kop_futex_wake_op(struct user_address address, int32_t wake, struct user_address second, int32_t wake_second,
                          uint32_t operation, uint32_t flags) {
    return futex_wake_op(address, wake, second, wake_second, operation, flags);
}

int32_t kop_futex_wait_any(const struct kernel_futex_wait *waits, uint32_t count, nanoseconds deadline,
                           uint32_t flags) {
    return futex_wait_any(waits, count, deadline, flags);
}
