#include "src/scheme/target.h"

static int32_t target_from_descriptor(int32_t descriptor, struct target *target) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    target->file = reference.file;
    file_get(target->file);
    file_release(reference);
    target->path = target->file->path;
    if (target->path.name) path_get(&target->path);
    target->node = target->file->node;
    if (target->node) node_get(target->node);
    return 0;
}

int32_t target_find(int32_t directory, const char *path, size_t length, uint32_t flags, struct target *target) {
    *target = (struct target){};
    if (!length && flags & AT_EMPTY_PATH && directory != AT_FDCWD) return target_from_descriptor(directory, target);
    uint32_t lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0u : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0u);
    int32_t error = path_lookup(directory, path, length, lookup, &target->path);
    if (error < 0) return error;
    target->node = target->path.name->node;
    node_get(target->node);
    return 0;
}

void target_put(struct target *target) {
    if (target->node) node_put(target->node);
    if (target->path.name) path_put(&target->path);
    if (target->file) file_put(target->file);
}

bool target_read_only(const struct target *target) {
    return target->path.mount && target->path.mount->flags & MOUNT_READ_ONLY;
}
