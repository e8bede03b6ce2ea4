// fcntl: one function per group of commands, found by a table; and flock.
#include "personality/src/linux/file.h"

constexpr uint32_t FD_CLOEXEC = 1;
constexpr int32_t SIGNALS = 64;

typedef intptr_t fcntl_command(uintptr_t descriptor, uint32_t command, uintptr_t argument);

static intptr_t fcntl_duplicate(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    if ((int32_t)argument < 0) return linux_descriptor_error(descriptor, -EINVAL);
    return kernel_ops->duplicate((int32_t)descriptor, (int32_t)argument, command == F_DUPFD_CLOEXEC ? O_CLOEXEC : 0);
}

static intptr_t fcntl_descriptor_flags(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    if (command == F_GETFD) return kernel_ops->descriptor_flags_get((int32_t)descriptor);
    return kernel_ops->descriptor_flags_set((int32_t)descriptor, (uint32_t)argument & FD_CLOEXEC);
}

static intptr_t fcntl_flags_get(uintptr_t descriptor, uint32_t, uintptr_t) {
    uint32_t flags;
    int32_t error = kernel_ops->file_flags_get((int32_t)descriptor, &flags);
    return error < 0 ? error : (intptr_t)flags;
}

static intptr_t fcntl_flags_set(uintptr_t descriptor, uint32_t, uintptr_t argument) {
    constexpr uint32_t settable = O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK;
    return kernel_ops->file_flags_set((int32_t)descriptor, (uint32_t)argument & settable);
}

// ---- record locks

// The byte range of a struct flock in absolute terms. -EINVAL, -EOVERFLOW.
static int32_t lock_range(uintptr_t descriptor, const struct linux_flock *from, struct kernel_file_lock *to) {
    int64_t start = 0;
    if (from->l_whence == SEEK_CUR) {
        int32_t error = kernel_ops->seek((int32_t)descriptor, 0, SEEK_CUR, &start);
        if (error == -ESPIPE)
            start = 0;
        else if (error < 0)
            return error;
    } else if (from->l_whence == SEEK_END) {
        struct kernel_stat stat;
        int32_t error = linux_file_stat(descriptor, &stat);
        if (error < 0) return error;
        start = (int64_t)stat.size;
    } else if (from->l_whence != SEEK_SET) {
        return -EINVAL;
    }
    if (__builtin_add_overflow(start, from->l_start, &start)) return -EOVERFLOW;
    int64_t length = from->l_len, last;
    if (start < 0) return -EINVAL;
    if (length < 0) {
        if (start + length < 0) return -EINVAL;
        start += length;
        length = -length;
    } else if (length > 0 && __builtin_add_overflow(start, length - 1, &last)) {
        return -EOVERFLOW;
    }
    to->start = (uint64_t)start;
    to->length = (uint64_t)length;
    return 0;
}

static intptr_t fcntl_lock_test(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    struct linux_flock lock;
    struct kernel_file_lock canonical = {};
    bool of_file = command == F_OFD_GETLK;
    int32_t error = fetch_struct(&lock, argument);
    if (error < 0) return error;
    if (lock.l_type != F_RDLCK && lock.l_type != F_WRLCK) return -EINVAL;
    if (of_file && lock.l_pid != 0) return -EINVAL;
    error = lock_range(descriptor, &lock, &canonical);
    if (error < 0) return error;
    canonical.type = (uint32_t)lock.l_type;
    error = kernel_ops->file_lock_test((int32_t)descriptor, &canonical, of_file);
    if (error < 0) return error;
    if (canonical.type == F_UNLCK) {
        lock.l_type = F_UNLCK;
    } else {
        lock = (struct linux_flock){.l_type = (int16_t)canonical.type,
                                    .l_whence = SEEK_SET,
                                    .l_start = (int64_t)canonical.start,
                                    .l_len = (int64_t)canonical.length,
                                    .l_pid = canonical.pid};
    }
    return store_struct(argument, &lock);
}

static intptr_t fcntl_lock_set(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    struct linux_flock lock;
    struct kernel_file_lock canonical = {};
    bool of_file = command == F_OFD_SETLK || command == F_OFD_SETLKW;
    bool wait = command == F_SETLKW || command == F_OFD_SETLKW;
    uint32_t flags;
    int32_t error = fetch_struct(&lock, argument);
    if (error == 0) error = lock_range(descriptor, &lock, &canonical);
    if (error < 0) return error;
    if (lock.l_type < F_RDLCK || lock.l_type > F_UNLCK) return -EINVAL;
    if (of_file && lock.l_pid != 0) return -EINVAL;
    error = linux_file_flags(descriptor, &flags);
    if (error < 0) return error;
    if (lock.l_type == F_RDLCK && (flags & O_ACCMODE) == O_WRONLY) return -EBADF;
    if (lock.l_type == F_WRLCK && (flags & O_ACCMODE) == O_RDONLY) return -EBADF;
    canonical.type = (uint32_t)lock.l_type;
    return kernel_ops->file_lock_set((int32_t)descriptor, &canonical, of_file, wait);
}

// ---- owners of SIGIO; the core counts a process group as a negative number

static intptr_t fcntl_owner(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    int32_t owner;
    if (command == F_SETOWN) {
        if ((int32_t)argument == INT32_MIN) return -EINVAL;
        return kernel_ops->file_owner_set((int32_t)descriptor, (int32_t)argument);
    }
    int32_t error = kernel_ops->file_owner_get((int32_t)descriptor, &owner);
    return error < 0 ? error : owner;
}

static intptr_t fcntl_owner_extended(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    struct linux_owner_ex owner;
    int32_t canonical;
    if (command == F_SETOWN_EX) {
        int32_t error = fetch_struct(&owner, argument);
        if (error < 0) return error;
        if (owner.type < F_OWNER_TID || owner.type > F_OWNER_PGRP || owner.pid < 0) return -EINVAL;
        return kernel_ops->file_owner_set((int32_t)descriptor, owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid);
    }
    int32_t error = kernel_ops->file_owner_get((int32_t)descriptor, &canonical);
    if (error < 0) return error;
    owner = (struct linux_owner_ex){.type = canonical < 0 ? F_OWNER_PGRP : F_OWNER_PID,
                                    .pid = canonical < 0 ? -canonical : canonical};
    return store_struct(argument, &owner);
}

// Only the default signal (0: SIGIO) is there.
static intptr_t fcntl_signal(uintptr_t, uint32_t command, uintptr_t argument) {
    if (command == F_GETSIG) return 0;
    if ((int32_t)argument < 0 || (int32_t)argument > SIGNALS) return -EINVAL;
    return argument == 0 || argument == SIGIO ? 0 : -ENOSYS;
}

// No leases: nobody holds one, and none is given.
static intptr_t fcntl_lease(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    struct kernel_stat stat;
    if (command == F_GETLEASE) return F_UNLCK;
    int32_t error = linux_file_stat(descriptor, &stat);
    if (error < 0) return error;
    if ((stat.mode & S_IFMT) != S_IFREG || argument > F_UNLCK) return -EINVAL;
    return argument == F_UNLCK ? -EAGAIN : -ENOLCK;
}

// No notes about directories by signal: inotify has them.
static intptr_t fcntl_notify(uintptr_t descriptor, uint32_t, uintptr_t) {
    struct kernel_stat stat;
    int32_t error = linux_file_stat(descriptor, &stat);
    if (error < 0) return error;
    return (stat.mode & S_IFMT) == S_IFDIR ? -EINVAL : -ENOTDIR;
}

static intptr_t fcntl_pipe_size(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    size_t size;
    if (command == F_SETPIPE_SZ) {
        if ((uint32_t)argument > INT32_MAX) return -EINVAL;
        int32_t error = kernel_ops->pipe_size_set((int32_t)descriptor, (uint32_t)argument);
        if (error < 0) return error;
    }
    int32_t error = kernel_ops->pipe_size_get((int32_t)descriptor, &size);
    return error < 0 ? error : (intptr_t)size;
}

static intptr_t fcntl_seals(uintptr_t descriptor, uint32_t command, uintptr_t argument) {
    uint32_t seals, flags;
    if (command == F_ADD_SEALS) {
        constexpr uint32_t known = 0x3f;
        int32_t error = linux_file_flags(descriptor, &flags);
        if (error < 0) return error;
        if ((flags & O_ACCMODE) == O_RDONLY) return -EPERM;
        if (((uint32_t)argument & ~known) != 0) return -EINVAL;
        return kernel_ops->seals_add((int32_t)descriptor, (uint32_t)argument);
    }
    int32_t error = kernel_ops->seals_get((int32_t)descriptor, &seals);
    return error < 0 ? error : (intptr_t)seals;
}

static const struct fcntl_entry {
    uint32_t command;
    bool on_path_only; // allowed on a descriptor opened by O_PATH
    fcntl_command *run;
} fcntl_commands[] = {
    {F_GETFD, true, fcntl_descriptor_flags},
    {F_SETFD, true, fcntl_descriptor_flags},
    {F_GETFL, true, fcntl_flags_get},
    {F_SETFL, false, fcntl_flags_set},
    {F_DUPFD, true, fcntl_duplicate},
    {F_DUPFD_CLOEXEC, true, fcntl_duplicate},
    {F_GETLK, false, fcntl_lock_test},
    {F_SETLK, false, fcntl_lock_set},
    {F_SETLKW, false, fcntl_lock_set},
    {F_OFD_GETLK, false, fcntl_lock_test},
    {F_OFD_SETLK, false, fcntl_lock_set},
    {F_OFD_SETLKW, false, fcntl_lock_set},
    {F_SETOWN, false, fcntl_owner},
    {F_GETOWN, false, fcntl_owner},
    {F_SETOWN_EX, false, fcntl_owner_extended},
    {F_GETOWN_EX, false, fcntl_owner_extended},
    {F_SETSIG, false, fcntl_signal},
    {F_GETSIG, false, fcntl_signal},
    {F_SETLEASE, false, fcntl_lease},
    {F_GETLEASE, false, fcntl_lease},
    {F_NOTIFY, false, fcntl_notify},
    {F_SETPIPE_SZ, false, fcntl_pipe_size},
    {F_GETPIPE_SZ, false, fcntl_pipe_size},
    {F_ADD_SEALS, false, fcntl_seals},
    {F_GET_SEALS, false, fcntl_seals},
};

SHIM3(linux_fcntl, descriptor, command, argument) {
    uint32_t flags;
    for (unsigned i = 0; i < array_size(fcntl_commands); i++) {
        const struct fcntl_entry *entry = &fcntl_commands[i];
        if (entry->command != (uint32_t)command) continue;
        int32_t error = entry->on_path_only ? 0 : linux_file_flags(descriptor, &flags);
        return error < 0 ? error : entry->run(descriptor, entry->command, argument);
    }
    return linux_descriptor_error(descriptor, -EINVAL);
}

SHIM2(linux_flock, descriptor, operation) {
    constexpr uint32_t shared = 1, exclusive = 2, do_not_block = 4, unlock = 8;
    uint32_t kind = (uint32_t)operation & ~do_not_block, flags;
    if (kind != shared && kind != exclusive && kind != unlock) return -EINVAL;
    int32_t error = linux_file_flags(descriptor, &flags);
    return error < 0 ? error : kernel_ops->flock((int32_t)descriptor, (uint32_t)operation);
}
