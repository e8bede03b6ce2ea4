// Ops that take a path.
#include <personality.h>

#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/file_system_state.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/namespace.h"
#include "src/scheme/node.h"
#include "src/scheme/notify.h"
#include "src/scheme/target.h"

int32_t kop_open(int32_t directory, const char *path, size_t length, uint32_t flags, uint32_t mode) {
    struct file *file;
    // Nothing is created or cut for a file that could not be handed over.
    int32_t error = unlikely(flags & (O_CREAT | O_TRUNC)) ? handle_check_room() : 0;
    if (unlikely(error < 0)) return error;
    error = file_open(directory, path, length, flags, mode, &file);
    if (error < 0) return error;
    int32_t descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

// ---- stat

static void stat_anonymous(struct kernel_stat *stat) {
    *stat = (struct kernel_stat){
        .device = device_number(0, 13), .inode = 1, .mode = 0600, .links = 1, .block_size = PAGE_SIZE};
}

static int32_t stat_descriptor(int32_t descriptor, struct kernel_stat *stat) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int32_t error = 0;
    if (!file->node) {
        stat_anonymous(stat);
    } else {
        node_stat(file->node, file->path.mount, stat);
        if (file->node->scheme->attributes_get) error = file->node->scheme->attributes_get(file->node, stat);
    }
    file_release(reference);
    return error;
}

int32_t kop_stat(int32_t directory, const char *path, size_t length, uint32_t flags, struct kernel_stat *stat) {
    if (!length && flags & AT_EMPTY_PATH && directory != AT_FDCWD) return stat_descriptor(directory, stat);
    struct walk walk;
    int32_t error = walk_start(&walk, directory, path, length);
    if (error < 0) return error;
    uint32_t lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0u : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0u);
    error = walk_path(&walk, path, length, lookup);
    if (likely(error == 0)) {
        struct node *node = walk.name->node;
        node_stat(node, walk.mount, stat);
        if (unlikely(node->scheme->attributes_get)) {
            walk_pause(&walk);
            error = node->scheme->attributes_get(node, stat);
            walk_end_paused(&walk);
            return error;
        }
    }
    walk_end(&walk);
    return error;
}

// What watchers are told of a change of attributes.
static uint32_t changes_of(uint32_t valid) {
    constexpr uint32_t both_times = ATTRIBUTE_ATIME | ATTRIBUTE_MTIME;
    uint32_t mask = valid & ATTRIBUTE_SIZE ? NOTIFY_MODIFY : 0u;
    if (valid & (ATTRIBUTE_MODE | ATTRIBUTE_UID | ATTRIBUTE_GID) || (valid & both_times) == both_times)
        return mask | NOTIFY_ATTRIBUTES;
    if (valid & ATTRIBUTE_ATIME) mask |= NOTIFY_ACCESS;
    return valid & ATTRIBUTE_MTIME ? mask | NOTIFY_MODIFY : mask;
}

int32_t kop_set_attributes(int32_t directory, const char *path, size_t length, uint32_t flags,
                           const struct kernel_attributes *attributes) {
    struct target target;
    int32_t error = target_find(directory, path, length, flags, &target);
    if (error < 0) return error;
    uint32_t type = target.node ? node_type(target.node) : 0;
    if (!target.node)
        error = -EINVAL;
    else if (target.file && target.file->flags & O_PATH && attributes->valid & (ATTRIBUTE_MODE | ATTRIBUTE_SIZE))
        error = -EBADF;
    else if (target_read_only(&target))
        error = -EROFS;
    else if (attributes->valid & ATTRIBUTE_MODE && type == S_IFLNK)
        error = -EOPNOTSUPP;
    if (error == 0 && attributes->valid & ATTRIBUTE_SIZE) {
        error = type == S_IFDIR ? -EISDIR : type != S_IFREG ? -EINVAL : node_permission(target.node, ACCESS_WRITE);
        if (error == 0 && attributes->size > INT64_MAX) error = -EINVAL;
        if (error == 0 && (int32_t)atomic_load_relaxed(&target.node->writers) < 0) error = -ETXTBSY;
        if (error == 0) error = node_size_limit(attributes->size, target.node);
    }
    if (error == 0) error = node_attributes_set(target.node, attributes);
    if (error == 0 && target.path.name && unlikely(atomic_load_relaxed(&notify_watches)))
        notify_send_name(target.path.name, changes_of(attributes->valid));
    target_put(&target);
    return error;
}

int32_t kop_access(int32_t directory, const char *path, size_t length, uint32_t mode, uint32_t flags) {
    if (mode & ~7u) return -EINVAL;
    struct target target;
    int32_t error = target_find(directory, path, length, flags, &target);
    if (error < 0) return error;
    if (target.node && mode) {
        struct identity identity = flags & AT_EACCESS ? identity_borrow() : identity_borrow_real();
        uint32_t type = node_type(target.node);
        error = identity_permission(&identity, target.node, mode);
        identity_return(&identity);
        bool read_only = target_read_only(&target) || target.node->scheme->flags & SCHEME_READ_ONLY;
        if (error == 0 && mode & ACCESS_WRITE && read_only && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
            error = -EROFS;
        if (error == 0 && mode & ACCESS_EXECUTE && type == S_IFREG && target.path.mount &&
            target.path.mount->flags & MOUNT_NO_EXECUTE)
            error = -EACCES;
    }
    target_put(&target);
    return error;
}

// ---- making and removing

int32_t kop_make_directory(int32_t directory, const char *path, size_t length, uint32_t mode) {
    const struct creation creation = {.mode = S_IFDIR | (mode & 01777 & ~namespace_umask())};
    return namespace_create_at(directory, path, length, &creation, nullptr);
}

int32_t kop_make_node(int32_t directory, const char *path, size_t length, uint32_t mode, uint64_t device) {
    uint32_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
    if (type == S_IFDIR) return -EPERM;
    if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && type != S_IFCHR && type != S_IFBLK) return -EINVAL;
    if ((type == S_IFCHR || type == S_IFBLK) && !capable(CAP_MKNOD)) {
        // An existing name is reported first.
        struct path found;
        if (path_lookup(directory, path, length, 0, &found) == 0) {
            path_put(&found);
            return -EEXIST;
        }
        return -EPERM;
    }
    const struct creation creation = {.mode = type | (mode & 07777 & ~namespace_umask()), .device = device};
    return namespace_create_at(directory, path, length, &creation, nullptr);
}

int32_t kop_link(int32_t old_directory, const char *old_path, size_t old_length, int32_t new_directory,
                 const char *new_path, size_t new_length, uint32_t flags) {
    if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return -EINVAL;
    struct target target;
    uint32_t find = (flags & AT_EMPTY_PATH) | (flags & AT_SYMLINK_FOLLOW ? 0u : AT_SYMLINK_NOFOLLOW);
    int32_t error = target_find(old_directory, old_path, old_length, find, &target);
    if (error < 0) return error;
    if (!target.node)
        error = -EXDEV;
    else if (!old_length && !capable(CAP_DAC_READ_SEARCH))
        error = -ENOENT;
    const struct creation creation = {.link = target.node};
    if (error == 0) error = namespace_create_at(new_directory, new_path, new_length, &creation, nullptr);
    target_put(&target);
    return error;
}

int32_t kop_symlink(const char *target, size_t target_length, int32_t directory, const char *path, size_t length) {
    if (!target_length) return -ENOENT;
    if (target_length >= PATH_MAXIMUM) return -ENAMETOOLONG;
    const struct creation creation = {.mode = S_IFLNK | 0777, .target = target, .target_length = target_length};
    return namespace_create_at(directory, path, length, &creation, nullptr);
}

int32_t kop_read_link(int32_t directory, const char *path, size_t length, char *buffer, size_t size, size_t *done) {
    struct target target;
    int32_t error = target_find(directory, path, length,
                                AT_SYMLINK_NOFOLLOW | (length || directory == AT_FDCWD ? 0u : AT_EMPTY_PATH), &target);
    if (error < 0) return error;
    if (!target.node || node_type(target.node) != S_IFLNK)
        error = length ? -EINVAL : -ENOENT;
    else if (!size)
        error = -EINVAL;
    else
        error =
            target.node->scheme->read_link ? target.node->scheme->read_link(target.node, buffer, size, done) : -EINVAL;
    target_put(&target);
    return error;
}

int32_t kop_unlink(int32_t directory, const char *path, size_t length, uint32_t flags) {
    if (flags & ~(uint32_t)AT_REMOVEDIR) return -EINVAL;
    return namespace_unlink(directory, path, length, flags & AT_REMOVEDIR);
}

int32_t kop_rename(int32_t old_directory, const char *old_path, size_t old_length, int32_t new_directory,
                   const char *new_path, size_t new_length, uint32_t flags) {
    if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE) || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    struct path old_parent, new_parent;
    struct last_component old, new;
    int32_t error = path_lookup_parent(old_directory, old_path, old_length, &old_parent, &old);
    if (error < 0) return error;
    error = path_lookup_parent(new_directory, new_path, new_length, &new_parent, &new);
    if (error == 0) {
        error = namespace_rename(&old_parent, &old, &new_parent, &new, flags);
        path_put(&new_parent);
    }
    path_put(&old_parent);
    return error;
}

// ---- the file system as a whole

int32_t kop_statfs(int32_t directory, const char *path, size_t length, uint32_t flags, struct kernel_statfs *statfs) {
    struct target target;
    int32_t error = target_find(directory, path, length, flags, &target);
    if (error < 0) return error;
    const struct scheme *scheme = target.node ? target.node->scheme : target.file->scheme;
    *statfs = (struct kernel_statfs){.type = scheme->magic, .block_size = PAGE_SIZE, .name_max = NAME_MAXIMUM};
    if (target.path.mount) {
        uint32_t mount_flags = target.path.mount->flags;
        statfs->flags = (mount_flags & MOUNT_READ_ONLY ? 1u : 0) | (mount_flags & MOUNT_NO_SUID ? 2u : 0) |
                        (mount_flags & MOUNT_NO_DEVICES ? 4u : 0) | (mount_flags & MOUNT_NO_EXECUTE ? 8u : 0);
        statfs->id = target.path.mount->device;
    }
    if (scheme->statfs) error = scheme->statfs(target.path.mount, statfs);
    target_put(&target);
    return error;
}

static int32_t set_directory(int32_t directory, const char *path, size_t length, uint32_t flags, bool root) {
    struct target target;
    int32_t error = target_find(directory, path, length, flags & ~(uint32_t)AT_SYMLINK_NOFOLLOW, &target);
    if (error < 0) return error;
    if (!target.path.name || node_type(target.node) != S_IFDIR) error = -ENOTDIR;
    if (error == 0) error = node_permission(target.node, ACCESS_EXECUTE);
    if (error == 0 && root && !capable(CAP_SYS_CHROOT)) error = -EPERM;
    if (error == 0) file_system_state_set(file_system_state_current(), &target.path, root);
    target_put(&target);
    return error;
}

int32_t kop_change_directory(int32_t directory, const char *path, size_t length, uint32_t flags) {
    return set_directory(directory, path, length, flags, false);
}

int32_t kop_change_root(const char *path, size_t length) {
    return set_directory(AT_FDCWD, path, length, 0, true);
}

int32_t kop_working_directory(char *buffer, size_t size, size_t *length) {
    struct file_system_state *state = file_system_state_current();
    spin_lock(&state->lock);
    struct path place = state->working_directory;
    path_get(&place);
    spin_unlock(&state->lock);
    int64_t result = path_text(&place, buffer, size, false);
    path_put(&place);
    if (result < 0) return result == -ENAMETOOLONG ? -ERANGE : (int32_t)result;
    *length = (size_t)result;
    return 0;
}

int32_t kop_umask(uint32_t mask) {
    uint32_t *slot = &file_system_state_current()->umask;
    uint32_t old = atomic_load_relaxed(slot);
    atomic_store_relaxed(slot, mask & 0777);
    return (int32_t)old;
}

// mount(2)'s flags beyond the four of enum mount_flags.
enum mount_operation : uint32_t {
    MOUNT_KEPT = 15,
    MOUNT_REMOUNT = 32,
    MOUNT_BIND = 4096,
    MOUNT_MOVE = 8192,
    MOUNT_PROPAGATION = 15 << 17, // unbindable, private, slave, shared
};

// type may be followed by a space and the file system's options.
static int32_t mount_by_name(const char *source, size_t source_length, const char *type, struct path *place,
                             uint32_t flags) {
    if (!type || !*type) return -EINVAL;
    const char *space = strchr(type, ' ');
    size_t length = space ? (size_t)(space - type) : strlen(type);
    const struct mount_type *found = mount_type_find(type, length);
    if (!found) return -ENODEV;
    char *text = heap_copy_string(source, source_length);
    if (!text) return -ENOMEM;
    int32_t error = mount_with_options(found, text, space ? space + 1 : nullptr, place, flags & MOUNT_KEPT);
    heap_free(text);
    return error;
}

static int32_t mount_from_path(const char *source, size_t source_length, struct path *place, uint32_t flags) {
    struct path from;
    if (!source_length) return -EINVAL;
    int32_t error = path_lookup(AT_FDCWD, source, source_length, LOOKUP_FOLLOW, &from);
    if (error < 0) return error;
    error = flags & MOUNT_BIND ? mount_bind(&from, place, flags & MOUNT_KEPT) : mount_move(&from, place);
    path_put(&from);
    return error;
}

// There is one namespace, so nothing is propagated: any one kind is taken on a mount point.
static int32_t mount_propagation(const struct path *place, uint32_t kind) {
    return place->name != place->mount->root || kind & (kind - 1) ? -EINVAL : 0;
}

int32_t kop_mount(const char *source, size_t source_length, const char *target, size_t target_length, const char *type,
                  uint32_t flags) {
    struct path place;
    int32_t error = path_lookup(AT_FDCWD, target, target_length, LOOKUP_FOLLOW, &place);
    if (error < 0) return error;
    if (!capable(CAP_SYS_ADMIN))
        error = -EPERM;
    else if (flags & MOUNT_REMOUNT)
        error = mount_change_flags(&place, flags & MOUNT_KEPT);
    else if (flags & (MOUNT_BIND | MOUNT_MOVE))
        error = mount_from_path(source, source_length, &place, flags);
    else if (flags & MOUNT_PROPAGATION)
        error = mount_propagation(&place, flags & MOUNT_PROPAGATION);
    else
        error = mount_by_name(source, source_length, type, &place, flags);
    path_put(&place);
    return error;
}

enum unmount_flags : uint32_t { UNMOUNT_FORCE = 1, UNMOUNT_DETACH = 2, UNMOUNT_EXPIRE = 4, UNMOUNT_NO_FOLLOW = 8 };

int32_t kop_unmount(const char *target, size_t length, uint32_t flags) {
    if (flags & ~(uint32_t)(UNMOUNT_FORCE | UNMOUNT_DETACH | UNMOUNT_EXPIRE | UNMOUNT_NO_FOLLOW)) return -EINVAL;
    if (flags & UNMOUNT_EXPIRE && flags & (UNMOUNT_FORCE | UNMOUNT_DETACH)) return -EINVAL;
    struct path place;
    int32_t error = path_lookup(AT_FDCWD, target, length, flags & UNMOUNT_NO_FOLLOW ? 0 : LOOKUP_FOLLOW, &place);
    if (error < 0) return error;
    if (!capable(CAP_SYS_ADMIN))
        error = -EPERM;
    else if (flags & UNMOUNT_EXPIRE)
        error = mount_expire(&place);
    else
        error = mount_remove(&place, flags & UNMOUNT_DETACH);
    path_put(&place);
    return error;
}
