// Files that tell of events: epoll, eventfd, signalfd, timerfd.
#include "personality/src/linux/poll.h"

SHIM1(linux_epoll_create, size) {
    return (int32_t)size <= 0 ? -EINVAL : kernel_ops->epoll_create(0);
}

SHIM1(linux_epoll_create1, flags) {
    return ((uint32_t)flags & ~O_CLOEXEC) != 0 ? -EINVAL : kernel_ops->epoll_create((uint32_t)flags);
}

SHIM4(linux_epoll_ctl, epoll, operation, descriptor, pointer) {
    struct linux_epoll_event event = {};
    if ((uint32_t)operation != EPOLL_CTL_DEL) {
        int32_t error = fetch_struct(&event, pointer);
        if (error < 0) return error;
    }
    int32_t error = linux_descriptor_error(epoll, linux_descriptor_error(descriptor, 0));
    if (error < 0) return error;
    if ((uint32_t)operation < EPOLL_CTL_ADD || (uint32_t)operation > EPOLL_CTL_MOD) return -EINVAL;
    struct kernel_epoll_event canonical = {.events = event.events, .data = event.data};
    return kernel_ops->epoll_control((int32_t)epoll, (enum epoll_operation)operation, (int32_t)descriptor, &canonical);
}

// At most so many events at a time: what more is ready is found by the next call.
constexpr uint32_t EVENTS_AT_ONCE = 64;

static intptr_t epoll_wait_until(uintptr_t epoll, uintptr_t pointer, uintptr_t maximum, nanoseconds deadline,
                                 const signal_set *mask) {
    struct kernel_epoll_event events[EVENTS_AT_ONCE];
    struct linux_epoll_event out[EVENTS_AT_ONCE];
    if ((int32_t)maximum <= 0 || (uint32_t)maximum > INT32_MAX / sizeof(out[0])) return -EINVAL;
    int32_t count =
        kernel_ops->epoll_wait((int32_t)epoll, events, min((uint32_t)maximum, EVENTS_AT_ONCE), deadline, mask);
    if (count <= 0) return count;
    for (int32_t i = 0; i < count; i++)
        out[i] = (struct linux_epoll_event){.events = events[i].events, .data = events[i].data};
    int32_t error = kernel_ops->store(user_pointer(pointer), out, (size_t)count * sizeof(out[0]));
    return error < 0 ? error : count;
}

SHIM4(linux_epoll_wait, epoll, pointer, maximum, timeout) {
    return epoll_wait_until(epoll, pointer, maximum, linux_deadline_of_milliseconds((int32_t)timeout), nullptr);
}

SHIM5(linux_epoll_pwait, epoll, pointer, maximum, timeout, mask_pointer) {
    signal_set room;
    const signal_set *mask;
    int32_t error = linux_mask_fetch(&room, &mask, mask_pointer, mask_pointer == 0 ? 0 : sixth_argument());
    if (error < 0) return error;
    return epoll_wait_until(epoll, pointer, maximum, linux_deadline_of_milliseconds((int32_t)timeout), mask);
}

SHIM5(linux_epoll_pwait2, epoll, pointer, maximum, timeout, mask_pointer) {
    signal_set room;
    const signal_set *mask;
    nanoseconds span, deadline = TIME_NEVER;
    if (timeout != 0) {
        int32_t error = linux_fetch_timespec(user_pointer(timeout), &span);
        if (error < 0) return error;
        deadline = span == 0 ? 0 : linux_deadline(CLOCK_MONOTONIC, span);
    }
    int32_t error = linux_mask_fetch(&room, &mask, mask_pointer, mask_pointer == 0 ? 0 : sixth_argument());
    if (error < 0) return error;
    return epoll_wait_until(epoll, pointer, maximum, deadline, mask);
}

SHIM1(linux_eventfd, initial) {
    return kernel_ops->event_create((uint32_t)initial, 0);
}

SHIM2(linux_eventfd2, initial, flags) {
    constexpr uint32_t semaphore = 1;
    if (((uint32_t)flags & ~(semaphore | O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
    return kernel_ops->event_create((uint32_t)initial, (uint32_t)flags);
}

static intptr_t signal_file(uintptr_t descriptor, uintptr_t mask_pointer, uintptr_t mask_size, uint32_t flags) {
    signal_set mask;
    if (mask_size != sizeof(mask)) return -EINVAL;
    int32_t error = fetch_struct(&mask, mask_pointer);
    if (error < 0) return error;
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
    mask &= ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    return kernel_ops->signal_file((int32_t)descriptor, mask, flags);
}

SHIM3(linux_signalfd, descriptor, mask, mask_size) {
    return signal_file(descriptor, mask, mask_size, 0);
}

SHIM4(linux_signalfd4, descriptor, mask, mask_size, flags) {
    return signal_file(descriptor, mask, mask_size, (uint32_t)flags);
}

SHIM2(linux_timerfd_create, clock, flags) {
    if (((uint32_t)flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
    switch ((uint32_t)clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        return kernel_ops->timer_file_create((enum clock_id)clock, (uint32_t)flags);
    default:
        return -EINVAL;
    }
}

static struct linux_itimerspec itimerspec_from_kernel(const struct kernel_itimer *timer) {
    return (struct linux_itimerspec){.it_interval = linux_timespec_from_kernel(timer->interval),
                                     .it_value = linux_timespec_from_kernel(timer->value)};
}

SHIM4(linux_timerfd_settime, descriptor, flags, new_pointer, old_pointer) {
    constexpr uint32_t absolute = 1, cancel_on_set = 2;
    struct linux_itimerspec new, old;
    struct kernel_itimer value, before;
    int32_t error = fetch_struct(&new, new_pointer);
    if (error < 0) return error;
    if (((uint32_t)flags & ~(absolute | cancel_on_set)) != 0) return -EINVAL;
    error = linux_timespec_to_kernel(&new.it_interval, &value.interval);
    if (error == 0) error = linux_timespec_to_kernel(&new.it_value, &value.value);
    if (error == 0) error = kernel_ops->timer_file_set((int32_t)descriptor, (uint32_t)flags, &value, &before);
    if (error < 0 || old_pointer == 0) return error;
    old = itimerspec_from_kernel(&before);
    return store_struct(old_pointer, &old);
}

SHIM2(linux_timerfd_gettime, descriptor, pointer) {
    struct kernel_itimer value;
    int32_t error = kernel_ops->timer_file_get((int32_t)descriptor, &value);
    if (error < 0) return error;
    struct linux_itimerspec out = itimerspec_from_kernel(&value);
    return store_struct(pointer, &out);
}
