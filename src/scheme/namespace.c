#include "src/scheme/namespace.h"

#include "lib/string.h"
#include "src/memory/heap.h"
#include "src/scheme/file_system_state.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/node.h"
#include "src/scheme/notify.h"

constexpr uint32_t LINKS_PER_NODE = 65000;

uint32_t namespace_umask(void) {
    return atomic_load_relaxed(&file_system_state_current()->umask);
}

// Whether entries of the directory may be changed here.
static int32_t may_change(const struct mount *mount, const struct name *directory, const struct identity *identity) {
    if (mount->flags & MOUNT_READ_ONLY || mount->scheme->flags & SCHEME_READ_ONLY) return -EROFS;
    return identity_permission(identity, directory->node, ACCESS_WRITE | ACCESS_EXECUTE);
}

void namespace_set_owner(struct node *node, const struct node *directory, const struct identity *identity) {
    node->uid = identity->uid;
    node->gid = identity->gid;
    if (directory->mode & S_ISGID) {
        node->gid = directory->gid;
        if (node_type(node) == S_IFDIR)
            node->mode |= S_ISGID;
        else if ((node->mode & (S_ISGID | 010)) == (S_ISGID | 010) && !identity_in_group(identity, node->gid) &&
                 !identity_capable(identity, CAP_FSETID))
            node->mode &= ~S_ISGID;
    }
}

// Asks the scheme for a node (one reference). Caller holds the directory's lock.
static int32_t make_node(struct node *directory, const char *name, size_t length, const struct creation *creation,
                         const struct identity *identity, struct node **made) {
    const struct scheme *scheme = directory->scheme;
    int32_t error;
    if (creation->link) {
        if (!scheme->link) return -EPERM;
        error = scheme->link(directory, name, length, creation->link);
        if (error < 0) return error;
        node_get(creation->link);
        *made = creation->link;
        return 0;
    }
    if ((creation->mode & S_IFMT) == S_IFLNK) {
        if (!scheme->symlink) return -EPERM;
        error = scheme->symlink(directory, name, length, creation->target, creation->target_length, made);
    } else {
        if (!scheme->create) return -EPERM;
        error = scheme->create(directory, name, length, creation->mode, creation->device, made);
    }
    if (error == 0) namespace_set_owner(*made, directory, identity);
    return error;
}

static void account_creation(struct node *directory, struct node *node, const struct creation *creation) {
    node_touch_modified(directory);
    if (creation->link) {
        node->links++;
        node->unnamed = false;
        node->ctime = directory->ctime;
    } else if (node_type(node) == S_IFDIR) {
        node->links = 2;
        directory->links++;
    }
}

// Caller holds the directory's lock. *created gets a reference.
static int32_t create_locked(struct walk *walk, const struct creation *creation, struct name **created) {
    struct name *parent = walk->pinned.name;
    struct node *directory = parent->node, *node;
    const struct last_component *last = &walk->last;
    uint32_t flags = directory->scheme->flags;
    spin_lock(&name_lock);
    bool exists = name_find_locked(parent, last->name, last->length, walk->last_hash);
    bool gone = parent->unlinked;
    spin_unlock(&name_lock);
    if (gone) return -ENOENT;
    if (exists) return -EEXIST;
    int32_t error = make_node(directory, last->name, last->length, creation, &walk->identity, &node);
    if (error < 0) return error;
    struct name *name = name_create(parent, last->name, last->length, node);
    if (!name) return -ENOMEM;
    spin_lock(&name_lock);
    gone = parent->unlinked;
    if (!gone && !(flags & SCHEME_NO_CACHE)) {
        name_insert_locked(name, flags & SCHEME_PERSISTENT ? ++directory->generation : 0);
        if (flags & SCHEME_PERSISTENT) name_get(name); // the directory's
    }
    spin_unlock(&name_lock);
    if (gone) {
        name_put(name);
        return -ENOENT;
    }
    account_creation(directory, node, creation);
    if (creation->link) notify_node(node, NOTIFY_ATTRIBUTES);
    notify_entry(directory, name, NOTIFY_CREATE);
    *created = name;
    return 0;
}

int32_t namespace_create(struct walk *walk, const struct creation *creation, struct name **created) {
    int32_t error = walk->name->unlinked ? -ENOENT : may_change(walk->mount, walk->name, &walk->identity);
    walk_pause(walk);
    if (error < 0) return error;
    struct node *directory = walk->pinned.name->node;
    mutex_lock(&directory->lock);
    error = create_locked(walk, creation, created);
    mutex_unlock(&directory->lock);
    return error;
}

// What forbids making the entry at all, in the order of Linux. Called with name_lock held.
static int32_t check_new_entry(struct walk *walk, const struct creation *creation) {
    if (!walk->last.length) return -EEXIST;
    struct name *child;
    int32_t error = walk_last(walk, &child);
    if (error < 0) return error;
    if (child) return -EEXIST;
    if (walk->last.trailing_slash && (creation->mode & S_IFMT) != S_IFDIR) return -ENOENT;
    if (creation->link && creation->link->device != walk->name->node->device) return -EXDEV;
    return 0;
}

static int32_t check_link(const struct node *node, const struct identity *identity) {
    if (node_type(node) == S_IFDIR) return -EPERM;
    if (node->links == 0 && !node->unnamed) return -ENOENT;
    if (node->links >= LINKS_PER_NODE) return -EMLINK;
    (void)identity;
    return 0;
}

int32_t namespace_create_at(int32_t directory, const char *path, size_t length, const struct creation *creation,
                            struct path *created) {
    struct walk walk;
    int32_t error = walk_start(&walk, directory, path, length);
    if (error < 0) return error;
    error = walk_path(&walk, path, length, LOOKUP_PARENT);
    if (error == 0) error = check_new_entry(&walk, creation);
    if (error == 0 && creation->link) error = check_link(creation->link, &walk.identity);
    if (error < 0) {
        walk_end(&walk);
        return error;
    }
    struct name *name;
    error = namespace_create(&walk, creation, &name);
    if (error == 0 && created) {
        *created = (struct path){walk.pinned.mount, name};
        mount_get(created->mount);
    } else if (error == 0) {
        name_put(name);
    }
    walk_end_paused(&walk);
    return error;
}

// ---- removing

// Takes the entry away. Caller holds the directory's lock; child has a reference of the caller's.
static int32_t unlink_locked(struct node *directory, struct name *child) {
    struct node *node = child->node;
    bool persistent = directory->scheme->flags & SCHEME_PERSISTENT;
    if (!directory->scheme->unlink) return -EPERM;
    spin_lock(&name_lock);
    int32_t error = child->unlinked                               ? -ENOENT
                    : child->mounted_on                           ? -EBUSY
                    : persistent && !list_empty(&child->children) ? -ENOTEMPTY
                                                                  : 0;
    if (error == 0 && persistent) name_remove_locked(child);
    spin_unlock(&name_lock);
    if (error < 0) return error;
    error = directory->scheme->unlink(directory, child->text, child->length, node);
    if (error < 0) return error;
    if (persistent) {
        name_put(child); // the directory's
    } else {
        spin_lock(&name_lock);
        name_remove_locked(child);
        spin_unlock(&name_lock);
    }
    node_touch_modified(directory);
    node->ctime = directory->ctime;
    if (node_type(node) == S_IFDIR) {
        directory->links--;
        node->links = 0;
    } else {
        node->links--;
    }
    notify_unlinked(node);
    notify_entry(directory, child, NOTIFY_DELETE);
    return 0;
}

static int32_t check_unlink(const struct walk *walk, const struct name *child, bool want_directory) {
    bool directory = node_type(child->node) == S_IFDIR;
    if (!want_directory && walk->last.trailing_slash) return directory ? -EISDIR : -ENOTDIR;
    int32_t error = may_change(walk->mount, walk->name, &walk->identity);
    if (error < 0) return error;
    if (identity_sticky_denied(&walk->identity, walk->name->node, child->node)) return -EPERM;
    if (want_directory && !directory) return -ENOTDIR;
    if (!want_directory && directory) return -EISDIR;
    return child->mounted_on ? -EBUSY : 0;
}

// rmdir of "." is EINVAL, of ".." ENOTEMPTY, of "/" EBUSY; unlink of any of them EISDIR.
static int32_t odd_component_error(const char *path, size_t length, bool want_directory) {
    if (!want_directory) return -EISDIR;
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length >= 2 && path[length - 1] == '.' && path[length - 2] == '.') return -ENOTEMPTY;
    return path[length - 1] == '.' ? -EINVAL : -EBUSY;
}

int32_t namespace_unlink(int32_t directory, const char *path, size_t length, bool want_directory) {
    struct walk walk;
    int32_t error = walk_start(&walk, directory, path, length);
    if (error < 0) return error;
    error = walk_path(&walk, path, length, LOOKUP_PARENT);
    struct name *child = nullptr;
    if (error == 0 && !walk.last.length) error = odd_component_error(path, length, want_directory);
    if (error == 0 && walk.mount->flags & MOUNT_READ_ONLY) error = -EROFS;
    if (error == 0) error = walk_last(&walk, &child);
    if (error == 0 && !child) error = -ENOENT;
    if (error == 0) error = check_unlink(&walk, child, want_directory);
    if (error < 0) {
        walk_end(&walk);
        return error;
    }
    name_get(child);
    walk_pause(&walk);
    struct node *parent = walk.pinned.name->node;
    mutex_lock(&parent->lock);
    error = child->parent == walk.pinned.name ? unlink_locked(parent, child) : -ENOENT;
    mutex_unlock(&parent->lock);
    walk_end_paused(&walk);
    name_put(child);
    return error;
}

void namespace_drop_tree(struct name *root) {
    // Depth first without recursion: always the first leaf.
    struct name *at = root;
    for (;;) {
        spin_lock(&name_lock);
        struct name *child = list_first(&at->children, struct name, sibling);
        struct name *parent = at->parent;
        if (!child && at != root) name_remove_locked(at);
        spin_unlock(&name_lock);
        if (child) {
            at = child;
        } else if (at != root) {
            name_put(at);
            at = parent;
        } else {
            return;
        }
    }
}
