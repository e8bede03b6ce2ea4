// Ops on extended attributes.
#include <personality.h>

#include "src/scheme/target.h"
#include "src/scheme/xattr.h"

// Finds the node; change: the mount must be writable.
static int32_t find(int32_t directory, const char *path, size_t length, uint32_t flags, bool change,
                    struct target *target) {
    int32_t error = target_find(directory, path, length, flags, target);
    if (error < 0) return error;
    if (target->file && target->file->flags & O_PATH)
        error = -EBADF;
    else if (!target->node)
        error = -EOPNOTSUPP;
    else if (change && target_read_only(target))
        error = -EROFS;
    if (error < 0) target_put(target);
    return error;
}

int32_t kop_xattr_get(int32_t directory, const char *path, size_t length, uint32_t flags, const char *name, void *value,
                      size_t size, size_t *done) {
    struct target target;
    int32_t error = find(directory, path, length, flags, false, &target);
    if (error < 0) return error;
    error = xattr_get(target.node, name, value, size, done);
    target_put(&target);
    return error;
}

int32_t kop_xattr_set(int32_t directory, const char *path, size_t length, uint32_t flags, const char *name,
                      const void *value, size_t size, uint32_t how) {
    struct target target;
    int32_t error = find(directory, path, length, flags, true, &target);
    if (error < 0) return error;
    error = xattr_set(target.node, name, value, size, how);
    target_put(&target);
    return error;
}

int32_t kop_xattr_list(int32_t directory, const char *path, size_t length, uint32_t flags, char *list, size_t size,
                       size_t *done) {
    struct target target;
    int32_t error = find(directory, path, length, flags, false, &target);
    if (error < 0) return error;
    error = xattr_list(target.node, list, size, done);
    target_put(&target);
    return error;
}

int32_t kop_xattr_remove(int32_t directory, const char *path, size_t length, uint32_t flags, const char *name) {
    struct target target;
    int32_t error = find(directory, path, length, flags, true, &target);
    if (error < 0) return error;
    error = xattr_remove(target.node, name);
    target_put(&target);
    return error;
}
