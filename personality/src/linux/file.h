// What the files of the Linux personality about files, directories, terminals and sockets share.
#pragma once

#include "personality/src/linux/abi.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

// Fetches a path that must not be empty: -ENOENT, and as path_fetch. May fault.
[[nodiscard]] static inline int32_t linux_path(struct path_argument *path, uintptr_t word) {
    int32_t error = path_fetch(path, word);
    if (error < 0) return error;
    return path->length == 0 ? -ENOENT : 0;
}

// The same for a call with AT_* flags: AT_EMPTY_PATH allows an empty path. May fault.
[[nodiscard]] static inline int32_t linux_path_with_flags(struct path_argument *path, uintptr_t word, uint32_t flags) {
    if ((flags & AT_EMPTY_PATH) == 0) return linux_path(path, word);
    return path_fetch(path, word);
}

// -EBADF when the descriptor is not open, else error: for calls that look at the descriptor before the arguments.
static inline int32_t linux_descriptor_error(uintptr_t descriptor, int32_t error) {
    int32_t flags = kernel_ops->descriptor_flags_get((int32_t)descriptor);
    return flags < 0 ? flags : error;
}

// 0, or -EBADF when the descriptor is not open or was opened by O_PATH. *flags: those of the open file.
[[nodiscard]] static inline int32_t linux_file_flags(uintptr_t descriptor, uint32_t *flags) {
    int32_t error = kernel_ops->file_flags_get((int32_t)descriptor, flags);
    if (error < 0) return error;
    return (*flags & O_PATH) != 0 ? -EBADF : 0;
}

// What fstat says. -EBADF.
[[nodiscard]] static inline int32_t linux_file_stat(uintptr_t descriptor, struct kernel_stat *stat) {
    if ((int32_t)descriptor < 0) return -EBADF;
    return kernel_ops->stat((int32_t)descriptor, "", 0, AT_EMPTY_PATH, stat);
}

// Seconds and the nanoseconds beyond them, 0 to 999,999,999, also before the epoch.
static inline int64_t linux_seconds(nanoseconds time, int64_t *rest) {
    int64_t seconds = time / NANOSECONDS_PER_SECOND;
    *rest = time % NANOSECONDS_PER_SECOND;
    if (*rest < 0) {
        *rest += NANOSECONDS_PER_SECOND;
        seconds--;
    }
    return seconds;
}
