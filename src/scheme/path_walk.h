// A walk in progress. name_lock is held from walk_start to walk_end, but for the moments in which a scheme is asked.
#pragma once

#include "src/scheme/file.h"
#include "src/scheme/identity.h"

struct walk {
    struct mount *mount; // the position; borrowed, valid while name_lock is held
    struct name *name;
    struct identity identity;
    struct path root; // of the process; borrowed until root_pinned
    bool root_pinned;
    uint8_t links;
    uint32_t restrictions; // LOOKUP_* that hold for all of the walk
    struct path pinned;    // references that keep the position alive while the lock is dropped
    struct name *pinned_child;
    struct file_reference base;
    struct path start;          // LOOKUP_BENEATH
    char *buffer;               // heap: the path after a symbolic link
    struct last_component last; // LOOKUP_PARENT; points into the path or buffer
    uint32_t last_hash;
};

// Begins at the root, the working directory or a descriptor. -EBADF, -ENOTDIR. On success name_lock is held.
[[nodiscard]] int32_t walk_start(struct walk *walk, int32_t directory, const char *path, size_t length);
// Restricts a walk that was just started, by LOOKUP_BENEATH, NO_SYMLINKS, NO_MOUNTS, NO_MAGIC_LINKS, IN_ROOT.
void walk_restrict(struct walk *walk, uint32_t restrictions);
// enum lookup_flags. name_lock stays held, also on failure.
[[nodiscard]] int32_t walk_path(struct walk *walk, const char *path, size_t length, uint32_t flags);
// Looks the last component of a LOOKUP_PARENT walk up: *child nullptr when it does not exist. The child is valid until
// the lock is dropped. Errors are the scheme's; a look-up may drop and retake the lock.
[[nodiscard]] int32_t walk_last(struct walk *walk, struct name **child);
// Continues a LOOKUP_PARENT walk through child, a symbolic link. -ELOOP.
[[nodiscard]] int32_t walk_follow_last(struct walk *walk, struct name *child);
// The position with what is mounted on it.
void walk_enter(struct walk *walk, struct name *child);
// References to the position.
void walk_take(const struct walk *walk, struct path *result);
// Drops the lock, keeping the position alive; walk_resume takes it again.
void walk_pause(struct walk *walk);
void walk_resume(struct walk *walk);
void walk_end(struct walk *walk);
// The same with name_lock not held (between walk_pause and walk_resume).
void walk_end_paused(struct walk *walk);
