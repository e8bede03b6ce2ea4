// From a path to a place. Components that are cached are walked under one spinlock without taking references.
#include "src/scheme/path_walk.h"

#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file_system_state.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"

constexpr unsigned LINKS_MAXIMUM = 40;

int32_t walk_start(struct walk *walk, int32_t directory, const char *path, size_t length) {
    const struct file_system_state *state = file_system_state_current();
    walk->root_pinned = false;
    walk->links = 0;
    walk->restrictions = 0;
    walk->pinned = (struct path){};
    walk->pinned_child = nullptr;
    walk->base.file = nullptr;
    walk->buffer = nullptr;
    bool absolute = length && path[0] == '/';
    if (!absolute && directory != AT_FDCWD) {
        walk->base = file_lookup(directory);
        if (!walk->base.file) return -EBADF;
        if (!walk->base.file->path.name) {
            file_release(walk->base);
            return -ENOTDIR;
        }
    }
    walk->identity = identity_borrow();
    spin_lock(&name_lock);
    walk->root = state->root;
    const struct path *from = absolute          ? &state->root
                              : walk->base.file ? &walk->base.file->path
                                                : &state->working_directory;
    walk->mount = from->mount;
    walk->name = from->name;
    walk->start = *from;
    return 0;
}

void walk_restrict(struct walk *walk, uint32_t restrictions) {
    walk->restrictions = restrictions;
    if (restrictions & LOOKUP_IN_ROOT) walk->root = walk->start;
}

void walk_pause(struct walk *walk) {
    struct path old = walk->pinned;
    walk->pinned = (struct path){walk->mount, walk->name};
    path_get(&walk->pinned);
    if (!walk->root_pinned) path_get(&walk->root);
    walk->root_pinned = true;
    spin_unlock(&name_lock);
    path_put(&old);
}

void walk_resume(struct walk *walk) {
    spin_lock(&name_lock);
    walk->mount = walk->pinned.mount;
    walk->name = walk->pinned.name;
}

void walk_end_paused(struct walk *walk) {
    path_put(&walk->pinned);
    if (walk->pinned_child) name_put(walk->pinned_child);
    if (walk->root_pinned) path_put(&walk->root);
    if (walk->base.file) file_release(walk->base);
    if (walk->buffer) heap_free(walk->buffer);
    identity_return(&walk->identity);
}

void walk_end(struct walk *walk) {
    spin_unlock(&name_lock);
    walk_end_paused(walk);
}

void walk_take(const struct walk *walk, struct path *result) {
    *result = (struct path){walk->mount, walk->name};
    path_get(result);
}

void walk_enter(struct walk *walk, struct name *child) {
    while (unlikely(child->mounted_on)) {
        struct mount *mount = mount_on_locked(walk->mount, child);
        if (!mount) break;
        walk->mount = mount;
        child = mount->root;
    }
    walk->name = child;
}

static int32_t walk_up(struct walk *walk, uint32_t flags) {
    if (flags & LOOKUP_BENEATH && walk->name == walk->start.name && walk->mount == walk->start.mount) return -EXDEV;
    for (;;) {
        if (walk->name == walk->root.name && walk->mount == walk->root.mount) return 0;
        if (walk->name != walk->mount->root) break;
        if (walk->mount == root_mount || walk->mount->place.mount == walk->mount) return 0;
        walk->name = walk->mount->place.name;
        walk->mount = walk->mount->place.mount;
    }
    walk_enter(walk, walk->name->parent);
    return 0;
}

// The scheme is asked: name_lock is dropped meanwhile. *child gets an entry that walk->pinned_child holds.
static int32_t lookup_slow(struct walk *walk, const char *text, size_t length, uint32_t hash, struct name **child) {
    walk_pause(walk);
    struct name *parent = walk->pinned.name, *found = nullptr;
    struct node *directory = parent->node, *node;
    const struct scheme *scheme = directory->scheme;
    bool cached = !(scheme->flags & SCHEME_NO_CACHE);
    int32_t error = scheme->lookup ? 0 : -ENOENT;
    mutex_lock(&directory->lock);
    if (cached) {
        spin_lock(&name_lock);
        found = name_find_locked(parent, text, length, hash);
        if (found) name_get(found);
        spin_unlock(&name_lock);
    }
    if (!found && error == 0) error = scheme->lookup(directory, text, length, &node);
    if (!found && error == 0) {
        found = name_create(parent, text, length, node);
        if (!found) error = -ENOMEM;
        if (found && cached) {
            spin_lock(&name_lock);
            name_insert_locked(found, 0);
            spin_unlock(&name_lock);
        }
    }
    mutex_unlock(&directory->lock);
    if (walk->pinned_child) name_put(walk->pinned_child);
    walk->pinned_child = found;
    walk_resume(walk);
    *child = found;
    return found ? 0 : error;
}

static int32_t find_child(struct walk *walk, const char *text, size_t length, uint32_t hash, struct name **child) {
    uint32_t flags = walk->name->node->scheme->flags;
    if (likely(!(flags & SCHEME_NO_CACHE))) {
        *child = name_find_locked(walk->name, text, length, hash);
        if (likely(*child)) return 0;
        if (flags & SCHEME_PERSISTENT) return -ENOENT;
    }
    return lookup_slow(walk, text, length, hash, child);
}

// The link's text, the remaining path behind it, in a new walk->buffer. Called with the walk paused.
static int32_t read_link_into(struct walk *walk, struct node *node, const char *rest, size_t rest_length,
                              size_t *total) {
    if (!node->scheme->read_link) return -EINVAL;
    char *buffer = heap_alloc(PATH_MAXIMUM + rest_length + 1);
    if (!buffer) return -ENOMEM;
    size_t length = 0;
    int32_t error = node->scheme->read_link(node, buffer, PATH_MAXIMUM - 1, &length);
    if (error == 0 && !length) error = -ENOENT;
    if (error < 0) {
        heap_free(buffer);
        return error;
    }
    if (rest_length) {
        buffer[length++] = '/';
        memcpy(buffer + length, rest, rest_length);
        length += rest_length;
    }
    if (walk->buffer) heap_free(walk->buffer);
    walk->buffer = buffer;
    *total = length;
    return 0;
}

// Follows child: afterwards the position is where the link's text (in walk->buffer, *length bytes; 0 for a magic link)
// starts from.
static int32_t follow_link(struct walk *walk, struct name *child, const char *rest, size_t rest_length, uint32_t flags,
                           size_t *length) {
    if (++walk->links > LINKS_MAXIMUM || flags & LOOKUP_NO_SYMLINKS) return -ELOOP;
    struct node *node = child->node;
    node_get(node);
    walk_pause(walk);
    *length = 0;
    struct path target;
    int32_t error = node->scheme->follow ? node->scheme->follow(node, &target) : -EINVAL;
    if (error == 0 && flags & (LOOKUP_NO_MAGIC_LINKS | LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
        path_put(&target);
        error = flags & LOOKUP_NO_MAGIC_LINKS ? -ELOOP : -EXDEV;
    }
    if (error != -EINVAL) {
        if (error == 0) {
            path_put(&walk->pinned);
            walk->pinned = target;
        }
        // What is left of the path moves into a buffer of its own: it may lie in the old one.
        if (error == 0 && rest_length) {
            char *copy = heap_copy_string(rest, rest_length);
            if (!copy) error = -ENOMEM;
            heap_free(walk->buffer);
            walk->buffer = copy;
            *length = rest_length;
        }
        node_put(node);
        walk_resume(walk);
        return error < 0 ? error : 1;
    }
    error = read_link_into(walk, node, rest, rest_length, length);
    node_put(node);
    walk_resume(walk);
    if (error < 0) return error;
    if (walk->buffer[0] == '/') {
        if (flags & LOOKUP_BENEATH) return -EXDEV;
        walk->mount = walk->root.mount;
        walk->name = walk->root.name;
    }
    return 0;
}

// One component that isn't the last of a LOOKUP_PARENT walk.
static int32_t walk_step(struct walk *walk, const char *text, size_t length, uint32_t hash, uint32_t flags,
                         struct name **child) {
    *child = nullptr;
    if (text[0] == '.' && length == 1) return 0;
    if (text[0] == '.' && length == 2 && text[1] == '.') return walk_up(walk, flags);
    return find_child(walk, text, length, hash, child);
}

static bool is_dots(const char *text, size_t length) {
    return text[0] == '.' && (length == 1 || (length == 2 && text[1] == '.'));
}

static bool left_mount(const struct walk *walk, uint32_t flags) {
    return flags & LOOKUP_NO_MOUNTS && walk->mount != walk->start.mount;
}

static int32_t enter_permission(const struct walk *walk) {
    const struct node *node = walk->name->node;
    if (unlikely(node_type(node) != S_IFDIR)) return -ENOTDIR;
    if (likely((node->mode & 0111) == 0111)) return 0;
    return identity_permission(&walk->identity, node, ACCESS_EXECUTE);
}

int32_t walk_path(struct walk *walk, const char *path, size_t length, uint32_t flags) {
    if (length >= PATH_MAXIMUM) return -ENAMETOOLONG;
    if (!length && !(flags & LOOKUP_EMPTY)) return -ENOENT;
    const char *at = path, *end = path + length;
    flags |= walk->restrictions;
    walk->last = (struct last_component){};
    while (at < end && *at == '/')
        at++;
    while (at < end) {
        const char *text = at;
        uint32_t hash = NAME_HASH_START;
        for (; at < end && *at != '/'; at++)
            hash = name_hash_add(hash, *at);
        size_t size = (size_t)(at - text);
        bool slash = at < end;
        while (at < end && *at == '/')
            at++;
        bool last = at == end;
        int32_t error = enter_permission(walk);
        if (unlikely(error < 0)) return error;
        if (unlikely(size > NAME_MAXIMUM)) return -ENAMETOOLONG;
        if (last && flags & LOOKUP_PARENT && !is_dots(text, size)) {
            walk->last = (struct last_component){text, size, slash};
            walk->last_hash = hash;
            return 0;
        }
        struct name *child;
        error = walk_step(walk, text, size, hash, flags, &child);
        if (unlikely(error < 0)) return error;
        if (!child) {
            // "." or "..": the position moved already.
            if (unlikely(left_mount(walk, flags))) return -EXDEV;
            if (last) walk->last.trailing_slash = slash;
            continue;
        }
        bool follow = !last || slash || flags & LOOKUP_FOLLOW;
        if (unlikely(node_type(child->node) == S_IFLNK && follow)) {
            size_t total;
            error = follow_link(walk, child, at, (size_t)(end - at), flags, &total);
            if (error < 0) return error;
            if (slash && last) flags |= LOOKUP_DIRECTORY | LOOKUP_FOLLOW;
            at = walk->buffer;
            end = at + total;
            if (total >= 2 * PATH_MAXIMUM) return -ENAMETOOLONG;
            while (at < end && *at == '/')
                at++;
            continue;
        }
        walk_enter(walk, child);
        if (unlikely(left_mount(walk, flags))) return -EXDEV;
        if (last && slash) flags |= LOOKUP_DIRECTORY;
    }
    if (flags & LOOKUP_DIRECTORY && node_type(walk->name->node) != S_IFDIR) return -ENOTDIR;
    return 0;
}

int32_t walk_last(struct walk *walk, struct name **child) {
    int32_t error = find_child(walk, walk->last.name, walk->last.length, walk->last_hash, child);
    if (error == -ENOENT) {
        *child = nullptr;
        return 0;
    }
    return error;
}

int32_t walk_follow_last(struct walk *walk, struct name *child) {
    size_t length;
    bool slash = walk->last.trailing_slash;
    int32_t error = follow_link(walk, child, "", 0, walk->restrictions, &length);
    if (error < 0) return error;
    walk->last = (struct last_component){};
    if (error == 1) return 0;
    error = walk_path(walk, walk->buffer, length, LOOKUP_PARENT);
    walk->last.trailing_slash |= slash;
    return error;
}

int32_t path_lookup(int32_t directory, const char *path, size_t length, uint32_t flags, struct path *result) {
    struct walk walk;
    int32_t error = walk_start(&walk, directory, path, length);
    if (error < 0) return error;
    error = walk_path(&walk, path, length, flags);
    if (error == 0) walk_take(&walk, result);
    walk_end(&walk);
    return error;
}

int32_t path_lookup_parent(int32_t directory, const char *path, size_t length, struct path *parent,
                           struct last_component *last) {
    struct walk walk;
    int32_t error = walk_start(&walk, directory, path, length);
    if (error < 0) return error;
    error = walk_path(&walk, path, length, LOOKUP_PARENT);
    if (error == 0) {
        walk_take(&walk, parent);
        *last = walk.last;
        // Behind a symbolic link the walk went on in a buffer of its own, whose end is the path's end.
        if (last->length) {
            size_t tail = last->length;
            const char *end = path + length;
            while (end > path && end[-1] == '/')
                end--;
            last->name = end - tail;
        }
    }
    walk_end(&walk);
    return error;
}

// ---- a place's text

struct text_builder {
    char *buffer;
    size_t position; // the text grows towards the front
    bool overflow;
};

static void prepend(struct text_builder *builder, const char *text, size_t length) {
    if (builder->position < length) {
        builder->overflow = true;
        return;
    }
    builder->position -= length;
    memcpy(builder->buffer + builder->position, text, length);
}

static int32_t build_locked(const struct path *path, const struct path *root, struct text_builder *builder) {
    const struct mount *mount = path->mount;
    const struct name *name = path->name;
    bool any = false;
    while (!(name == root->name && mount == root->mount)) {
        if (name == mount->root || name->parent == name) {
            if (mount == root_mount || mount->place.mount == mount || name != mount->root) break;
            name = mount->place.name;
            mount = mount->place.mount;
            continue;
        }
        prepend(builder, name->text, name->length);
        prepend(builder, "/", 1);
        any = true;
        name = name->parent;
    }
    if (!any) prepend(builder, "/", 1);
    bool reached = name == root->name && mount == root->mount;
    return reached ? 0 : 1;
}

int64_t path_text(const struct path *path, char *buffer, size_t size, bool mark_deleted) {
    static const char deleted[] = " (deleted)";
    struct text_builder builder = {buffer, size, false};
    const struct file_system_state *state = file_system_state_current();
    spin_lock(&name_lock);
    bool gone = path->name->unlinked;
    if (gone && mark_deleted) prepend(&builder, deleted, sizeof(deleted) - 1);
    int32_t outside = 0;
    if (path->name->parent == path->name && path->name != path->mount->root)
        prepend(&builder, path->name->text, path->name->length); // an anonymous file's name
    else
        outside = build_locked(path, &state->root, &builder);
    spin_unlock(&name_lock);
    if (gone && !mark_deleted) return -ENOENT;
    if (outside && !mark_deleted) prepend(&builder, "(unreachable)", 13);
    if (builder.overflow) return -ENAMETOOLONG;
    size_t length = size - builder.position;
    memmove(buffer, buffer + builder.position, length);
    return (int64_t)length;
}
