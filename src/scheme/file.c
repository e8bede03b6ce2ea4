// Open files: opening, closing, and what the kernel itself does with them.
#include "src/scheme/file.h"

#include "lib/format.h"
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "src/scheme/async_signal.h"
#include "src/scheme/device.h"
#include "src/scheme/io_request.h"
#include "src/scheme/lock_record.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/namespace.h"
#include "src/scheme/node.h"
#include "src/scheme/notify.h"
#include "src/scheme/path_walk.h"
#include "src/scheme/pipe.h"
#include "src/scheme/poll.h"

static struct slab_cache file_cache = SLAB_CACHE(struct file);

static bool opened_for_writing(const struct file *file) {
    return file->node && node_type(file->node) == S_IFREG && file_writable(file);
}

static void file_release_object(struct object *object) {
    struct file *file = file_of(object);
    if (file->node && unlikely(file->node->locks)) lock_release_file(file);
    epoll_forget(file);
    if (unlikely(file->async)) async_signal_forget(file);
    if (!(file->flags & O_PATH)) notify_file(file, file_writable(file) ? NOTIFY_CLOSE_WRITE : NOTIFY_CLOSE_NO_WRITE);
    if (file->scheme && file->scheme->release) file->scheme->release(file);
    if (opened_for_writing(file)) {
        atomic_fetch_sub_acq_rel(&file->node->writers, 1u);
        if (file->path.mount) atomic_fetch_sub_relaxed(&file->path.mount->writers, 1u);
    }
    if (file->node) node_put(file->node);
    if (file->path.name) path_put(&file->path);
    slab_free(&file_cache, file);
}

const struct object_type file_type = {.name = "file", .release = file_release_object};

static struct file *file_alloc(uint32_t flags) {
    struct file *file = slab_alloc(&file_cache);
    if (!file) return nullptr;
    object_init(&file->object, &file_type);
    file->scheme = nullptr;
    file->path = (struct path){};
    file->node = nullptr;
    file->flags = flags;
    mutex_init(&file->offset_lock, RANK_FILE);
    file->offset = 0;
    file->readiness = nullptr;
    file->data = nullptr;
    file->owner = 0;
    file->directory_cookie = 0;
    list_init(&file->epoll_items);
    file->async = nullptr;
    return file;
}

struct file *file_create(const struct scheme *scheme, uint32_t flags, void *data) {
    struct file *file = file_alloc(flags);
    if (!file) return nullptr;
    file->scheme = scheme;
    file->data = data;
    return file;
}

// A file that did not get through open: nothing of its scheme's is in it.
static void file_discard(struct file *file) {
    if (file->node) node_put(file->node);
    if (file->path.name) path_put(&file->path);
    slab_free(&file_cache, file);
}

// ---- opening

static uint32_t access_of(uint32_t flags) {
    static const uint8_t access[4] = {ACCESS_READ, ACCESS_WRITE, ACCESS_READ | ACCESS_WRITE,
                                      ACCESS_READ | ACCESS_WRITE};
    return access[flags & O_ACCMODE] | (flags & O_TRUNC ? ACCESS_WRITE : 0u);
}

// Whether the position of the walk may be opened so. fresh: just created, its mode does not count.
static int32_t check_open(const struct walk *walk, uint32_t flags, bool fresh) {
    struct node *node = walk->name->node;
    uint32_t type = node_type(node);
    if (flags & O_DIRECTORY && type != S_IFDIR) return -ENOTDIR;
    if (flags & O_PATH) return 0;
    if (type == S_IFLNK) return -ELOOP;
    uint32_t access = access_of(flags);
    bool writing = access & ACCESS_WRITE;
    if (type == S_IFDIR && (writing || flags & O_CREAT)) return -EISDIR;
    if (type == S_IFSOCK) return -ENXIO;
    if (type == S_IFCHR || type == S_IFBLK) {
        if (walk->mount->flags & MOUNT_NO_DEVICES) return -EACCES;
    } else if (writing && type != S_IFIFO &&
               (walk->mount->flags & MOUNT_READ_ONLY || node->scheme->flags & SCHEME_READ_ONLY)) {
        return -EROFS;
    }
    if (!fresh) {
        int32_t error = identity_permission(&walk->identity, node, access);
        if (error < 0) return error;
    }
    if (flags & O_NOATIME && !identity_owns(&walk->identity, node)) return -EPERM;
    return 0;
}

static int32_t deny_executables(struct node *node) {
    uint32_t writers = atomic_load_relaxed(&node->writers);
    do {
        if ((int32_t)writers < 0) return -ETXTBSY;
    } while (!atomic_compare_exchange_acq_rel(&node->writers, &writers, writers + 1));
    return 0;
}

static int32_t truncate_opened(struct file *file) {
    return node_type(file->node) == S_IFREG ? node_truncate(file->node, 0) : 0;
}

static int32_t open_special(struct file *file) {
    switch (node_type(file->node)) {
    case S_IFCHR:
        return device_open(file);
    case S_IFBLK:
        return -ENXIO;
    case S_IFIFO:
        return fifo_open(file);
    default:
        return file->scheme->open ? file->scheme->open(file->node, file) : 0;
    }
}

// file has path and node; asks the scheme.
static int32_t finish_open(struct file *file, bool fresh) {
    file->scheme = file->node->scheme;
    if (file->flags & O_PATH) {
        static const struct scheme path_scheme = {.name = "path"};
        file->scheme = &path_scheme;
        return 0;
    }
    bool counted = opened_for_writing(file);
    int32_t error = counted ? deny_executables(file->node) : 0;
    if (error < 0) return error;
    error = open_special(file);
    if (error == 0 && file->flags & O_TRUNC && !fresh) {
        error = truncate_opened(file);
        if (error == 0)
            notify_file(file, NOTIFY_MODIFY);
        else if (file->scheme->release)
            file->scheme->release(file);
    }
    if (error < 0 && counted) atomic_fetch_sub_acq_rel(&file->node->writers, 1u);
    if (error == 0 && counted && file->path.mount) atomic_fetch_add_relaxed(&file->path.mount->writers, 1u);
    return error;
}

// The walk is at the node; takes references, ends the walk and opens.
static int32_t open_position(struct walk *walk, struct file *file, bool fresh) {
    int32_t error = check_open(walk, file->flags, fresh);
    if (error == 0) {
        walk_take(walk, &file->path);
        file->node = walk->name->node;
        node_get(file->node);
    }
    walk_end(walk);
    return error < 0 ? error : finish_open(file, fresh);
}

// As Linux: in a sticky directory that everybody writes to, O_CREAT does not open somebody else's link, device or
// socket.
static bool sticky_forbids(const struct walk *walk, const struct node *node) {
    const struct node *directory = walk->name->node;
    uint32_t type = node_type(node);
    if ((directory->mode & (S_ISVTX | 2)) != (S_ISVTX | 2)) return false;
    if (type == S_IFREG || type == S_IFIFO || type == S_IFDIR) return false;
    return node->uid != directory->uid && node->uid != walk->identity.uid;
}

// O_CREAT: the walk stopped before the last component.
static int32_t open_creating(struct walk *walk, struct file *file, uint32_t mode) {
    for (;;) {
        struct name *child;
        int32_t error = 0;
        if (!walk->last.length) return file->flags & O_EXCL ? -EEXIST : -EISDIR;
        if (walk->last.trailing_slash) return -EISDIR;
        error = walk_last(walk, &child);
        if (error < 0) return error;
        if (child && file->flags & O_EXCL) return -EEXIST;
        if (child && node_type(child->node) == S_IFLNK) {
            if (file->flags & O_NOFOLLOW) return sticky_forbids(walk, child->node) ? -EACCES : -ELOOP;
            error = walk_follow_last(walk, child);
            if (error < 0) return error;
            if (!walk->last.length) return 0; // a magic link: the position is the file
            continue;
        }
        if (child) {
            if (sticky_forbids(walk, child->node)) return -EACCES;
            walk_enter(walk, child);
            return 0;
        }
        const struct creation creation = {.mode = S_IFREG | (mode & 07777 & ~namespace_umask())};
        error = namespace_create(walk, &creation, &child);
        if (error < 0) walk_resume(walk);
        if (error == -EEXIST && !(file->flags & O_EXCL)) continue;
        if (error < 0) return error;
        if (walk->pinned_child) name_put(walk->pinned_child);
        walk->pinned_child = child;
        walk_resume(walk);
        walk->name = child;
        return 1;
    }
}

// O_TMPFILE: a node without a name in the directory at the walk's position.
static int32_t open_unnamed(struct walk *walk, struct file *file, uint32_t mode) {
    struct node *directory = walk->name->node, *node;
    const struct scheme *scheme = directory->scheme;
    int32_t error = node_type(directory) != S_IFDIR ? -ENOTDIR
                    : walk->mount->flags & MOUNT_READ_ONLY
                        ? -EROFS
                        : identity_permission(&walk->identity, directory, ACCESS_WRITE | ACCESS_EXECUTE);
    if (error == 0 && (!(scheme->flags & SCHEME_PERSISTENT) || !scheme->create)) error = -EOPNOTSUPP;
    if (error < 0) {
        walk_end(walk);
        return error;
    }
    walk_pause(walk);
    struct name *parent = walk->pinned.name;
    error = scheme->create(directory, "", 0, S_IFREG | (mode & 07777 & ~namespace_umask()), 0, &node);
    if (error == 0) {
        char text[24];
        namespace_set_owner(node, directory, &walk->identity);
        node->links = 0;
        node->unnamed = !(file->flags & O_EXCL);
        size_t length = format_string(text, sizeof(text), "#%lu", node->id);
        file->node = node;
        node_get(node);
        file->path.name = name_create(parent, text, length, node);
        if (file->path.name) {
            file->path.name->unlinked = true;
            file->path.mount = walk->pinned.mount;
            mount_get(file->path.mount);
        } else {
            error = -ENOMEM;
        }
    }
    walk_end_paused(walk);
    return error < 0 ? error : finish_open(file, true);
}

// The restrictions that the open flags ask for.
static uint32_t restrictions_of(uint32_t flags) {
    return (flags & O_RESOLVE_NO_MOUNTS ? LOOKUP_NO_MOUNTS : 0u) |
           (flags & O_RESOLVE_NO_MAGIC_LINKS ? LOOKUP_NO_MAGIC_LINKS : 0u) |
           (flags & O_RESOLVE_NO_SYMLINKS ? LOOKUP_NO_SYMLINKS : 0u) |
           (flags & O_RESOLVE_BENEATH ? LOOKUP_BENEATH : 0u) | (flags & O_RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0u);
}

static int32_t open_walk(struct file *file, int32_t directory, const char *path, size_t length, uint32_t mode) {
    uint32_t flags = file->flags;
    struct walk walk;
    uint32_t restrictions = unlikely(flags & O_RESOLVE_ALL) ? restrictions_of(flags) : 0;
    if (unlikely(restrictions & LOOKUP_IN_ROOT)) {
        for (; length > 1 && *path == '/'; path++)
            length--;
        if (*path == '/') path = ".";
    }
    if (unlikely(restrictions & LOOKUP_BENEATH && length && *path == '/')) return -EXDEV;
    int32_t error = walk_start(&walk, directory, path, length);
    if (error < 0) return error;
    if (unlikely(restrictions)) walk_restrict(&walk, restrictions);
    bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    bool creating = flags & O_CREAT && !unnamed && !(flags & O_PATH);
    uint32_t lookup = creating ? LOOKUP_PARENT : flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
    error = walk_path(&walk, path, length, lookup);
    if (error == 0 && creating) error = open_creating(&walk, file, mode);
    if (error < 0) {
        walk_end(&walk);
        return error;
    }
    if (unnamed) return open_unnamed(&walk, file, mode);
    return open_position(&walk, file, error == 1);
}

int32_t file_open(int32_t directory, const char *path, size_t length, uint32_t flags, uint32_t mode,
                  struct file **result) {
    if (flags & O_PATH) flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_RESOLVE_ALL;
    if ((flags & O_TMPFILE) == O_TMPFILE && (flags & O_CREAT || !(flags & O_ACCMODE))) return -EINVAL;
    if (flags & O_CREAT && flags & O_DIRECTORY && (flags & O_TMPFILE) != O_TMPFILE) return -EINVAL;
    struct file *file = file_alloc(flags & ~O_CLOEXEC);
    if (!file) return -ENOMEM;
    int32_t error = open_walk(file, directory, path, length, mode);
    if (error < 0) {
        file_discard(file);
        return error;
    }
    if (!(flags & O_PATH)) notify_file(file, NOTIFY_OPEN);
    file->flags &= ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_RESOLVE_ALL);
    *result = file;
    return 0;
}

int32_t file_open_node(const struct path *path, uint32_t flags, struct file **result) {
    struct file *file = file_alloc(flags);
    if (!file) return -ENOMEM;
    file->path = *path;
    path_get(&file->path);
    file->node = path->name->node;
    node_get(file->node);
    int32_t error = finish_open(file, true);
    if (error < 0) {
        file_discard(file);
        return error;
    }
    *result = file;
    return 0;
}

// ---- the kernel's own use

int64_t file_read_at(struct file *file, void *buffer, size_t size, uint64_t offset) {
    const struct segment segment = segment_kernel(buffer, size);
    struct io_request request = {.operation = IO_READ,
                                 .flags = IO_AT_OFFSET,
                                 .file = file,
                                 .offset = (int64_t)offset,
                                 .cursor = segment_cursor_start(&segment, 1)};
    return io_perform(&request);
}

int32_t file_memory_object(struct file *file, struct memory_object **object) {
    if (file->scheme->object) return file->scheme->object(file, object);
    if (!file->node || !file->node->object) return -ENODEV;
    memory_object_get(file->node->object);
    *object = file->node->object;
    return 0;
}

uint64_t file_size(struct file *file) {
    if (!file->node) return 0;
    if (file->node->object) return atomic_load_relaxed(&file->node->object->size);
    struct kernel_stat stat;
    node_stat(file->node, nullptr, &stat);
    if (file->node->scheme->attributes_get && file->node->scheme->attributes_get(file->node, &stat) < 0) return 0;
    return stat.size;
}

int32_t file_deny_write(struct file *file) {
    if (!file->node) return 0;
    uint32_t writers = atomic_load_relaxed(&file->node->writers);
    do {
        if ((int32_t)writers > 0) return -ETXTBSY;
    } while (!atomic_compare_exchange_acq_rel(&file->node->writers, &writers, writers - 1));
    return 0;
}

void file_allow_write(struct file *file) {
    if (file->node) atomic_fetch_add_relaxed(&file->node->writers, 1u);
}

int32_t file_place(struct file *file, struct path *place) {
    if (file->path.name) {
        *place = file->path;
        path_get(place);
        return 0;
    }
    if (!file->node || !file->scheme->describe) return -ENXIO;
    char text[64];
    size_t length = file->scheme->describe(file, text, sizeof(text));
    node_get(file->node);
    struct name *name = name_create(nullptr, text, length, file->node);
    if (!name) return -ENOMEM;
    *place = (struct path){mount_anonymous(), name};
    return 0;
}
