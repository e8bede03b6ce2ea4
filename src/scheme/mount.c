// Mount types and the mount table: changed and read under name_lock.
#include "src/scheme/mount.h"

#include "lib/string.h"
#include "src/memory/heap.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/namespace.h"

constexpr unsigned MOUNT_TYPES_MAXIMUM = 32;

struct mount *root_mount;
static struct list mounts = LIST_INIT(mounts); // name_lock
static const struct mount_type *types[MOUNT_TYPES_MAXIMUM];
static unsigned type_count;
static int32_t last_mount_id = 20;

void path_get(const struct path *path) {
    if (path->mount) mount_get(path->mount);
    if (path->name) name_get(path->name);
}

void path_put(struct path *path) {
    if (path->name) name_put(path->name);
    if (path->mount) mount_put(path->mount);
    *path = (struct path){};
}

void mount_type_register(const struct mount_type *type) {
    if (type_count < MOUNT_TYPES_MAXIMUM) types[type_count++] = type;
}

const struct mount_type *mount_type_find(const char *name, size_t length) {
    for (unsigned i = 0; i < type_count; i++) {
        if (strlen(types[i]->name) == length && memcmp(types[i]->name, name, length) == 0) return types[i];
    }
    return nullptr;
}

struct mount *mount_on_locked(const struct mount *mount, const struct name *name) {
    // The newest mount on a place hides the others.
    for (struct list *link = mounts.previous; link != &mounts; link = link->previous) {
        struct mount *candidate = list_entry(link, struct mount, link);
        if (candidate->place.name == name && candidate->place.mount == mount) return candidate;
    }
    return nullptr;
}

static void mount_free(struct mount *mount) {
    if (mount->root && mount->type && mount->type->forget) mount->type->forget(mount);
    if (mount->root && mount->type && mount->scheme->flags & SCHEME_PERSISTENT) namespace_drop_tree(mount->root);
    if (mount->root) name_put(mount->root);
    heap_free((char *)mount->source);
    heap_free(mount);
}

void mount_put(struct mount *mount) {
    if (refcount_put(&mount->references)) mount_free(mount);
}

static struct mount *mount_create(const struct scheme *scheme, const char *source, uint32_t flags) {
    struct mount *mount = heap_alloc_zeroed(sizeof(struct mount));
    if (!mount) return nullptr;
    refcount_init(&mount->references);
    mount->scheme = scheme;
    mount->flags = flags;
    mount->device = device_new_id();
    mount->id = (int32_t)atomic_fetch_add_relaxed((uint32_t *)&last_mount_id, 1) + 1;
    mount->source = heap_copy_string(source, strlen(source));
    list_init(&mount->link);
    if (mount->source) return mount;
    heap_free(mount);
    return nullptr;
}

// Links a finished mount in at place, which gives its references to the mount.
static int32_t mount_attach(struct mount *mount, struct path *place) {
    spin_lock(&name_lock);
    if (place->name->unlinked) {
        spin_unlock(&name_lock);
        return -ENOENT;
    }
    mount->place = *place;
    *place = (struct path){};
    mount->place.name->mounted_on = true;
    list_push_back(&mounts, &mount->link);
    spin_unlock(&name_lock);
    return 0;
}

static int32_t mount_finish(struct mount *mount, const struct path *place) {
    struct path own = *place;
    path_get(&own);
    int32_t error = mount_attach(mount, &own);
    path_put(&own);
    if (error < 0) mount_free(mount);
    return error;
}

int32_t mount_at(const struct mount_type *type, const char *source, struct path *place, uint32_t flags) {
    return mount_with_options(type, source, nullptr, place, flags);
}

int32_t mount_with_options(const struct mount_type *type, const char *source, const char *options, struct path *place,
                           uint32_t flags) {
    if (node_type(place->name->node) != S_IFDIR) return -ENOTDIR;
    struct mount *mount = mount_create(nullptr, source, flags);
    if (!mount) return -ENOMEM;
    struct node *root;
    mount->options = options;
    int32_t error = type->create(mount, source, &root);
    mount->options = nullptr;
    if (error < 0) {
        mount_free(mount);
        return error;
    }
    mount->scheme = root->scheme;
    mount->device = root->device;
    mount->root = name_create(nullptr, "/", 1, root);
    if (!mount->root) {
        mount_free(mount);
        return -ENOMEM;
    }
    mount->type = type;
    error = type->populate ? type->populate(mount) : 0;
    if (error < 0) {
        mount_free(mount);
        return error;
    }
    return mount_finish(mount, place);
}

int32_t mount_bind(const struct path *source, struct path *place, uint32_t flags) {
    bool directory = node_type(source->name->node) == S_IFDIR;
    if (directory != (node_type(place->name->node) == S_IFDIR)) return -ENOTDIR;
    struct mount *mount = mount_create(source->mount->scheme, source->mount->source, flags | source->mount->flags);
    if (!mount) return -ENOMEM;
    mount->device = source->mount->device;
    name_get(source->name);
    mount->root = source->name;
    return mount_finish(mount, place);
}

int32_t mount_change_flags(const struct path *place, uint32_t flags) {
    if (place->name != place->mount->root) return -EINVAL;
    if (flags & MOUNT_READ_ONLY && atomic_load_relaxed(&place->mount->writers)) return -EBUSY;
    atomic_store_relaxed(&place->mount->flags, flags);
    return 0;
}

struct mount *mount_root(const struct scheme *scheme, const char *source, struct node *root) {
    struct mount *mount = mount_create(scheme, source, 0);
    if (!mount) return nullptr;
    mount->device = root->device;
    mount->root = name_create(nullptr, "/", 1, root);
    if (!mount->root) return nullptr;
    mount->place = (struct path){mount, mount->root};
    spin_lock(&name_lock);
    list_push_back(&mounts, &mount->link);
    spin_unlock(&name_lock);
    return mount;
}

static bool has_children_locked(const struct mount *mount) {
    list_for_each(other, &mounts, struct mount, link) {
        if (other != mount && other->place.mount == mount) return true;
    }
    return false;
}

// Whether something is still mounted on the name. Caller holds name_lock.
static void update_mounted_on(struct name *name) {
    bool any = false;
    list_for_each(mount, &mounts, struct mount, link) any |= mount->place.name == name;
    name->mounted_on = any;
}

int32_t mount_remove(struct path *path, bool detach) {
    struct mount *mount = path->mount;
    if (path->name != mount->root || mount == root_mount) return -EINVAL;
    spin_lock(&name_lock);
    int32_t error = 0;
    if (list_empty(&mount->link))
        error = -EINVAL;
    else if (has_children_locked(mount) || (!detach && atomic_load_acquire(&mount->references.count) > 2))
        error = -EBUSY; // 2: the table's and the caller's
    if (error < 0) {
        spin_unlock(&name_lock);
        return error;
    }
    list_remove(&mount->link);
    struct path place = mount->place;
    update_mounted_on(place.name);
    mount->place = (struct path){mount, mount->root};
    spin_unlock(&name_lock);
    path_put(&place);
    mount_put(mount); // the table's
    return 0;
}

static bool is_below(const struct mount *mount, const struct mount *ancestor) {
    while (mount != ancestor && mount->place.mount != mount)
        mount = mount->place.mount;
    return mount == ancestor;
}

int32_t mount_move(const struct path *source, struct path *place) {
    struct mount *mount = source->mount;
    bool directory = node_type(source->name->node) == S_IFDIR;
    if (source->name != mount->root || mount == root_mount) return -EINVAL;
    if (directory != (node_type(place->name->node) == S_IFDIR)) return -ENOTDIR;
    struct path new = *place;
    path_get(&new);
    spin_lock(&name_lock);
    int32_t error = list_empty(&mount->link)     ? -EINVAL
                    : is_below(new.mount, mount) ? -ELOOP
                    : new.name->unlinked         ? -ENOENT
                                                 : 0;
    if (error == 0) {
        struct path old = mount->place;
        mount->place = new;
        new.name->mounted_on = true;
        // The newest on a place hides the others.
        list_remove(&mount->link);
        list_push_back(&mounts, &mount->link);
        update_mounted_on(old.name);
        new = old;
    }
    spin_unlock(&name_lock);
    path_put(&new);
    return error;
}

int32_t mount_expire(struct path *path) {
    struct mount *mount = path->mount;
    if (path->name != mount->root || mount == root_mount) return -EINVAL;
    spin_lock(&name_lock);
    bool busy = has_children_locked(mount) || atomic_load_acquire(&mount->references.count) > 2;
    bool marked = mount->expiring;
    mount->expiring = !busy;
    spin_unlock(&name_lock);
    if (busy) return -EBUSY;
    return marked ? mount_remove(path, false) : -EAGAIN;
}

void mount_visit(void (*visit)(const struct mount *mount, void *data), void *data) {
    spin_lock(&name_lock);
    list_for_each(mount, &mounts, struct mount, link) visit(mount, data);
    spin_unlock(&name_lock);
}

struct mount *mount_anonymous(void) {
    mount_get(root_mount);
    return root_mount;
}
