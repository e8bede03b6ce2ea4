// The mount table.
#pragma once

#include "src/scheme/scheme.h"

extern struct mount *root_mount;

// The mount on this place, or nullptr. Caller holds name_lock; no reference.
struct mount *mount_on_locked(const struct mount *mount, const struct name *name);
const struct mount_type *mount_type_find(const char *name, size_t length);
// Another view of a tree. Takes references. -ENOMEM.
[[nodiscard]] int32_t mount_bind(const struct path *source, struct path *place, uint32_t flags);
[[nodiscard]] int32_t mount_change_flags(const struct path *place, uint32_t flags);
// Moves the mount whose root is source. -EINVAL (no mount point, or the first one), -ELOOP (into itself), -ENOTDIR.
[[nodiscard]] int32_t mount_move(const struct path *source, struct path *place);
// The first call marks a mount that nobody uses (-EAGAIN), the second removes it. -EBUSY, -EINVAL.
[[nodiscard]] int32_t mount_expire(struct path *place);
// place is the root of the mount to remove. -EINVAL (not a mount point), -EBUSY. detach: also when it is in use.
[[nodiscard]] int32_t mount_remove(struct path *place, bool detach);
// Boot: a first mount without a place. nullptr: no memory.
[[nodiscard]] struct mount *mount_root(const struct scheme *scheme, const char *source, struct node *root);
// Calls visit for every mount, oldest first, with name_lock held.
void mount_visit(void (*visit)(const struct mount *mount, void *data), void *data);
static inline void mount_get(struct mount *mount) {
    refcount_get(&mount->references);
}
void mount_put(struct mount *mount);
// The mount that files without a place in the tree belong to (memory files, pipes opened again), with a reference.
[[nodiscard]] struct mount *mount_anonymous(void);
