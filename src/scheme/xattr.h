// Extended attributes of in-memory nodes.
#pragma once

#include "src/scheme/scheme.h"

constexpr size_t XATTR_NAME_MAXIMUM = 255;
constexpr size_t XATTR_VALUE_MAXIMUM = 65536;

// All take the node's lock. Errors of xattr(7): -ENODATA, -ERANGE, -EEXIST, -EOPNOTSUPP, -EPERM, -ENOSPC, -E2BIG.
// size 0 asks for the length.
[[nodiscard]] int32_t xattr_get(struct node *node, const char *name, void *value, size_t size, size_t *done);
[[nodiscard]] int32_t xattr_set(struct node *node, const char *name, const void *value, size_t size, uint32_t how);
[[nodiscard]] int32_t xattr_list(struct node *node, char *list, size_t size, size_t *done);
[[nodiscard]] int32_t xattr_remove(struct node *node, const char *name);
void xattr_list_free(struct xattr_list *list);
