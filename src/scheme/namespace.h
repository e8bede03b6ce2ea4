// Changes to directories: making, linking, removing, renaming. All check the running process's rights.
#pragma once

#include "src/scheme/path_walk.h"

struct creation {
    uint32_t mode; // type and permission bits, umask applied
    uint64_t device;
    const char *target; // S_IFLNK
    size_t target_length;
    struct node *link; // an existing node (a hard link)
};

// Makes the entry walk->last in walk's position, which does not exist. Called with name_lock held; returns with the
// walk paused. *created gets a reference. -EEXIST: somebody was quicker. -EACCES, -EROFS, -ENOENT, -EPERM, -ENOSPC,
// -ENOMEM …
[[nodiscard]] int32_t namespace_create(struct walk *walk, const struct creation *creation, struct name **created);
// The same from a path: -EEXIST when it exists. created may be nullptr.
[[nodiscard]] int32_t namespace_create_at(int32_t directory, const char *path, size_t length,
                                          const struct creation *creation, struct path *created);
[[nodiscard]] int32_t namespace_unlink(int32_t directory, const char *path, size_t length, bool want_directory);
[[nodiscard]] int32_t namespace_rename(const struct path *old_parent, const struct last_component *old,
                                       const struct path *new_parent, const struct last_component *new, uint32_t flags);
// Drops all names below root (an unmounted in-memory tree).
void namespace_drop_tree(struct name *root);
uint32_t namespace_umask(void);
// Gives a fresh node its owner and the bits that come from its directory.
void namespace_set_owner(struct node *node, const struct node *directory, const struct identity *identity);
