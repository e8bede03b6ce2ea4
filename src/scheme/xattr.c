#include "src/scheme/xattr.h"

#include "lib/string.h"
#include "src/context/credentials.h"
#include "src/memory/heap.h"
#include "src/scheme/identity.h"
#include "src/scheme/node.h"
#include "src/scheme/tmp.h"

enum xattr_how : uint32_t { XATTR_CREATE = 1, XATTR_REPLACE = 2 };

struct xattr {
    struct list link;
    size_t size;
    char *name;
    uint8_t value[];
};
struct xattr_list {
    struct list attributes;
};

// Whether the running process may read (or change) attributes of this name space on the node.
static int32_t check_name(struct node *node, const char *name, bool change) {
    size_t length = strlen(name);
    if (!length || length > XATTR_NAME_MAXIMUM) return -ERANGE;
    if (node->scheme != &tmp_scheme) return -EOPNOTSUPP;
    if (string_starts_with(name, "user.")) {
        if (!name[5]) return -EINVAL;
        uint32_t type = node_type(node);
        if (type != S_IFREG && type != S_IFDIR) return change ? -EPERM : -ENODATA;
        if (change && type == S_IFDIR && node->mode & S_ISVTX && node_owner_check(node) < 0) return -EPERM;
        return node_permission(node, change ? ACCESS_WRITE : ACCESS_READ);
    }
    if (string_starts_with(name, "trusted.")) {
        if (!name[8]) return -EINVAL;
        return capable(CAP_SYS_ADMIN) ? 0 : change ? -EPERM : -ENODATA;
    }
    if (string_starts_with(name, "security."))
        return !name[9] ? -EINVAL : change && !capable(CAP_SYS_ADMIN) ? -EPERM : 0;
    return -EOPNOTSUPP;
}

static struct xattr *find(struct node *node, const char *name) {
    if (!node->xattrs) return nullptr;
    list_for_each(xattr, &node->xattrs->attributes, struct xattr, link) {
        if (string_equal(xattr->name, name)) return xattr;
    }
    return nullptr;
}

static void free_one(struct xattr *xattr) {
    list_remove(&xattr->link);
    heap_free(xattr);
}

int32_t xattr_get(struct node *node, const char *name, void *value, size_t size, size_t *done) {
    int32_t error = check_name(node, name, false);
    if (error < 0) return error;
    mutex_lock(&node->lock);
    const struct xattr *xattr = find(node, name);
    error = !xattr ? -ENODATA : size && size < xattr->size ? -ERANGE : 0;
    if (error == 0) {
        if (size) memcpy(value, xattr->value, xattr->size);
        *done = xattr->size;
    }
    mutex_unlock(&node->lock);
    return error;
}

static int32_t replace_locked(struct node *node, const char *name, struct xattr *new, uint32_t how) {
    struct xattr *old = find(node, name);
    if (old && how & XATTR_CREATE) return -EEXIST;
    if (!old && how & XATTR_REPLACE) return -ENODATA;
    if (!node->xattrs) {
        node->xattrs = heap_alloc(sizeof(*node->xattrs));
        if (!node->xattrs) return -ENOSPC;
        list_init(&node->xattrs->attributes);
    }
    if (old) free_one(old);
    list_push_back(&node->xattrs->attributes, &new->link);
    node_touch_changed(node);
    return 0;
}

int32_t xattr_set(struct node *node, const char *name, const void *value, size_t size, uint32_t how) {
    if (how & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE)) return -EINVAL;
    if (size > XATTR_VALUE_MAXIMUM) return -E2BIG;
    int32_t error = check_name(node, name, true);
    if (error < 0) return error;
    size_t name_size = strlen(name) + 1;
    struct xattr *new = heap_alloc(sizeof(*new) + size + name_size);
    if (!new) return -ENOSPC;
    list_init(&new->link);
    new->size = size;
    new->name = (char *)new->value + size;
    if (size) memcpy(new->value, value, size);
    memcpy(new->name, name, name_size);
    mutex_lock(&node->lock);
    error = replace_locked(node, name, new, how);
    mutex_unlock(&node->lock);
    if (error < 0) heap_free(new);
    return error;
}

int32_t xattr_list(struct node *node, char *list, size_t size, size_t *done) {
    size_t used = 0;
    bool trusted = capable(CAP_SYS_ADMIN);
    int32_t error = 0;
    mutex_lock(&node->lock);
    if (node->xattrs) {
        list_for_each(xattr, &node->xattrs->attributes, struct xattr, link) {
            if (!trusted && string_starts_with(xattr->name, "trusted.")) continue;
            size_t length = strlen(xattr->name) + 1;
            if (size && used + length > size)
                error = -ERANGE;
            else if (size)
                memcpy(list + used, xattr->name, length);
            used += length;
        }
    }
    mutex_unlock(&node->lock);
    if (error == 0) *done = used;
    return error;
}

int32_t xattr_remove(struct node *node, const char *name) {
    int32_t error = check_name(node, name, true);
    if (error < 0) return error;
    mutex_lock(&node->lock);
    struct xattr *xattr = find(node, name);
    if (xattr) {
        free_one(xattr);
        node_touch_changed(node);
    }
    mutex_unlock(&node->lock);
    return xattr ? 0 : -ENODATA;
}

void xattr_list_free(struct xattr_list *list) {
    list_for_each_safe(xattr, following, &list->attributes, struct xattr, link) free_one(xattr);
    heap_free(list);
}
