// The newer futex calls, with flags for the word's size: futex_waitv, futex_wait, futex_wake, futex_requeue.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

enum linux_futex2 : uint32_t {
    FUTEX2_SIZE_U32 = 2,
    FUTEX2_SIZE_MASK = 3,
    FUTEX2_PRIVATE = 128,
};
constexpr uint32_t OP_SHARED = 1, OP_REALTIME = 2;

// The op's flags for a word's; -EINVAL: a size other than 32 bits, or something unknown.
static int32_t word_flags(uint32_t given, uint32_t *flags) {
    if ((given & ~(uint32_t)(FUTEX2_SIZE_MASK | FUTEX2_PRIVATE)) != 0) return -EINVAL;
    if ((given & FUTEX2_SIZE_MASK) != FUTEX2_SIZE_U32) return -EINVAL;
    *flags = (given & FUTEX2_PRIVATE) != 0 ? 0 : OP_SHARED;
    return 0;
}

static int32_t fetch_deadline(uintptr_t from, uint32_t clock, nanoseconds *deadline, uint32_t *flags) {
    *deadline = TIME_NEVER;
    if (from == 0) return 0;
    if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) return -EINVAL;
    if (clock == CLOCK_REALTIME) *flags |= OP_REALTIME;
    return linux_fetch_timespec(user_pointer(from), deadline);
}

static int32_t fetch_waits(struct kernel_futex_wait *waits, uintptr_t from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct linux_futex_waitv given;
        int32_t error = fetch_struct(&given, from + i * sizeof(given));
        if (error == 0) error = word_flags(given.flags, &waits[i].flags);
        if (error != 0) return error;
        if (given.reserved != 0 || given.val > UINT32_MAX) return -EINVAL;
        waits[i].address = user_pointer(given.uaddr);
        waits[i].expected = (uint32_t)given.val;
    }
    return 0;
}

SHIM5(linux_futex_waitv, from, count, flags, timeout, clock) {
    struct kernel_futex_wait waits[FUTEX_WAITS_MAXIMUM];
    nanoseconds deadline;
    uint32_t op_flags = 0;
    if (flags != 0 || (uint32_t)count == 0 || (uint32_t)count > FUTEX_WAITS_MAXIMUM || from == 0) return -EINVAL;
    int32_t error = fetch_deadline(timeout, (uint32_t)clock, &deadline, &op_flags);
    if (error == 0) error = fetch_waits(waits, from, (uint32_t)count);
    return error != 0 ? error : kernel_ops->futex_wait_any(waits, (uint32_t)count, deadline, op_flags);
}

SHIM5(linux_futex_wait, address, value, mask, flags, timeout) {
    uint32_t op_flags;
    nanoseconds deadline;
    int32_t error = word_flags((uint32_t)flags, &op_flags);
    if (error != 0) return error;
    if (value > UINT32_MAX || mask > UINT32_MAX) return -EINVAL;
    error = fetch_deadline(timeout, (uint32_t)sixth_argument(), &deadline, &op_flags);
    if (error != 0) return error;
    if (mask == 0) return -EINVAL;
    return kernel_ops->futex_wait(user_pointer(address), (uint32_t)value, (uint32_t)mask, deadline, op_flags);
}

SHIM4(linux_futex_wake, address, mask, count, flags) {
    uint32_t op_flags;
    int32_t error = word_flags((uint32_t)flags, &op_flags);
    if (error != 0) return error;
    if (mask > UINT32_MAX || mask == 0) return -EINVAL;
    return (int32_t)count == 0
               ? 0
               : kernel_ops->futex_wake(user_pointer(address), (int32_t)count, (uint32_t)mask, op_flags);
}

SHIM4(linux_futex_requeue, from, flags, wake, move) {
    struct kernel_futex_wait waits[2];
    if (flags != 0 || from == 0) return -EINVAL;
    int32_t error = fetch_waits(waits, from, 2);
    if (error != 0) return error;
    if (waits[0].flags != waits[1].flags) return -EINVAL; // one of both would be looked for in the wrong place
    return kernel_ops->futex_requeue(waits[0].address, (int32_t)wake, (int32_t)move, waits[1].address,
                                     &waits[0].expected, waits[0].flags);
}
