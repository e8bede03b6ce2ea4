// Interval timers and POSIX timers.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/linux/time.h"
#include "personality/src/shim.h"

// ---- interval timers

static struct linux_itimerval itimerval_from_kernel(const struct kernel_itimer *timer) {
    return (struct linux_itimerval){linux_timeval_from_kernel(timer->interval),
                                    linux_timeval_from_kernel(timer->value)};
}

SHIM2(linux_getitimer, which, to) {
    struct kernel_itimer timer;
    if ((uint32_t)which > 2) return -EINVAL;
    int32_t error = kernel_ops->interval_timer_get((uint32_t)which, &timer);
    if (error != 0) return error;
    struct linux_itimerval answer = itimerval_from_kernel(&timer);
    return store_struct(to, &answer);
}

SHIM3(linux_setitimer, which, from, to) {
    struct linux_itimerval given = {};
    struct kernel_itimer timer, old;
    int32_t error = from != 0 ? fetch_struct(&given, from) : 0;
    if (error == 0) error = linux_timeval_to_kernel(&given.it_interval, &timer.interval);
    if (error == 0) error = linux_timeval_to_kernel(&given.it_value, &timer.value);
    if (error != 0) return error;
    if ((uint32_t)which > 2) return -EINVAL;
    error = kernel_ops->interval_timer_set((uint32_t)which, &timer, &old);
    if (error != 0 || to == 0) return error;
    struct linux_itimerval answer = itimerval_from_kernel(&old);
    return store_struct(to, &answer);
}

SHIM1(linux_alarm, seconds) {
    const struct kernel_itimer timer = {.value = (nanoseconds)(uint32_t)seconds * NANOSECONDS_PER_SECOND};
    struct kernel_itimer old;
    int32_t error = kernel_ops->interval_timer_set(0, &timer, &old);
    if (error != 0) return error;
    // Rounded, but never an armed timer to 0.
    nanoseconds rest = (old.value + NANOSECONDS_PER_SECOND / 2) / NANOSECONDS_PER_SECOND;
    return rest == 0 && old.value != 0 ? 1 : rest;
}

// ---- POSIX timers

static int32_t fetch_event(uintptr_t from, struct linux_sigevent *event, enum timer_notify *notify) {
    *notify = TIMER_NOTIFY_SIGNAL;
    if (from == 0) {
        *event = (struct linux_sigevent){.sigev_signo = SIGALRM};
        return 0;
    }
    int32_t error = fetch_struct(event, from);
    if (error != 0) return error;
    switch (event->sigev_notify) {
    case SIGEV_NONE:
        *notify = TIMER_NOTIFY_NONE;
        return 0;
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
        break;
    case SIGEV_THREAD_ID:
    case SIGEV_THREAD_ID | SIGEV_THREAD:
        *notify = TIMER_NOTIFY_THREAD_SIGNAL;
        break;
    default:
        return -EINVAL;
    }
    return event->sigev_signo < 1 || event->sigev_signo > (int32_t)SIGNAL_COUNT ? -EINVAL : 0;
}

SHIM3(linux_timer_create, clock, from, to) {
    struct linux_sigevent event;
    enum timer_notify notify;
    int32_t number = (int32_t)clock;
    if (number < 0) {
        struct linux_processor_clock processor;
        if (!linux_processor_clock_parse(number, &processor) || !linux_processor_clock_exists(&processor))
            return -EINVAL;
        bool own =
            processor.id == 0 || processor.id == (processor.of_thread ? kernel_ops->get_tid() : kernel_ops->get_pid());
        if (!own) return -EOPNOTSUPP;
        number = processor.of_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
    }
    if (!linux_clock_in(number, LINUX_CLOCKS)) return -EINVAL;
    if (!linux_clock_in(number, LINUX_CLOCKS_WITH_TIMERS)) return -EOPNOTSUPP;
    int32_t error = fetch_event(from, &event, &notify);
    if (error != 0) return error;
    // Without a sigevent the signal's value is the timer's number.
    uintptr_t value = from == 0 ? LINUX_TIMER_VALUE_IS_ID : event.sigev_value;
    int32_t id;
    error = kernel_ops->timer_create((enum clock_id)number, notify, (uint32_t)event.sigev_signo, value, event.sigev_tid,
                                     &id);
    if (error != 0) return error;
    error = store_struct(to, &id);
    if (error != 0) (void)!kernel_ops->timer_delete(id);
    return error;
}

static struct linux_itimerspec itimerspec_from_kernel(const struct kernel_itimer *timer) {
    return (struct linux_itimerspec){linux_timespec_from_kernel(timer->interval),
                                     linux_timespec_from_kernel(timer->value)};
}

SHIM4(linux_timer_settime, id, flags, from, to) {
    struct linux_itimerspec given;
    struct kernel_itimer timer, old;
    if (from == 0) return -EINVAL;
    int32_t error = fetch_struct(&given, from);
    if (error == 0) error = linux_timespec_to_kernel(&given.it_interval, &timer.interval);
    if (error == 0) error = linux_timespec_to_kernel(&given.it_value, &timer.value);
    if (error == 0) error = kernel_ops->timer_set((int32_t)id, flags & LINUX_TIMER_ABSTIME, &timer, &old);
    if (error != 0 || to == 0) return error;
    struct linux_itimerspec answer = itimerspec_from_kernel(&old);
    return store_struct(to, &answer);
}

SHIM2(linux_timer_gettime, id, to) {
    struct kernel_itimer timer;
    int32_t error = kernel_ops->timer_get((int32_t)id, &timer);
    if (error != 0) return error;
    struct linux_itimerspec answer = itimerspec_from_kernel(&timer);
    return store_struct(to, &answer);
}
