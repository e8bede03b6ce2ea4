// Opening and making descriptors: open and its kin, pipes, memory files, duplicates, closing.
#include "lib/string.h"
#include "personality/src/linux/file.h"

constexpr uint32_t OPEN_FLAGS_KNOWN = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
                                      O_SYNC | O_ASYNC | O_DIRECT | O_TMPFILE | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |
                                      O_PATH;
constexpr uint32_t OPEN_FLAGS_OF_PATH = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr uint32_t MODE_BITS = 07777;

// The rules on flags that open, openat and openat2 share. -EINVAL.
static int32_t open_flags_check(uint32_t flags) {
    if ((flags & LINUX_O_TMPFILE_BIT) != 0) {
        if ((flags & (O_TMPFILE | O_CREAT)) != O_TMPFILE) return -EINVAL;
        if ((flags & O_ACCMODE) == O_RDONLY) return -EINVAL;
    } else if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
        return -EINVAL;
    }
    return 0;
}

static inline intptr_t open_path(int32_t directory, uintptr_t path_pointer, uint32_t flags, uint32_t mode) {
    if (unlikely((flags & O_PATH) != 0)) flags &= OPEN_FLAGS_OF_PATH | O_RESOLVE_ALL;
    int32_t error = open_flags_check(flags);
    if (error < 0) return error;
    struct path_argument path;
    error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    if ((flags & (O_CREAT | LINUX_O_TMPFILE_BIT)) == 0) mode = 0;
    return kernel_ops->open(directory, path.text, path.length, flags, mode & MODE_BITS);
}

SHIM3(linux_open, path, flags, mode) {
    return open_path(AT_FDCWD, path, (uint32_t)flags & OPEN_FLAGS_KNOWN, (uint32_t)mode);
}

SHIM4(linux_openat, directory, path, flags, mode) {
    return open_path((int32_t)directory, path, (uint32_t)flags & OPEN_FLAGS_KNOWN, (uint32_t)mode);
}

SHIM2(linux_creat, path, mode) {
    return open_path(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, (uint32_t)mode);
}

// Fetches a structure that later versions of Linux lengthen: bytes that this version doesn't know must be zero
// (-E2BIG).
static int32_t extensible_fetch(void *to, size_t known, uintptr_t word, uintptr_t given) {
    if (given > PAGE_SIZE) return -E2BIG;
    if (given < known) return -EINVAL;
    int32_t error = kernel_ops->fetch(to, user_pointer(word), known);
    for (size_t at = known; error == 0 && at < given; at++) {
        uint8_t byte;
        error = kernel_ops->fetch(&byte, user_pointer(word + at), 1);
        if (error == 0 && byte != 0) return -E2BIG;
    }
    return error;
}

static int32_t open_how_check(const struct linux_open_how *how) {
    constexpr uint64_t resolve_known = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |
                                       RESOLVE_IN_ROOT | RESOLVE_CACHED;
    if ((how->flags & ~(uint64_t)(OPEN_FLAGS_KNOWN | LINUX_O_LARGEFILE)) != 0) return -EINVAL;
    if ((how->resolve & ~resolve_known) != 0) return -EINVAL;
    if ((how->resolve & RESOLVE_BENEATH) != 0 && (how->resolve & RESOLVE_IN_ROOT) != 0) return -EINVAL;
    if ((how->flags & (O_CREAT | LINUX_O_TMPFILE_BIT)) != 0 ? (how->mode & ~(uint64_t)MODE_BITS) != 0 : how->mode != 0)
        return -EINVAL;
    if ((how->flags & O_PATH) != 0 && (how->flags & ~(uint64_t)OPEN_FLAGS_OF_PATH) != 0) return -EINVAL;
    if ((how->resolve & RESOLVE_CACHED) != 0)
        return (how->flags & (O_TRUNC | O_CREAT | LINUX_O_TMPFILE_BIT)) != 0 ? -EINVAL : -EAGAIN;
    return 0;
}

SHIM4(linux_openat2, directory, path, how_pointer, size) {
    struct linux_open_how how;
    int32_t error = extensible_fetch(&how, sizeof(how), how_pointer, size);
    if (error == 0) error = open_how_check(&how);
    if (error < 0) return error;
    uint32_t flags = (uint32_t)how.flags | (uint32_t)how.resolve << O_RESOLVE_SHIFT;
    return open_path((int32_t)directory, path, flags, (uint32_t)how.mode);
}

SHIM1(linux_close, descriptor) {
    return kernel_ops->close((int32_t)descriptor);
}

SHIM3(linux_close_range, first, last, flags) {
    constexpr uint32_t unshare = 2, close_on_exec = 4;
    if (((uint32_t)flags & ~(unshare | close_on_exec)) != 0 || (uint32_t)first > (uint32_t)last) return -EINVAL;
    return kernel_ops->close_range((uint32_t)first, (uint32_t)last, (uint32_t)flags);
}

static intptr_t pipe_make(uintptr_t pointer, uint32_t flags) {
    int32_t descriptors[2];
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0) return -EINVAL;
    int32_t error = kernel_ops->pipe(flags, descriptors);
    if (error < 0) return error;
    error = kernel_ops->store(user_pointer(pointer), descriptors, sizeof(descriptors));
    if (error == 0) return 0;
    kernel_ops->close(descriptors[0]);
    kernel_ops->close(descriptors[1]);
    return error;
}

SHIM1(linux_pipe, pointer) {
    return pipe_make(pointer, 0);
}

SHIM2(linux_pipe2, pointer, flags) {
    return pipe_make(pointer, (uint32_t)flags);
}

SHIM1(linux_dup, descriptor) {
    return kernel_ops->duplicate((int32_t)descriptor, 0, 0);
}

SHIM2(linux_dup2, descriptor, target) {
    if ((int32_t)descriptor == (int32_t)target) return linux_descriptor_error(descriptor, (int32_t)target);
    return kernel_ops->duplicate_to((int32_t)descriptor, (int32_t)target, 0);
}

SHIM3(linux_dup3, descriptor, target, flags) {
    if (((uint32_t)flags & ~O_CLOEXEC) != 0 || (int32_t)descriptor == (int32_t)target) return -EINVAL;
    return kernel_ops->duplicate_to((int32_t)descriptor, (int32_t)target, (uint32_t)flags);
}

SHIM2(linux_memfd_create, name_pointer, flags) {
    constexpr uint32_t close_on_exec = 1, allow_sealing = 2, no_exec_seal = 8, exec = 16;
    constexpr size_t name_maximum = 249;
    char name[name_maximum + 1];
    size_t length;
    if (((uint32_t)flags & ~(close_on_exec | allow_sealing | no_exec_seal | exec)) != 0) return -EINVAL;
    if ((flags & exec) != 0 && (flags & no_exec_seal) != 0) return -EINVAL;
    int32_t error = kernel_ops->fetch_string(name, user_pointer(name_pointer), sizeof(name), &length);
    if (error < 0) return error == -ENAMETOOLONG ? -EINVAL : error;
    return kernel_ops->memory_file_create(name, length, (uint32_t)flags);
}
