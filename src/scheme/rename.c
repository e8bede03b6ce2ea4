#include "lib/string.h"
#include "src/memory/heap.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/namespace.h"
#include "src/scheme/node.h"
#include "src/scheme/notify.h"

// Directories may only move while it is held, so the tree above one stays as it is.
static struct mutex rename_mutex = {
    .rank = RANK_MOUNT, .lock = SPINLOCK_INIT(RANK_WAIT_QUEUE), .waiters = LIST_INIT(rename_mutex.waiters)};

struct rename {
    const struct path *old_parent, *new_parent;
    const struct last_component *old, *new;
    uint32_t flags;
    struct name *source, *victim; // with references
    struct identity identity;
    char *long_new, *long_old; // heap texts for names that don't fit inline
};

static void lock_directories(struct node *a, struct node *b) {
    struct node *first = a < b ? a : b, *second = a < b ? b : a;
    mutex_lock(&first->lock);
    if (second != first) mutex_lock(&second->lock);
}

static void unlock_directories(struct node *a, struct node *b) {
    struct node *first = a < b ? a : b, *second = a < b ? b : a;
    if (second != first) mutex_unlock(&second->lock);
    mutex_unlock(&first->lock);
}

// The entry with a reference, or nullptr. Caller holds the directory's lock.
static int32_t find_entry(struct name *parent, const struct last_component *last, struct name **found) {
    struct node *directory = parent->node;
    const struct scheme *scheme = directory->scheme;
    spin_lock(&name_lock);
    *found = name_find_locked(parent, last->name, last->length, name_hash(last->name, last->length));
    if (*found) name_get(*found);
    spin_unlock(&name_lock);
    if (*found || scheme->flags & SCHEME_PERSISTENT) return 0;
    struct node *node;
    int32_t error = scheme->lookup ? scheme->lookup(directory, last->name, last->length, &node) : -ENOENT;
    if (error == -ENOENT) return 0;
    if (error < 0) return error;
    *found = name_create(parent, last->name, last->length, node);
    return *found ? 0 : -ENOMEM;
}

static bool is_ancestor(const struct name *ancestor, const struct name *name) {
    for (; name->parent != name; name = name->parent) {
        if (name == ancestor) return true;
    }
    return name == ancestor;
}

static int32_t check_parent(const struct rename *rename, const struct path *parent, const struct name *child) {
    if (parent->mount->flags & MOUNT_READ_ONLY || parent->mount->scheme->flags & SCHEME_READ_ONLY) return -EROFS;
    int32_t error = identity_permission(&rename->identity, parent->name->node, ACCESS_WRITE | ACCESS_EXECUTE);
    if (error < 0) return error;
    if (child && identity_sticky_denied(&rename->identity, parent->name->node, child->node)) return -EPERM;
    return 0;
}

static int32_t check_slashes(const struct rename *rename) {
    bool exchange = rename->flags & RENAME_EXCHANGE;
    if (exchange && rename->new->trailing_slash &&node_type(rename->victim->node) != S_IFDIR) return -ENOTDIR;
    if (node_type(rename->source->node) == S_IFDIR) return 0;
    return rename->old->trailing_slash || (!exchange && rename->new->trailing_slash) ? -ENOTDIR : 0;
}

static int32_t check_types(const struct rename *rename) {
    if (!rename->victim || rename->flags & RENAME_EXCHANGE) return 0;
    bool source_directory = node_type(rename->source->node) == S_IFDIR;
    bool victim_directory = node_type(rename->victim->node) == S_IFDIR;
    if (source_directory && !victim_directory) return -ENOTDIR;
    return !source_directory && victim_directory ? -EISDIR : 0;
}

// A directory that changes its parent has its ".." rewritten.
static int32_t check_moving(const struct rename *rename, const struct name *name) {
    if (!name || rename->old_parent->name == rename->new_parent->name || node_type(name->node) != S_IFDIR) return 0;
    return identity_permission(&rename->identity, name->node, ACCESS_WRITE);
}

static int32_t check_existence(const struct rename *rename) {
    if (!rename->source) return -ENOENT;
    if (rename->victim && rename->flags & RENAME_NOREPLACE) return -EEXIST;
    if (!rename->victim && rename->flags & RENAME_EXCHANGE) return -ENOENT;
    int32_t error = check_slashes(rename);
    if (error < 0) return error;
    if (is_ancestor(rename->source, rename->new_parent->name)) return -EINVAL;
    if (rename->victim && is_ancestor(rename->victim, rename->old_parent->name))
        return rename->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    return 0;
}

static int32_t check_rename(const struct rename *rename) {
    int32_t error = check_parent(rename, rename->old_parent, rename->source);
    if (error == 0) error = check_parent(rename, rename->new_parent, rename->victim);
    if (error == 0) error = check_types(rename);
    if (error == 0) error = check_moving(rename, rename->source);
    if (error == 0 && rename->flags & RENAME_EXCHANGE) error = check_moving(rename, rename->victim);
    if (error < 0) return error;
    if (rename->source->mounted_on || (rename->victim && rename->victim->mounted_on)) return -EBUSY;
    return 0;
}

static int32_t prepare_texts(struct rename *rename) {
    if (rename->new->length > NAME_INLINE) {
        rename->long_new = heap_alloc(rename->new->length + 1);
        if (!rename->long_new) return -ENOMEM;
    }
    if (rename->flags & RENAME_EXCHANGE && rename->old->length > NAME_INLINE) {
        rename->long_old = heap_alloc(rename->old->length + 1);
        if (!rename->long_old) return -ENOMEM;
    }
    return 0;
}

// Takes an empty victim's entry away. Caller holds name_lock.
static int32_t detach_victim_locked(struct rename *rename, bool persistent) {
    struct name *victim = rename->victim;
    if (!victim || rename->flags & RENAME_EXCHANGE) return 0;
    if (persistent && !list_empty(&victim->children)) return -ENOTEMPTY;
    name_remove_locked(victim);
    return 0;
}

struct leftovers {
    struct name *parents[2];
    char *texts[2];
};

// Caller holds name_lock.
static void move_locked(struct rename *rename, bool persistent, struct leftovers *left) {
    struct name *old_parent = rename->old_parent->name, *new_parent = rename->new_parent->name;
    uint64_t new_cookie = persistent ? ++new_parent->node->generation : 0;
    left->parents[0] = name_move_locked(rename->source, new_parent, rename->new->name, rename->new->length,
                                        rename->long_new, new_cookie, &left->texts[0]);
    rename->long_new = nullptr;
    if (!(rename->flags & RENAME_EXCHANGE)) return;
    uint64_t old_cookie = persistent ? ++old_parent->node->generation : 0;
    left->parents[1] = name_move_locked(rename->victim, old_parent, rename->old->name, rename->old->length,
                                        rename->long_old, old_cookie, &left->texts[1]);
    rename->long_old = nullptr;
}

static void account_rename(struct rename *rename) {
    struct node *old_directory = rename->old_parent->name->node, *new_directory = rename->new_parent->name->node;
    struct node *node = rename->source->node, *victim = rename->victim ? rename->victim->node : nullptr;
    bool exchange = rename->flags & RENAME_EXCHANGE;
    node_touch_modified(old_directory);
    new_directory->mtime = new_directory->ctime = node->ctime = old_directory->mtime;
    if (victim) victim->ctime = node->ctime;
    bool directory = node_type(node) == S_IFDIR, victim_directory = victim && node_type(victim) == S_IFDIR;
    if (directory) {
        old_directory->links--;
        new_directory->links++;
    }
    if (victim_directory) {
        new_directory->links--;
        if (exchange)
            old_directory->links++;
        else
            victim->links = 0;
    } else if (victim && !exchange) {
        victim->links--;
    }
}

static void tell_rename(const struct rename *rename) {
    struct node *old_directory = rename->old_parent->name->node, *new_directory = rename->new_parent->name->node;
    struct node *node = rename->source->node, *victim = rename->victim ? rename->victim->node : nullptr;
    const struct last_component *old = rename->old, *new = rename->new;
    uint32_t cookie = notify_new_cookie();
    notify_send_entry(old_directory, old->name, old->length, node, NOTIFY_MOVED_FROM, cookie);
    notify_send_entry(new_directory, new->name, new->length, node, NOTIFY_MOVED_TO, cookie);
    if (victim && !(rename->flags & RENAME_EXCHANGE)) notify_send_deleted(victim);
    notify_send_node(node, NOTIFY_MOVE_SELF);
    if (!victim || !(rename->flags & RENAME_EXCHANGE)) return;
    cookie = notify_new_cookie();
    notify_send_entry(new_directory, new->name, new->length, victim, NOTIFY_MOVED_FROM, cookie);
    notify_send_entry(old_directory, old->name, old->length, victim, NOTIFY_MOVED_TO, cookie);
    notify_send_node(victim, NOTIFY_MOVE_SELF);
}

static int32_t apply_rename(struct rename *rename) {
    struct node *old_directory = rename->old_parent->name->node, *new_directory = rename->new_parent->name->node;
    const struct scheme *scheme = old_directory->scheme;
    bool persistent = scheme->flags & SCHEME_PERSISTENT;
    struct leftovers left = {};
    if (!scheme->rename) return -EPERM;
    int32_t error = scheme->rename(old_directory, rename->old->name, rename->old->length, rename->source->node,
                                   new_directory, rename->new->name, rename->new->length,
                                   rename->victim ? rename->victim->node : nullptr, rename->flags);
    if (error < 0) return error;
    spin_lock(&name_lock);
    error = rename->new_parent->name->unlinked ? -ENOENT : detach_victim_locked(rename, persistent);
    if (error == 0) move_locked(rename, persistent, &left);
    spin_unlock(&name_lock);
    if (error < 0) return error;
    for (unsigned i = 0; i < 2; i++) {
        if (left.parents[i]) name_put(left.parents[i]);
        heap_free(left.texts[i]);
    }
    if (persistent && rename->victim && !(rename->flags & RENAME_EXCHANGE)) name_put(rename->victim);
    account_rename(rename);
    if (unlikely(atomic_load_relaxed(&notify_watches))) tell_rename(rename);
    return 0;
}

static int32_t rename_locked(struct rename *rename) {
    int32_t error = find_entry(rename->old_parent->name, rename->old, &rename->source);
    if (error == 0) error = find_entry(rename->new_parent->name, rename->new, &rename->victim);
    if (error < 0) return error;
    error = check_existence(rename);
    if (error < 0) return error;
    if (rename->victim && rename->victim->node == rename->source->node) return 0; // two names of one node
    error = check_rename(rename);
    if (error == 0) error = prepare_texts(rename);
    return error < 0 ? error : apply_rename(rename);
}

int32_t namespace_rename(const struct path *old_parent, const struct last_component *old, const struct path *new_parent,
                         const struct last_component *new, uint32_t flags) {
    if (old_parent->mount != new_parent->mount) return -EXDEV;
    if (!old->length) return -EBUSY;
    if (!new->length) return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (old_parent->mount->flags & MOUNT_READ_ONLY) return -EROFS;
    struct rename rename = {.old_parent = old_parent, .new_parent = new_parent, .old = old, .new = new, .flags = flags};
    rename.identity = identity_borrow();
    struct node *old_directory = old_parent->name->node, *new_directory = new_parent->name->node;
    bool across = old_directory != new_directory;
    if (across) mutex_lock(&rename_mutex);
    lock_directories(old_directory, new_directory);
    int32_t error = rename_locked(&rename);
    unlock_directories(old_directory, new_directory);
    if (across) mutex_unlock(&rename_mutex);
    if (rename.source) name_put(rename.source);
    if (rename.victim) name_put(rename.victim);
    heap_free(rename.long_new);
    heap_free(rename.long_old);
    identity_return(&rename.identity);
    return error;
}
