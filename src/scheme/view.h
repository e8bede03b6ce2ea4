// Views: trees of generated files by table (proc, sys). An entry is a file, a directory or a link; directories whose
// entries are made on the fly (a process's number, its descriptors) have list and find functions.
#pragma once

#include "src/scheme/file.h"
#include "src/scheme/text.h"

struct view_entry;

// What an entry is about. Meaning by view: proc uses process and thread ids and a descriptor.
struct view_target {
    int32_t pid, tid;
    int32_t number;
};

struct view_lister {
    // Calls add for each dynamic entry whose key is >= from, in ascending order of keys, until it answers false.
    void *data;
    bool (*add)(struct view_lister *lister, const char *name, size_t length, const struct view_entry *entry,
                const struct view_target *target, uint32_t key);
};

struct view_entry {
    const char *name; // nullptr ends a table
    uint32_t mode;
    int32_t (*show)(struct text *text, const struct view_target *target);
    int32_t (*store)(const char *text, size_t length, const struct view_target *target);
    int32_t (*read_link)(const struct view_target *target, char *buffer, size_t size, size_t *length);
    int32_t (*follow)(const struct view_target *target, struct path *place);
    const struct view_entry *children;
    void (*list)(const struct view_target *target, uint32_t from, struct view_lister *lister);
    int32_t (*find)(const struct view_target *target, const char *name, size_t length, const struct view_entry **entry,
                    struct view_target *found);
    // Owner of the node; nullptr: root.
    void (*owner)(const struct view_target *target, uint32_t *uid, uint32_t *gid);
    // Whether the running process may open it; nullptr: by mode alone.
    int32_t (*permission)(const struct view_target *target);
};

[[nodiscard]] int32_t view_root(const struct scheme *scheme, struct mount *mount, const struct view_entry *root,
                                struct node **node);
// The functions of a view's scheme; a view defines its own struct scheme with its name and these.
int32_t view_lookup(struct node *directory, const char *name, size_t length, struct node **found);
int32_t view_read_link(struct node *node, char *buffer, size_t size, size_t *length);
int32_t view_follow(struct node *node, struct path *target);
void view_node_release(struct node *node);
int32_t view_open(struct node *node, struct file *file);
void view_release(struct file *file);
int64_t view_read(struct file *file, struct io_request *request);
int64_t view_write(struct file *file, struct io_request *request);
int32_t view_iterate(struct file *file, struct directory_sink *sink);
int32_t view_attributes_set(struct node *node, const struct kernel_attributes *attributes);

#define VIEW_SCHEME(scheme_name, scheme_magic)                                                                         \
    {.name = (scheme_name),                                                                                            \
     .magic = (scheme_magic),                                                                                          \
     .flags = SCHEME_NO_CACHE,                                                                                         \
     .lookup = view_lookup,                                                                                            \
     .read_link = view_read_link,                                                                                      \
     .follow = view_follow,                                                                                            \
     .node_release = view_node_release,                                                                                \
     .open = view_open,                                                                                                \
     .release = view_release,                                                                                          \
     .read = view_read,                                                                                                \
     .write = view_write,                                                                                              \
     .iterate = view_iterate,                                                                                          \
     .attributes_set = view_attributes_set}
