// Open files and path look-up.
#pragma once

#include <personality.h>

#include "src/context/handle_table.h"
#include "src/context/object.h"
#include "src/scheme/scheme.h"

extern const struct object_type file_type;

struct file {
    struct object object;
    const struct scheme *scheme; // (i) after open
    struct path path;            // (i) name nullptr for pipes, sockets and the like
    struct node *node;           // (i) a reference; nullptr for anonymous files
    uint32_t flags;              // (A) O_* of open; O_ACCMODE and O_PATH immutable
    struct mutex offset_lock;    // guards offset of seekable files
    int64_t offset;
    struct wait_queue *readiness; // (i) nullptr: always ready
    void *data;                   // the scheme's
    int32_t owner;                // F_SETOWN
    uint64_t directory_cookie;
    struct async_signal *async; // (A) with O_ASYNC: src/scheme/async_signal.c
    struct list epoll_items;    // src/scheme/epoll.c
};
static inline struct file *file_of(struct object *object) {
    return container_of(object, struct file, object);
}
static inline void file_get(struct file *file) {
    object_get(&file->object);
}
static inline void file_put(struct file *file) {
    object_put(&file->object);
}
static inline bool file_readable(const struct file *file) {
    return (file->flags & O_ACCMODE) != O_WRONLY && !(file->flags & O_PATH);
}
static inline bool file_writable(const struct file *file) {
    return (file->flags & O_ACCMODE) != O_RDONLY && !(file->flags & O_PATH);
}
// An anonymous file (pipe end, eventfd): one reference. nullptr: no memory.
[[nodiscard]] struct file *file_create(const struct scheme *scheme, uint32_t flags, void *data);
// Opens for the kernel itself (exec): O_* flags, permission checks of the running process apply. May sleep.
[[nodiscard]] int32_t file_open(int32_t directory, const char *path, size_t length, uint32_t flags, uint32_t mode,
                                struct file **file);
// A file on a place that was looked up, without permission checks (the caller made them). A reference.
[[nodiscard]] int32_t file_open_node(const struct path *path, uint32_t flags, struct file **file);
// Reads into kernel memory at an offset without moving the position. Bytes or an error.
[[nodiscard]] int64_t file_read_at(struct file *file, void *buffer, size_t size, uint64_t offset);
// A reference to the object behind mmap.
[[nodiscard]] int32_t file_memory_object(struct file *file, struct memory_object **object);
uint64_t file_size(struct file *file);
// ETXTBSY bookkeeping: -ETXTBSY when somebody has it open for writing.
[[nodiscard]] int32_t file_deny_write(struct file *file);
void file_allow_write(struct file *file);
// The place that a magic link to the file (/proc/pid/fd) leads to, with references: for an anonymous file with a node
// (a pipe) one that is made up, so that it can be opened again. -ENXIO (nothing to open), -ENOMEM.
[[nodiscard]] int32_t file_place(struct file *file, struct path *place);

// ---- path look-up (src/scheme/path_walk.c)
enum lookup_flags : uint32_t {
    LOOKUP_FOLLOW = 1,    // follow a symlink in the last component
    LOOKUP_DIRECTORY = 2, // it must be a directory
    LOOKUP_EMPTY = 4,     // an empty path means `directory` itself
    LOOKUP_PARENT = 8,    // stop before the last component
    LOOKUP_NO_SYMLINKS = 16,
    LOOKUP_BENEATH = 32,
    LOOKUP_NO_MOUNTS = 64,
    LOOKUP_NO_MAGIC_LINKS = 128,
    LOOKUP_IN_ROOT = 256, // the starting point is the root
};
// *result gets references. ENOENT, ENOTDIR, EACCES, ELOOP (40 links), ENAMETOOLONG (component > 255, path >= 4096),
// EBADF.
[[nodiscard]] int32_t path_lookup(int32_t directory, const char *path, size_t length, uint32_t flags,
                                  struct path *result);
// For creating and removing: the parent directory and the last component (it points into path). A last component "." or
// ".." or "/" gives last_length 0 and *result that directory. trailing_slash is set for "name/".
struct last_component {
    const char *name;
    size_t length;
    bool trailing_slash;
};
[[nodiscard]] int32_t path_lookup_parent(int32_t directory, const char *path, size_t length, struct path *parent,
                                         struct last_component *last);
// The absolute path of a place as seen from the running process's root; returns its length. -ENAMETOOLONG, -ENOENT
// (unlinked; then " (deleted)" is appended when buffer allows and mark_deleted is set).
[[nodiscard]] int64_t path_text(const struct path *path, char *buffer, size_t size, bool mark_deleted);
