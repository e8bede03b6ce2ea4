// Opening by inode number (file handles): for file systems whose names all stay in memory.
#include <personality.h>

#include "src/context/context.h"
#include "src/scheme/file.h"
#include "src/scheme/name_cache.h"

// The name below root, root included, of the node with this number. Depth first along the lists of children. Caller
// holds name_lock.
static struct name *find_locked(struct name *root, uint64_t inode) {
    struct name *at = root;
    for (;;) {
        if (at->node && at->node->id == inode) return at;
        struct name *next = list_first(&at->children, struct name, sibling);
        while (!next) {
            if (at == root) return nullptr;
            struct name *parent = at->parent;
            if (at->sibling.next != &parent->children)
                next = list_entry(at->sibling.next, struct name, sibling);
            else
                at = parent;
        }
        at = next;
    }
}

static int32_t find(const struct mount *mount, uint64_t inode, struct name **found) {
    if (!(mount->scheme->flags & SCHEME_PERSISTENT)) return -EOPNOTSUPP;
    spin_lock(&name_lock);
    *found = find_locked(mount->root, inode);
    if (*found) name_get(*found);
    spin_unlock(&name_lock);
    return *found ? 0 : -ESTALE;
}

static int32_t check(const struct node *node, uint32_t flags) {
    uint32_t type = node_type(node);
    if (type == S_IFLNK && !(flags & O_PATH)) return -ELOOP;
    if (flags & O_DIRECTORY && type != S_IFDIR) return -ENOTDIR;
    return type == S_IFDIR && flags & O_ACCMODE ? -EISDIR : 0;
}

static int32_t base_of(int32_t descriptor, struct path *base) {
    if (descriptor == AT_FDCWD) return path_lookup(AT_FDCWD, ".", 1, 0, base);
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    *base = reference.file->path;
    if (base->name) path_get(base);
    file_release(reference);
    return base->name ? 0 : -ESTALE;
}

int32_t kop_open_inode(int32_t descriptor, uint64_t device, uint64_t inode, uint32_t flags) {
    struct path base, path;
    struct file *file;
    if (!capable(CAP_DAC_READ_SEARCH)) return -EPERM;
    int32_t error = base_of(descriptor, &base);
    if (error < 0) return error;
    path.mount = base.mount;
    error = base.name->node->device != device ? -ESTALE : find(base.mount, inode, &path.name);
    if (error == 0) {
        error = check(path.name->node, flags);
        if (error == 0) error = file_open_node(&path, flags & ~(uint32_t)O_CLOEXEC, &file);
        name_put(path.name);
    }
    path_put(&base);
    if (error < 0) return error;
    int32_t result = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (result < 0) file_put(file);
    return result;
}
