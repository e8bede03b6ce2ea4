// Ops of clocks, sleeping and timers.
#include "src/context/context.h"
#include "src/context/interval_timer.h"

constexpr nanoseconds COARSE_RESOLUTION = 4'000'000;
constexpr nanoseconds CPU_CLOCK_POLL = 2'000'000;

int32_t kop_clock_get(enum clock_id clock, nanoseconds *time) {
    return clock_read(clock, time);
}

int32_t kop_clock_set(enum clock_id clock, nanoseconds time) {
    if (clock != CLOCK_REALTIME || time < 0) return -EINVAL;
    if (!capable(CAP_SYS_TIME)) return -EPERM;
    clock_set_realtime(time);
    return 0;
}

static int32_t thread_time(int32_t id, nanoseconds *time) {
    struct context *context = id ? context_find(id) : context_current();
    if (!context) return -EINVAL;
    bool own = context->process == process_current();
    if (own) *time = context_cpu_time(context);
    if (id) context_put(context);
    return own ? 0 : -EINVAL;
}

int32_t kop_clock_cpu_get(int32_t id, uint32_t of_thread, nanoseconds *time) {
    if (of_thread) return thread_time(id, time);
    if (!id) {
        *time = process_cpu_time(process_current(), false);
        return 0;
    }
    struct process *process = process_find(id);
    if (!process) return -EINVAL;
    *time = process_cpu_time(process, false);
    process_put(process);
    return 0;
}

int32_t kop_clock_resolution(enum clock_id clock, nanoseconds *resolution) {
    nanoseconds now;
    int32_t error = clock_read(clock, &now);
    if (error) return error;
    *resolution = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE ? COARSE_RESOLUTION : 1;
    return 0;
}

// ---- sleeping

static int32_t sleep_monotonic(nanoseconds deadline) {
    enum wait_result result = WAIT_WOKEN;
    while (result == WAIT_WOKEN) {
        context_block_prepare();
        result = context_block(WAIT_INTERRUPTIBLE, deadline);
    }
    context_block_cancel();
    return result == WAIT_TIMEOUT ? 0 : -EINTR;
}

// The wall clock may be set meanwhile: then the monotonic deadline is computed anew.
static int32_t sleep_wall(nanoseconds deadline) {
    for (;;) {
        nanoseconds offset = clock_wall_offset();
        nanoseconds monotonic = deadline == TIME_NEVER ? TIME_NEVER : deadline - offset;
        enum wait_result result =
            wait_until(clock_changes(), clock_wall_offset() != offset, WAIT_INTERRUPTIBLE, monotonic);
        if (result == WAIT_TIMEOUT) return 0;
        if (result != WAIT_WOKEN) return -EINTR;
    }
}

static int32_t sleep_cpu(nanoseconds deadline) {
    for (;;) {
        if (process_cpu_time(process_current(), false) >= deadline) return 0;
        int32_t error = sleep_monotonic(clock_monotonic() + CPU_CLOCK_POLL);
        if (error) return error;
    }
}

int32_t kop_sleep(enum clock_id clock, nanoseconds deadline) {
    switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        return sleep_monotonic(deadline);
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        return sleep_wall(deadline);
    case CLOCK_PROCESS_CPUTIME_ID:
        return sleep_cpu(deadline);
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

// ---- timers

int32_t kop_interval_timer_get(uint32_t which, struct kernel_itimer *value) {
    return interval_timer_get(which, value);
}

int32_t kop_interval_timer_set(uint32_t which, const struct kernel_itimer *value, struct kernel_itimer *old) {
    return interval_timer_set(which, value, old);
}

int32_t kop_timer_create(enum clock_id clock, enum timer_notify notify, uint32_t signal, uintptr_t value, int32_t tid,
                         int32_t *id) {
    return posix_timer_create(clock, notify, signal, value, tid, id);
}

int32_t kop_timer_set(int32_t id, uint32_t flags, const struct kernel_itimer *value, struct kernel_itimer *old) {
    return posix_timer_set(id, flags, value, old);
}

int32_t kop_timer_get(int32_t id, struct kernel_itimer *value) {
    return posix_timer_get(id, value);
}

int32_t kop_timer_overrun(int32_t id) {
    return posix_timer_overrun(id);
}

int32_t kop_timer_delete(int32_t id) {
    return posix_timer_delete(id);
}
