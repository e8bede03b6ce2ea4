// What the files of src/scheme do with nodes besides scheme.h.
#pragma once

#include "src/scheme/scheme.h"

struct identity;

// Fills stat from the node's fields; takes no lock. Always 0.
int32_t node_stat(struct node *node, const struct mount *mount, struct kernel_stat *stat);
// Checks the running process's right and sets. -EPERM, -EACCES, -EROFS, -EINVAL, -ENOSPC. Takes the node's lock.
[[nodiscard]] int32_t node_attributes_set(struct node *node, const struct kernel_attributes *attributes);
// Sets the size without a check of rights (the file is open for writing). -EINVAL (no regular file), -ENOSPC, -EPERM
// (sealed). Takes the node's lock.
[[nodiscard]] int32_t node_truncate(struct node *node, uint64_t size);
// RLIMIT_FSIZE for a truncation: 0, or SIGXFSZ and -EFBIG.
[[nodiscard]] int32_t node_size_limit(uint64_t size, const struct node *node);
// SEEK_DATA and SEEK_HOLE: the offset, or -ENXIO.
[[nodiscard]] int64_t node_seek_data(struct node *node, uint64_t offset, bool data);
// 0 when the running process owns the node or may act as if; -EPERM.
[[nodiscard]] int32_t node_owner_check(const struct node *node);
void node_own_by_current(struct node *node); // owner and group of a fresh node without a directory
void node_touch_modified(struct node *node); // mtime and ctime are now
void node_touch_changed(struct node *node);  // ctime is now
// atime, by the relative rule: when it is older than a change or a day.
void node_touch_accessed(struct node *node, uint32_t file_flags);
// What a write or truncation does to set-id bits without CAP_FSETID.
void node_drop_privilege_bits(struct node *node, const struct identity *identity);
