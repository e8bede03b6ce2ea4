// Clocks, sleeping, timers.
#include "personality/src/linux/time.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

#include <stdckdint.h>

constexpr nanoseconds NANOSECONDS_PER_MICROSECOND = 1000;
constexpr int64_t MICROSECONDS_PER_SECOND = 1'000'000;
constexpr nanoseconds NANOSECONDS_PER_TICK = NANOSECONDS_PER_SECOND / 100;
constexpr uint32_t CLOCKS_SLEEPING = LINUX_CLOCKS_WITH_TIMERS & ~(1u << CLOCK_THREAD_CPUTIME_ID);

bool linux_processor_clock_parse(int32_t clock, struct linux_processor_clock *parsed) {
    if (clock >= 0 || (clock & 3) == 3) return false;
    *parsed = (struct linux_processor_clock){.id = ~(clock >> 3), .of_thread = (clock & 4) != 0};
    return true;
}

static int32_t processor_clock_read(const struct linux_processor_clock *clock, nanoseconds *time) {
    return kernel_ops->clock_cpu_get(clock->id, clock->of_thread, time) < 0 ? -EINVAL : 0;
}

bool linux_processor_clock_exists(const struct linux_processor_clock *clock) {
    nanoseconds time;
    return processor_clock_read(clock, &time) == 0;
}

bool linux_clock_exists(int32_t clock) {
    struct linux_processor_clock processor;
    return linux_clock_in(clock, LINUX_CLOCKS) ||
           (linux_processor_clock_parse(clock, &processor) && linux_processor_clock_exists(&processor));
}

// ---- conversion

int32_t linux_timespec_to_kernel(const struct linux_timespec *from, nanoseconds *to) {
    if (from->tv_sec < 0 || (uint64_t)from->tv_nsec >= (uint64_t)NANOSECONDS_PER_SECOND) return -EINVAL;
    if (ckd_mul(to, from->tv_sec, NANOSECONDS_PER_SECOND) || ckd_add(to, *to, from->tv_nsec)) *to = TIME_NEVER;
    return 0;
}

int32_t linux_fetch_timespec(struct user_address from, nanoseconds *time) {
    struct linux_timespec given;
    int32_t error = kernel_ops->fetch(&given, from, sizeof(given));
    return error != 0 ? error : linux_timespec_to_kernel(&given, time);
}

struct linux_timespec linux_timespec_from_kernel(nanoseconds time) {
    return (struct linux_timespec){time / NANOSECONDS_PER_SECOND, time % NANOSECONDS_PER_SECOND};
}

struct linux_timeval linux_timeval_from_kernel(nanoseconds time) {
    return (struct linux_timeval){time / NANOSECONDS_PER_SECOND,
                                  time % NANOSECONDS_PER_SECOND / NANOSECONDS_PER_MICROSECOND};
}

int32_t linux_timeval_to_kernel(const struct linux_timeval *from, nanoseconds *to) {
    if (from->tv_sec < 0 || (uint64_t)from->tv_usec >= (uint64_t)MICROSECONDS_PER_SECOND) return -EINVAL;
    const struct linux_timespec spec = {from->tv_sec, from->tv_usec * NANOSECONDS_PER_MICROSECOND};
    return linux_timespec_to_kernel(&spec, to);
}

nanoseconds linux_deadline(enum clock_id clock, nanoseconds span) {
    nanoseconds now = 0, deadline;
    if (span == TIME_NEVER) return TIME_NEVER;
    (void)!kernel_ops->clock_get(clock, &now);
    return ckd_add(&deadline, now, span) ? TIME_NEVER : deadline;
}

// ---- clocks

static int32_t clock_read(int32_t clock, nanoseconds *time) {
    struct linux_processor_clock processor;
    if (linux_clock_in(clock, LINUX_CLOCKS)) return kernel_ops->clock_get((enum clock_id)clock, time);
    if (!linux_processor_clock_parse(clock, &processor)) return -EINVAL;
    return processor_clock_read(&processor, time);
}

SHIM2(linux_clock_gettime, clock, to) {
    nanoseconds time;
    int32_t error = clock_read((int32_t)clock, &time);
    if (error != 0) return error;
    struct linux_timespec answer = linux_timespec_from_kernel(time);
    return store_struct(to, &answer);
}

static int32_t clock_resolution(int32_t clock, nanoseconds *resolution) {
    if (linux_clock_in(clock, LINUX_CLOCKS)) return kernel_ops->clock_resolution((enum clock_id)clock, resolution);
    *resolution = 1;
    return linux_clock_exists(clock) ? 0 : -EINVAL;
}

SHIM2(linux_clock_getres, clock, to) {
    nanoseconds resolution;
    int32_t error = clock_resolution((int32_t)clock, &resolution);
    if (error != 0 || to == 0) return error;
    struct linux_timespec answer = linux_timespec_from_kernel(resolution);
    return store_struct(to, &answer);
}

SHIM2(linux_clock_settime, clock, from) {
    struct linux_timespec given;
    struct linux_processor_clock processor;
    nanoseconds time;
    // Only the real-time clock can be set; a processor clock exists but refuses.
    if ((int32_t)clock < 0) {
        if (!linux_processor_clock_parse((int32_t)clock, &processor)) return -EINVAL;
        if (fetch_struct(&given, from) != 0) return -EFAULT;
        return linux_processor_clock_exists(&processor) ? -EPERM : -EINVAL;
    }
    if ((int32_t)clock != CLOCK_REALTIME) return -EINVAL;
    int32_t error = linux_fetch_timespec(user_pointer(from), &time);
    return error != 0 ? error : kernel_ops->clock_set(CLOCK_REALTIME, time);
}

static int32_t store_zone(uintptr_t to) {
    const struct linux_timezone zone = {};
    return to != 0 ? store_struct(to, &zone) : 0;
}

SHIM2(linux_gettimeofday, to, zone_to) {
    nanoseconds time;
    int32_t error = kernel_ops->clock_get(CLOCK_REALTIME, &time);
    if (error == 0 && to != 0) {
        struct linux_timeval answer = linux_timeval_from_kernel(time);
        error = store_struct(to, &answer);
    }
    return error != 0 ? error : store_zone(zone_to);
}

SHIM2(linux_settimeofday, from, zone_from) {
    struct linux_timeval given;
    struct linux_timezone zone;
    nanoseconds time = 0;
    if (from != 0) {
        int32_t error = fetch_struct(&given, from);
        if (error != 0) return error;
        if ((uint64_t)given.tv_usec > (uint64_t)MICROSECONDS_PER_SECOND) return -EINVAL;
    }
    if (zone_from != 0) {
        int32_t error = fetch_struct(&zone, zone_from);
        if (error != 0) return error;
    }
    if (from != 0) {
        int32_t error = linux_timeval_to_kernel(&given, &time);
        return error != 0 ? error : kernel_ops->clock_set(CLOCK_REALTIME, time);
    }
    // A time zone alone is accepted from whoever may set the clock, and has no effect.
    if (zone_from != 0) {
        struct kernel_credentials credentials;
        int32_t error = kernel_ops->credentials_get(0, &credentials);
        if (error != 0) return error;
        if ((credentials.capabilities_effective >> CAP_SYS_TIME & 1) == 0) return -EPERM;
        if (zone.tz_minuteswest > 15 * 60 || zone.tz_minuteswest < -15 * 60) return -EINVAL;
    }
    return 0;
}

SHIM1(linux_time, to) {
    nanoseconds time;
    int32_t error = kernel_ops->clock_get(CLOCK_REALTIME_COARSE, &time);
    if (error != 0) return error;
    int64_t seconds = time / NANOSECONDS_PER_SECOND;
    if (to != 0) error = store_struct(to, &seconds);
    return error != 0 ? error : seconds;
}

SHIM1(linux_times, to) {
    struct kernel_rusage own, children;
    nanoseconds now;
    int32_t error = kernel_ops->clock_get(CLOCK_MONOTONIC, &now);
    if (error == 0 && to != 0) {
        error = kernel_ops->resource_usage(0, &own);
        if (error == 0) error = kernel_ops->resource_usage(-1, &children);
        if (error != 0) return error;
        const struct linux_tms answer = {
            .tms_utime = own.user_time / NANOSECONDS_PER_TICK,
            .tms_stime = own.system_time / NANOSECONDS_PER_TICK,
            .tms_cutime = children.user_time / NANOSECONDS_PER_TICK,
            .tms_cstime = children.system_time / NANOSECONDS_PER_TICK,
        };
        error = store_struct(to, &answer);
    }
    return error != 0 ? error : now / NANOSECONDS_PER_TICK;
}

// ---- sleeping

int32_t linux_restart_later(const struct linux_restart *restart) {
    struct linux_thread *thread;
    int32_t error = linux_thread_current(&thread);
    if (error != 0) return -EINTR;
    thread->restart = *restart;
    return -KERNEL_ERESTART_WITH;
}

// Until the deadline; interrupted, the remaining time is stored and the rest kept for restart_syscall.
static intptr_t sleep_until(const struct linux_restart *restart) {
    int32_t result = kernel_ops->sleep(restart->clock, restart->deadline);
    if (!linux_was_interrupted(result)) return result;
    if (restart->remaining.value != 0) {
        nanoseconds now = 0;
        (void)!kernel_ops->clock_get(restart->clock, &now);
        struct linux_timespec rest = linux_timespec_from_kernel(max(restart->deadline - now, (nanoseconds)0));
        int32_t error = kernel_ops->store(restart->remaining, &rest, sizeof(rest));
        if (error != 0) return error;
    }
    return linux_restart_later(restart);
}

SHIM2(linux_nanosleep, from, remaining) {
    nanoseconds span;
    int32_t error = linux_fetch_timespec(user_pointer(from), &span);
    if (error != 0) return error;
    const struct linux_restart restart = {.kind = LINUX_RESTART_SLEEP,
                                          .clock = CLOCK_MONOTONIC,
                                          .deadline = linux_deadline(CLOCK_MONOTONIC, span),
                                          .remaining = user_pointer(remaining)};
    return sleep_until(&restart);
}

SHIM4(linux_clock_nanosleep, clock, flags, from, remaining) {
    nanoseconds time;
    int32_t id = (int32_t)clock;
    if (id < 0) {
        if (!linux_clock_exists(id)) return -EINVAL;
    } else if (!linux_clock_in(id, LINUX_CLOCKS)) {
        return -EINVAL;
    } else if (!linux_clock_in(id, CLOCKS_SLEEPING)) {
        return -EOPNOTSUPP;
    }
    int32_t error = linux_fetch_timespec(user_pointer(from), &time);
    if (error != 0) return error;
    if (id < 0) return -EOPNOTSUPP; // sleeping on another process's processor time is not built
    if ((flags & LINUX_TIMER_ABSTIME) != 0) {
        int32_t result = kernel_ops->sleep((enum clock_id)id, time);
        return linux_was_interrupted(result) ? -KERNEL_ERESTART_NO_HANDLER : result;
    }
    // A relative sleep on the real-time clock is not changed by setting that clock.
    enum clock_id relative = id == CLOCK_REALTIME ? CLOCK_MONOTONIC : (enum clock_id)id;
    const struct linux_restart restart = {.kind = LINUX_RESTART_SLEEP,
                                          .clock = relative,
                                          .deadline = linux_deadline(relative, time),
                                          .remaining = user_pointer(remaining)};
    return sleep_until(&restart);
}

SHIM0(linux_restart_syscall) {
    struct linux_thread *thread = linux_thread_existing();
    if (thread == nullptr || thread->restart.kind == LINUX_RESTART_NONE) return -EINTR;
    struct linux_restart restart = thread->restart;
    thread->restart.kind = LINUX_RESTART_NONE;
    switch (restart.kind) {
    case LINUX_RESTART_SLEEP:
        return sleep_until(&restart);
    case LINUX_RESTART_FUTEX:
        return linux_futex_restart(&restart);
    case LINUX_RESTART_NONE:
        break;
    }
    return -EINTR;
}
