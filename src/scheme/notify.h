// Telling watchers what happens to nodes and names (inotify). Without any watch in the system a hook is one comparison.
#pragma once

#include "src/scheme/file.h"

enum notify_mask : uint32_t {
    NOTIFY_ACCESS = 1,
    NOTIFY_MODIFY = 2,
    NOTIFY_ATTRIBUTES = 4,
    NOTIFY_CLOSE_WRITE = 8,
    NOTIFY_CLOSE_NO_WRITE = 0x10,
    NOTIFY_OPEN = 0x20,
    NOTIFY_MOVED_FROM = 0x40,
    NOTIFY_MOVED_TO = 0x80,
    NOTIFY_CREATE = 0x100,
    NOTIFY_DELETE = 0x200,
    NOTIFY_DELETE_SELF = 0x400,
    NOTIFY_MOVE_SELF = 0x800,
    NOTIFY_ALL = 0xfff,
    NOTIFY_OVERFLOW = 0x4000,
    NOTIFY_IGNORED = 0x8000, // the watch is gone
    NOTIFY_ONLY_DIRECTORY = 0x1000000,
    NOTIFY_DO_NOT_FOLLOW = 0x2000000,
    NOTIFY_EXCLUDE_UNLINKED = 0x4000000,
    NOTIFY_MASK_CREATE = 0x10000000,
    NOTIFY_MASK_ADD = 0x20000000,
    NOTIFY_IS_DIRECTORY = 0x40000000,
    NOTIFY_ONE_SHOT = 0x80000000,
};

extern uint32_t notify_watches; // (A) how many there are

void notify_send_entry(struct node *directory, const char *name, size_t length, struct node *node, uint32_t mask,
                       uint32_t cookie);
void notify_send_node(struct node *node, uint32_t mask);
void notify_send_name(struct name *name, uint32_t mask);
void notify_send_deleted(struct node *node);
uint32_t notify_new_cookie(void);

// An entry of a directory, which is about node, came, went or moved. Any context that may take a spinlock.
static inline void notify_entry(struct node *directory, const struct name *entry, uint32_t mask) {
    if (unlikely(atomic_load_relaxed(&notify_watches)))
        notify_send_entry(directory, entry->text, entry->length, entry->node, mask, 0);
}
static inline void notify_node(struct node *node, uint32_t mask) {
    if (unlikely(atomic_load_relaxed(&notify_watches))) notify_send_node(node, mask);
}
// Watchers of the file, and of the directory that it was opened in.
static inline void notify_file(struct file *file, uint32_t mask) {
    if (unlikely(atomic_load_relaxed(&notify_watches)) && file->path.name) notify_send_name(file->path.name, mask);
}
// A name of node was removed: its links changed, and with the last one it is gone. May sleep.
static inline void notify_unlinked(struct node *node) {
    if (unlikely(atomic_load_relaxed(&notify_watches))) notify_send_deleted(node);
}

// The bytes of waiting events; false: the file is no event queue.
bool notify_bytes(struct file *file, uint32_t *bytes);
