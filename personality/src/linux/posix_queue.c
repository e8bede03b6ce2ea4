// POSIX message queues.
#include "personality/src/linux/abi.h"
#include "personality/src/linux/file.h"
#include "personality/src/linux/process.h"

constexpr uint32_t PRIORITIES = 32768;

struct linux_mq_attr {
    int64_t mq_flags, mq_maxmsg, mq_msgsize, mq_curmsgs, reserved[4];
};
static_assert(sizeof(struct linux_mq_attr) == 64);

SHIM4(linux_mq_open, name_pointer, flags, mode, attributes_pointer) {
    struct path_argument name;
    struct linux_mq_attr attributes = {};
    int32_t error =
        (flags & O_CREAT) != 0 && attributes_pointer != 0 ? fetch_struct(&attributes, attributes_pointer) : 0;
    if (error == 0) error = linux_path(&name, name_pointer);
    if (error < 0) return error;
    struct kernel_queue_attributes canonical = {.maximum = attributes.mq_maxmsg, .message_size = attributes.mq_msgsize};
    uint32_t umask = (uint32_t)kernel_ops->umask(0);
    kernel_ops->umask(umask);
    uint32_t known = (uint32_t)flags & (O_ACCMODE | O_CREAT | O_EXCL | O_NONBLOCK);
    if ((known & O_ACCMODE) == O_ACCMODE) return -EINVAL;
    return kernel_ops->queue_open(name.text, name.length, known | O_CLOEXEC, (uint32_t)mode & 0777 & ~umask,
                                  (flags & O_CREAT) != 0 && attributes_pointer != 0 ? &canonical : nullptr);
}

SHIM1(linux_mq_unlink, name_pointer) {
    struct path_argument name;
    int32_t error = linux_path(&name, name_pointer);
    return error < 0 ? error : kernel_ops->queue_unlink(name.text, name.length);
}

// An absolute real time as a deadline. -EFAULT, -EINVAL.
static int32_t deadline_fetch(nanoseconds *deadline, uintptr_t pointer) {
    nanoseconds given, real;
    *deadline = TIME_NEVER;
    if (pointer == 0) return 0;
    int32_t error = linux_fetch_timespec(user_pointer(pointer), &given);
    if (error == 0) error = kernel_ops->clock_get(CLOCK_REALTIME, &real);
    if (error < 0) return error;
    *deadline = given <= real ? 0 : linux_deadline(CLOCK_MONOTONIC, given - real);
    return 0;
}

SHIM5(linux_mq_timedsend, descriptor, text, length, priority, timeout) {
    nanoseconds deadline;
    int32_t error = deadline_fetch(&deadline, timeout);
    if (error < 0) return error;
    if ((uint32_t)priority >= PRIORITIES) return -EINVAL;
    struct segment segment = segment_user(user_pointer(text), min(length, IO_MAXIMUM));
    return kernel_ops->queue_send((int32_t)descriptor, &segment, (uint32_t)priority, deadline);
}

SHIM5(linux_mq_timedreceive, descriptor, text, length, priority_pointer, timeout) {
    nanoseconds deadline;
    uint32_t priority;
    size_t done;
    int32_t error = deadline_fetch(&deadline, timeout);
    if (error < 0) return error;
    struct segment segment = segment_user(user_pointer(text), min(length, IO_MAXIMUM));
    error = kernel_ops->queue_receive((int32_t)descriptor, &segment, &priority, deadline, &done);
    if (error == 0 && priority_pointer != 0) error = store_struct(priority_pointer, &priority);
    return error < 0 ? error : (intptr_t)done;
}

// A thread as the receiver (SIGEV_THREAD) needs a netlink socket, which there is none of.
SHIM2(linux_mq_notify, descriptor, pointer) {
    struct linux_sigevent event;
    if (pointer == 0) return kernel_ops->queue_notify((int32_t)descriptor, -1, 0, 0);
    int32_t error = fetch_struct(&event, pointer);
    if (error < 0) return error;
    switch (event.sigev_notify) {
    case SIGEV_NONE:
        return kernel_ops->queue_notify((int32_t)descriptor, TIMER_NOTIFY_NONE, 0, 0);
    case SIGEV_SIGNAL:
        if (event.sigev_signo < 0 || (uint32_t)event.sigev_signo > SIGNAL_COUNT) return -EINVAL;
        return kernel_ops->queue_notify((int32_t)descriptor, TIMER_NOTIFY_SIGNAL, (uint32_t)event.sigev_signo,
                                        event.sigev_value);
    case SIGEV_THREAD:
        return linux_descriptor_error((uint32_t)event.sigev_signo, -EAFNOSUPPORT);
    default:
        return -EINVAL;
    }
}

SHIM3(linux_mq_getsetattr, descriptor, new_pointer, old_pointer) {
    struct linux_mq_attr new;
    struct kernel_queue_attributes old;
    uint32_t flags = 0;
    if (new_pointer != 0) {
        int32_t error = fetch_struct(&new, new_pointer);
        if (error < 0) return error;
        if ((new.mq_flags & ~(int64_t)O_NONBLOCK) != 0) return -EINVAL;
        flags = (uint32_t)new.mq_flags;
    }
    int32_t error = kernel_ops->queue_attributes((int32_t)descriptor, new_pointer != 0 ? &flags : nullptr, &old);
    if (error < 0 || old_pointer == 0) return error;
    struct linux_mq_attr out = {
        .mq_flags = old.flags, .mq_maxmsg = old.maximum, .mq_msgsize = old.message_size, .mq_curmsgs = old.count};
    return store_struct(old_pointer, &out);
}
