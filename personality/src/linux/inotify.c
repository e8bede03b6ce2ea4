// inotify. The masks and the form of an event are the core's.
#include "personality/src/linux/file.h"

SHIM0(linux_inotify_init) {
    return kernel_ops->notify_create(0);
}

SHIM1(linux_inotify_init1, flags) {
    if (((uint32_t)flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
    return kernel_ops->notify_create((uint32_t)flags);
}

SHIM3(linux_inotify_add_watch, descriptor, path_pointer, mask) {
    constexpr uint32_t events = 0xfff, options = 0xf7000000, mask_create = 0x10000000, mask_add = 0x20000000;
    struct path_argument path;
    if (((uint32_t)mask & (events | options | 0xe000)) == 0) return -EINVAL;
    int32_t error = linux_descriptor_error(descriptor, 0);
    if (error < 0) return error;
    if ((mask & mask_create) != 0 && (mask & mask_add) != 0) return -EINVAL;
    error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    return kernel_ops->notify_watch((int32_t)descriptor, path.text, path.length, (uint32_t)mask);
}

SHIM2(linux_inotify_rm_watch, descriptor, watch) {
    return kernel_ops->notify_unwatch((int32_t)descriptor, (int32_t)watch);
}
