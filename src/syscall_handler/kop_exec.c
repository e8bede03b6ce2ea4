#include "src/context/context.h"

int32_t kop_exec(int32_t directory, const char *path, size_t length, uint32_t flags,
                 const struct kernel_exec *arguments) {
    if (flags & ~(uint32_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) return -EINVAL;
    return process_exec(directory, path, length, flags, arguments);
}
