// What poll, select and epoll share.
#pragma once

#include "personality/src/linux/file.h"
#include "personality/src/linux/process.h"

// The signal set of a p-call. *set is `room`, or nullptr when the program gave none. -EINVAL, -EFAULT.
[[nodiscard]] static inline int32_t linux_mask_fetch(signal_set *room, const signal_set **set, uintptr_t word,
                                                     uintptr_t size) {
    *set = nullptr;
    if (word == 0) return 0;
    if (size != sizeof(*room)) return -EINVAL;
    *set = room;
    return fetch_struct(room, word);
}

// A timeout of poll: negative waits for ever, 0 does not wait.
static inline nanoseconds linux_deadline_of_milliseconds(int32_t timeout) {
    if (timeout < 0) return TIME_NEVER;
    return timeout == 0 ? 0 : linux_deadline(CLOCK_MONOTONIC, timeout * (nanoseconds)1'000'000);
}
