// The in-memory tree: the root, tmpfs mounts, devtmpfs and memory files. Directories are the name cache itself.
#pragma once

#include "src/memory/memory_object.h"
#include "src/scheme/scheme.h"

struct tmp_space;

extern const struct scheme tmp_scheme;

// What node->data of a regular file points to; it outlives the node while mappings hold the object.
struct tmp_file {
    struct memory_object object;
    const uint8_t *initrd;    // contents that are filled in on demand; nullptr: none
    uint64_t initrd_size;     // under the node's lock; shrinks with a truncation
    uint32_t seals;           // under the node's lock
    struct tmp_space *space;  // a reference; nullptr: unlimited
    uint64_t accounted_pages; // under the node's lock: how many of its pages the space counts
};
static inline struct tmp_file *tmp_file_of(const struct node *node) {
    return node->scheme == &tmp_scheme && node_type(node) == S_IFREG ? node->data : nullptr;
}

[[nodiscard]] struct node *tmp_node_create(uint32_t mode, uint64_t device, uint64_t rdev); // nullptr: no memory
// Boot only: gives an empty regular file its contents, which stay in the initrd. -ENOMEM.
[[nodiscard]] int32_t tmp_contents_set(struct node *node, const void *initrd, uint64_t size);
[[nodiscard]] struct node *tmp_symlink_create(uint64_t device, const char *target, size_t length);
// Before a truncation: what lies behind size is forgotten.
void tmp_initrd_limit(struct node *node, uint64_t size);
// Copies all that still lies only in the initrd. -ENOMEM.
[[nodiscard]] int32_t tmp_initrd_detach(struct node *node);

// Boot-time population, without checks of rights: makes or replaces `path` below root, with the directories above it.
// Consumes the reference on node. -ENOMEM, -ENOTDIR, -EINVAL ("..", a directory replaced by something else, an endless
// component).
[[nodiscard]] int32_t tmp_place(struct name *root, const char *path, size_t length, struct node *node);
// The entry there (no reference), or nullptr; does not follow links.
struct name *tmp_find(struct name *root, const char *path, size_t length);
struct tmp_options;
// The root of a new tree with a space of its own. -ENOMEM.
[[nodiscard]] int32_t tmp_root_create(const struct tmp_options *options, struct node **root);
void tmp_init(void); // registers tmpfs
