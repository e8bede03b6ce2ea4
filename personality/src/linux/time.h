// What the files about clocks, sleeping and timers share.
#pragma once

#include "personality/src/linux/process.h"

constexpr uint32_t LINUX_CLOCKS = 1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC | 1u << CLOCK_PROCESS_CPUTIME_ID |
                                  1u << CLOCK_THREAD_CPUTIME_ID | 1u << CLOCK_MONOTONIC_RAW |
                                  1u << CLOCK_REALTIME_COARSE | 1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME |
                                  1u << CLOCK_REALTIME_ALARM | 1u << CLOCK_BOOTTIME_ALARM | 1u << CLOCK_TAI;
constexpr uint32_t LINUX_CLOCKS_WITH_TIMERS =
    1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC | 1u << CLOCK_PROCESS_CPUTIME_ID | 1u << CLOCK_THREAD_CPUTIME_ID |
    1u << CLOCK_BOOTTIME | 1u << CLOCK_TAI | 1u << CLOCK_REALTIME_ALARM | 1u << CLOCK_BOOTTIME_ALARM;

static inline bool linux_clock_in(int32_t clock, uint32_t set) {
    return clock >= 0 && clock < 32 && (set >> clock & 1) != 0;
}

// A negative clock number names the processor clock of a process or thread: the inverted id above 3 bits of kind.
struct linux_processor_clock {
    int32_t id; // 0: the caller
    bool of_thread;
};
// False: the number is not of that form (or names a clock device's descriptor).
[[nodiscard]] bool linux_processor_clock_parse(int32_t clock, struct linux_processor_clock *parsed);
bool linux_processor_clock_exists(const struct linux_processor_clock *clock);
bool linux_clock_exists(int32_t clock);

[[nodiscard]] int32_t linux_timeval_to_kernel(const struct linux_timeval *from, nanoseconds *to);
