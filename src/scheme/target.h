// What an op by path is about: a place, or with AT_EMPTY_PATH and an empty path a descriptor of any kind.
#pragma once

#include "src/scheme/file.h"

struct target {
    struct path path;  // name nullptr: an anonymous file
    struct node *node; // a reference; nullptr: a file without a node
    struct file *file; // of a descriptor; a reference
};

// flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. Errors of path_lookup.
[[nodiscard]] int32_t target_find(int32_t directory, const char *path, size_t length, uint32_t flags,
                                  struct target *target);
void target_put(struct target *target);
// Whether its mount is read-only.
bool target_read_only(const struct target *target);
