// Changing what a file's inode says: mode, owner, size, times; and making space or storage durable.
#include "personality/src/linux/file.h"
#include "personality/src/linux/process.h"

static intptr_t attributes_by_path(int32_t directory, uintptr_t path_pointer, uint32_t flags,
                                   const struct kernel_attributes *attributes) {
    struct path_argument path;
    int32_t error = linux_path_with_flags(&path, path_pointer, flags);
    if (error < 0) return error;
    return kernel_ops->set_attributes(directory, path.text, path.length, flags, attributes);
}

static intptr_t attributes_by_descriptor(uintptr_t descriptor, const struct kernel_attributes *attributes) {
    uint32_t flags;
    int32_t error = linux_file_flags(descriptor, &flags);
    if (error < 0) return error;
    return kernel_ops->set_attributes((int32_t)descriptor, "", 0, AT_EMPTY_PATH, attributes);
}

static struct kernel_attributes mode_attributes(uintptr_t mode) {
    return (struct kernel_attributes){.valid = ATTRIBUTE_MODE, .mode = (uint32_t)mode & 07777};
}

SHIM2(linux_chmod, path, mode) {
    struct kernel_attributes attributes = mode_attributes(mode);
    return attributes_by_path(AT_FDCWD, path, 0, &attributes);
}

SHIM2(linux_fchmod, descriptor, mode) {
    struct kernel_attributes attributes = mode_attributes(mode);
    return attributes_by_descriptor(descriptor, &attributes);
}

SHIM3(linux_fchmodat, directory, path, mode) {
    struct kernel_attributes attributes = mode_attributes(mode);
    return attributes_by_path((int32_t)directory, path, 0, &attributes);
}

SHIM4(linux_fchmodat2, directory, path, mode, flags) {
    if (((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
    struct kernel_attributes attributes = mode_attributes(mode);
    return attributes_by_path((int32_t)directory, path, (uint32_t)flags, &attributes);
}

// An id of -1 stays as it is.
static struct kernel_attributes owner_attributes(uintptr_t uid, uintptr_t gid) {
    return (struct kernel_attributes){.valid = ((uint32_t)uid != UINT32_MAX ? ATTRIBUTE_UID : 0) |
                                               ((uint32_t)gid != UINT32_MAX ? ATTRIBUTE_GID : 0),
                                      .uid = (uint32_t)uid,
                                      .gid = (uint32_t)gid};
}

SHIM3(linux_chown, path, uid, gid) {
    struct kernel_attributes attributes = owner_attributes(uid, gid);
    return attributes_by_path(AT_FDCWD, path, 0, &attributes);
}

SHIM3(linux_lchown, path, uid, gid) {
    struct kernel_attributes attributes = owner_attributes(uid, gid);
    return attributes_by_path(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &attributes);
}

SHIM3(linux_fchown, descriptor, uid, gid) {
    struct kernel_attributes attributes = owner_attributes(uid, gid);
    return attributes_by_descriptor(descriptor, &attributes);
}

SHIM5(linux_fchownat, directory, path, uid, gid, flags) {
    if (((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
    struct kernel_attributes attributes = owner_attributes(uid, gid);
    return attributes_by_path((int32_t)directory, path, (uint32_t)flags, &attributes);
}

SHIM2(linux_truncate, path, size) {
    if ((int64_t)size < 0) return -EINVAL;
    struct kernel_attributes attributes = {.valid = ATTRIBUTE_SIZE, .size = size};
    return attributes_by_path(AT_FDCWD, path, 0, &attributes);
}

SHIM2(linux_ftruncate, descriptor, size) {
    if ((int64_t)size < 0) return -EINVAL;
    return kernel_ops->truncate((int32_t)descriptor, (int64_t)size);
}

// ---- times

static const struct kernel_attributes times_now = {.valid = ATTRIBUTE_ATIME | ATTRIBUTE_MTIME | ATTRIBUTE_ATIME_NOW |
                                                            ATTRIBUTE_MTIME_NOW};

static nanoseconds time_saturated(int64_t seconds, int64_t rest) {
    nanoseconds time;
    if (__builtin_mul_overflow(seconds, NANOSECONDS_PER_SECOND, &time) || __builtin_add_overflow(time, rest, &time))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return time;
}

// A null path names the open file that `directory` is, when there are no flags.
static intptr_t times_set(int32_t directory, uintptr_t path_pointer, uint32_t flags,
                          const struct kernel_attributes *attributes) {
    if (path_pointer == 0 && directory != AT_FDCWD) {
        if (flags != 0) return -EINVAL;
        return attributes_by_descriptor((uintptr_t)directory, attributes);
    }
    return attributes_by_path(directory, path_pointer, flags, attributes);
}

// One time that is set to "now" while the other is not needs the owner's right: it is given as a number.
static int32_t attributes_from_timespecs(const struct linux_timespec times[2], struct kernel_attributes *attributes) {
    nanoseconds now = 0;
    if (times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW) {
        *attributes = times_now;
        return 0;
    }
    *attributes = (struct kernel_attributes){};
    for (unsigned i = 0; i < 2; i++) {
        nanoseconds *time = i == 0 ? &attributes->atime : &attributes->mtime;
        if (times[i].tv_nsec == UTIME_OMIT) continue;
        attributes->valid |= i == 0 ? ATTRIBUTE_ATIME : ATTRIBUTE_MTIME;
        if (times[i].tv_nsec == UTIME_NOW) {
            int32_t error = now == 0 ? kernel_ops->clock_get(CLOCK_REALTIME, &now) : 0;
            if (error < 0) return error;
            *time = now;
        } else if (times[i].tv_nsec < 0 || times[i].tv_nsec >= NANOSECONDS_PER_SECOND) {
            return -EINVAL;
        } else {
            *time = time_saturated(times[i].tv_sec, times[i].tv_nsec);
        }
    }
    return 0;
}

SHIM4(linux_utimensat, directory, path, times_pointer, flags) {
    struct linux_timespec times[2];
    struct kernel_attributes attributes = times_now;
    if (times_pointer != 0) {
        int32_t error = kernel_ops->fetch(times, user_pointer(times_pointer), sizeof(times));
        if (error < 0) return error;
        if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT) return 0;
        error = attributes_from_timespecs(times, &attributes);
        if (error < 0) return error;
    }
    if (((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
    return times_set((int32_t)directory, path, (uint32_t)flags, &attributes);
}

static intptr_t times_set_by_timevals(int32_t directory, uintptr_t path, uintptr_t times_pointer) {
    struct linux_timeval times[2];
    if (times_pointer == 0) return times_set(directory, path, 0, &times_now);
    int32_t error = kernel_ops->fetch(times, user_pointer(times_pointer), sizeof(times));
    if (error < 0) return error;
    for (unsigned i = 0; i < 2; i++)
        if (times[i].tv_usec < 0 || times[i].tv_usec >= 1'000'000) return -EINVAL;
    struct kernel_attributes attributes = {.valid = ATTRIBUTE_ATIME | ATTRIBUTE_MTIME,
                                           .atime = time_saturated(times[0].tv_sec, times[0].tv_usec * 1000),
                                           .mtime = time_saturated(times[1].tv_sec, times[1].tv_usec * 1000)};
    return times_set(directory, path, 0, &attributes);
}

SHIM2(linux_utimes, path, times) {
    return times_set_by_timevals(AT_FDCWD, path, times);
}

SHIM3(linux_futimesat, directory, path, times) {
    return times_set_by_timevals((int32_t)directory, path, times);
}

SHIM2(linux_utime, path, times_pointer) {
    struct linux_utimbuf times;
    if (times_pointer == 0) return times_set(AT_FDCWD, path, 0, &times_now);
    int32_t error = fetch_struct(&times, times_pointer);
    if (error < 0) return error;
    struct kernel_attributes attributes = {.valid = ATTRIBUTE_ATIME | ATTRIBUTE_MTIME,
                                           .atime = time_saturated(times.actime, 0),
                                           .mtime = time_saturated(times.modtime, 0)};
    return times_set(AT_FDCWD, path, 0, &attributes);
}

// ---- space and durability

SHIM4(linux_fallocate, descriptor, mode, offset, size) {
    constexpr uint32_t keep_size = 1, punch_hole = 2, modes = 0x7f;
    uint32_t flags;
    int32_t error = linux_file_flags(descriptor, &flags);
    if (error < 0) return error;
    if ((int64_t)offset < 0 || (int64_t)size <= 0) return -EINVAL;
    if (((uint32_t)mode & ~modes) != 0) return -EOPNOTSUPP;
    if ((mode & punch_hole) != 0 && (mode & keep_size) == 0) return -EOPNOTSUPP;
    if ((flags & O_ACCMODE) == O_RDONLY) return -EBADF;
    struct kernel_stat stat;
    error = linux_file_stat(descriptor, &stat);
    if (error < 0) return error;
    if ((stat.mode & S_IFMT) == S_IFIFO) return -ESPIPE;
    if ((stat.mode & S_IFMT) == S_IFDIR) return -EISDIR;
    if ((stat.mode & S_IFMT) != S_IFREG && (stat.mode & S_IFMT) != S_IFBLK) return -ENODEV;
    int64_t end;
    if (__builtin_add_overflow((int64_t)offset, (int64_t)size, &end)) return -EFBIG;
    return kernel_ops->allocate_space((int32_t)descriptor, (uint32_t)mode, (int64_t)offset, (int64_t)size);
}

SHIM4(linux_fadvise64, descriptor, offset, size, advice) {
    constexpr uint32_t advice_last = 5;
    uint32_t flags;
    struct kernel_stat stat;
    int32_t error = linux_file_flags(descriptor, &flags);
    if (error == 0) error = linux_file_stat(descriptor, &stat);
    if (error < 0) return error;
    if ((stat.mode & S_IFMT) == S_IFIFO) return -ESPIPE;
    if ((int64_t)size < 0 || (uint32_t)advice > advice_last) return -EINVAL;
    return kernel_ops->advise_file((int32_t)descriptor, (int64_t)offset, (int64_t)size, (uint32_t)advice);
}

SHIM0(linux_sync) {
    return kernel_ops->sync(-1);
}

static intptr_t file_sync(uintptr_t descriptor, uint32_t data_only) {
    uint32_t flags;
    int32_t error = linux_file_flags(descriptor, &flags);
    return error < 0 ? error : kernel_ops->fsync((int32_t)descriptor, data_only);
}

SHIM1(linux_fsync, descriptor) {
    return file_sync(descriptor, 0);
}

SHIM1(linux_fdatasync, descriptor) {
    return file_sync(descriptor, 1);
}

SHIM1(linux_syncfs, descriptor) {
    uint32_t flags;
    int32_t error = linux_file_flags(descriptor, &flags);
    return error < 0 ? error : kernel_ops->sync((int32_t)descriptor);
}

SHIM4(linux_sync_file_range, descriptor, offset, size, range_flags) {
    constexpr uint32_t known = 7;
    uint32_t flags;
    struct kernel_stat stat;
    int32_t error = linux_file_flags(descriptor, &flags);
    if (error < 0) return error;
    int64_t end;
    if (((uint32_t)range_flags & ~known) != 0 || (int64_t)offset < 0 || (int64_t)size < 0) return -EINVAL;
    if (__builtin_add_overflow((int64_t)offset, (int64_t)size, &end)) return -EINVAL;
    error = linux_file_stat(descriptor, &stat);
    if (error < 0) return error;
    uint32_t type = stat.mode & S_IFMT;
    if (type != S_IFREG && type != S_IFBLK && type != S_IFDIR && type != S_IFLNK) return -ESPIPE;
    return kernel_ops->fsync((int32_t)descriptor, 1);
}
