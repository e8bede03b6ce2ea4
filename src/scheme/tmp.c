#include "src/scheme/tmp.h"

#include "lib/string.h"
#include "rmm/frame.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/identity.h"
#include "src/scheme/io.h"
#include "src/scheme/io_request.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/node.h"
#include "src/scheme/seals.h"
#include "src/scheme/tmp_space.h"

static struct slab_cache tmp_file_cache = SLAB_CACHE(struct tmp_file);

// ---- pages

static struct tmp_file *file_of_object(struct memory_object *object) {
    return container_of(object, struct tmp_file, object);
}

static int32_t tmp_fill(struct memory_object *object, uint64_t index, struct frame *frame) {
    const struct tmp_file *file = file_of_object(object);
    uint64_t offset = index * PAGE_SIZE;
    size_t size = offset < file->initrd_size ? min(file->initrd_size - offset, PAGE_SIZE) : 0;
    uint8_t *page = frame_pointer(frame);
    memcpy(page, file->initrd + (size ? offset : 0), size);
    memset(page + size, 0, PAGE_SIZE - size);
    return 0;
}

static struct frame *tmp_borrow(struct memory_object *object, uint64_t index) {
    const struct tmp_file *file = file_of_object(object);
    uint64_t offset = index * PAGE_SIZE;
    if (((uintptr_t)file->initrd & PAGE_MASK) || offset + PAGE_SIZE > file->initrd_size) return nullptr;
    struct frame *frame = frame_of(physical_of(file->initrd + offset));
    if (frame) frame_get(frame);
    return frame;
}

static void tmp_object_release(struct memory_object *object) {
    struct tmp_file *file = file_of_object(object);
    if (file->space) atomic_fetch_sub_relaxed(&file->space->used_pages, file->accounted_pages);
    tmp_space_put(file->space);
    slab_free(&tmp_file_cache, file_of_object(object));
}

static const struct memory_object_operations plain_pages = {.release = tmp_object_release};
static const struct memory_object_operations initrd_pages = {
    .fill = tmp_fill, .borrow = tmp_borrow, .release = tmp_object_release};

static struct tmp_file *tmp_file_create(void) {
    struct tmp_file *file = slab_alloc(&tmp_file_cache);
    if (!file) return nullptr;
    if (memory_object_init(&file->object, &plain_pages, 0) < 0) {
        slab_free(&tmp_file_cache, file);
        return nullptr;
    }
    file->initrd = nullptr;
    file->initrd_size = 0;
    file->seals = SEAL_SEAL;
    file->space = nullptr;
    file->accounted_pages = 0;
    return file;
}

void tmp_initrd_limit(struct node *node, uint64_t size) {
    struct tmp_file *file = tmp_file_of(node);
    if (file && size < file->initrd_size) file->initrd_size = size;
}

int32_t tmp_initrd_detach(struct node *node) {
    struct tmp_file *file = tmp_file_of(node);
    if (!file) return 0;
    for (uint64_t index = 0; index * PAGE_SIZE < file->initrd_size; index++) {
        struct frame *frame;
        int32_t error = memory_object_page(&file->object, index, true, &frame);
        if (error < 0) return error;
        frame_put(frame);
    }
    file->initrd_size = 0;
    return 0;
}

// ---- nodes

int32_t tmp_contents_set(struct node *node, const void *initrd, uint64_t size) {
    struct tmp_file *file = tmp_file_of(node);
    if (!file) return -EINVAL;
    int32_t error = memory_object_init(&file->object, &initrd_pages, size); // it had no pages yet
    if (error < 0) return error;
    file->object.owner = node;
    file->initrd = initrd;
    file->initrd_size = size;
    return 0;
}

struct node *tmp_node_create(uint32_t mode, uint64_t device, uint64_t rdev) {
    struct node *node = node_create(&tmp_scheme, mode, device, node_new_id());
    if (!node) return nullptr;
    node->rdev = rdev;
    if ((mode & S_IFMT) != S_IFREG) return node;
    struct tmp_file *file = tmp_file_create();
    if (!file) {
        node_put(node);
        return nullptr;
    }
    file->object.owner = node;
    node->data = file;
    node->object = &file->object;
    return node;
}

struct node *tmp_symlink_create(uint64_t device, const char *target, size_t length) {
    struct node *node = node_create(&tmp_scheme, S_IFLNK | 0777, device, node_new_id());
    if (!node) return nullptr;
    node->data = heap_copy_string(target, length);
    node->size = length;
    if (node->data) return node;
    node_put(node);
    return nullptr;
}

static void tmp_node_release(struct node *node) {
    if (node_type(node) == S_IFLNK) heap_free(node->data);
    if (node_type(node) == S_IFDIR) tmp_space_put(node->data);
}

static int32_t tmp_create(struct node *directory, const char *, size_t, uint32_t mode, uint64_t device,
                          struct node **created) {
    *created = tmp_node_create(mode, directory->device, device);
    if (!*created) return -ENOSPC;
    tmp_space_adopt(*created, directory);
    return 0;
}

static int32_t tmp_symlink(struct node *directory, const char *, size_t, const char *target, size_t target_length,
                           struct node **created) {
    *created = tmp_symlink_create(directory->device, target, target_length);
    return *created ? 0 : -ENOSPC;
}

// The name cache is the directory: nothing else is to be done.
static int32_t tmp_link(struct node *, const char *, size_t, struct node *) {
    return 0;
}
static int32_t tmp_rename(struct node *, const char *, size_t, struct node *, struct node *, const char *, size_t,
                          struct node *, uint32_t) {
    return 0;
}

static int32_t tmp_read_link(struct node *node, char *buffer, size_t size, size_t *length) {
    *length = min(strlen(node->data), size);
    memcpy(buffer, node->data, *length);
    return 0;
}

static int32_t tmp_statfs(struct mount *mount, struct kernel_statfs *statfs) {
    const struct tmp_space *space = mount ? tmp_space_of(mount->root->node) : nullptr;
    uint64_t free = frame_free_count();
    statfs->block_size = PAGE_SIZE;
    statfs->blocks = frame_total;
    if (space) {
        uint64_t used = atomic_load_relaxed(&space->used_pages);
        statfs->blocks = space->maximum_pages;
        free = min(free, used < space->maximum_pages ? space->maximum_pages - used : 0);
    }
    statfs->blocks_free = statfs->blocks_available = free;
    statfs->files = frame_total;
    statfs->files_free = frame_free_count();
    statfs->name_max = NAME_MAXIMUM;
    return 0;
}

// ---- transfers

static int64_t tmp_read(struct file *file, struct io_request *request) {
    struct node *node = file->node;
    if (!node->object) return node_type(node) == S_IFDIR ? -EISDIR : -EINVAL;
    int64_t done = memory_object_read(node->object, (uint64_t)request->offset, &request->cursor);
    if (done >= 0) node_touch_accessed(node, file->flags);
    return done;
}

static int64_t tmp_write_locked(struct node *node, struct io_request *request) {
    uint64_t size = atomic_load_relaxed(&node->object->size);
    if (request->flags & IO_APPEND) request->offset = (int64_t)size;
    int64_t error = io_limit_write(request);
    if (error < 0) return error;
    error = seals_check_write(node, (uint64_t)request->offset + request->cursor.remaining > size);
    if (error < 0) return error;
    uint64_t room = tmp_space_room(node, (uint64_t)request->offset, request->cursor.remaining),
             wanted = request->cursor.remaining;
    if (unlikely(!room && wanted)) return -ENOSPC;
    request->cursor.remaining = room;
    int64_t done = memory_object_write(node->object, (uint64_t)request->offset, &request->cursor);
    tmp_space_account(node);
    if (done <= 0) return done == -ENOMEM ? -ENOSPC : done;
    if (unlikely(node->mode & (S_ISUID | S_ISGID))) {
        struct identity identity = identity_borrow();
        node_drop_privilege_bits(node, &identity);
        identity_return(&identity);
    }
    node_touch_modified(node);
    return done;
}

static int64_t tmp_write(struct file *file, struct io_request *request) {
    struct node *node = file->node;
    if (!node->object) return -EINVAL;
    mutex_lock(&node->lock);
    int64_t done = tmp_write_locked(node, request);
    mutex_unlock(&node->lock);
    return done;
}

// ---- directories: file->data is the entry to go on with, a reference, when file->offset is still its cookie

static struct name *first_entry_locked(const struct name *directory, struct name *hint, int64_t offset) {
    if (hint && !hint->unlinked && hint->parent == directory && hint->cookie == (uint64_t)offset) return hint;
    list_for_each(name, &directory->children, struct name, sibling) {
        if (name->cookie >= (uint64_t)offset) return name;
    }
    return nullptr;
}

static int32_t tmp_iterate(struct file *file, struct directory_sink *sink) {
    struct name *directory = file->path.name, *old_hint = file->data;
    spin_lock(&name_lock);
    if (directory->unlinked) {
        spin_unlock(&name_lock);
        return -ENOENT;
    }
    struct name *name = first_entry_locked(directory, old_hint, file->offset);
    bool end = !name;
    while (!end) {
        struct list *next_link = name->sibling.next;
        struct name *next = next_link == &directory->children ? nullptr : list_entry(next_link, struct name, sibling);
        uint64_t next_offset = next ? next->cookie : name->cookie + 1;
        if (!sink->emit(sink, name->text, name->length, name->node->id, name->node->mode, next_offset)) break;
        file->offset = (int64_t)next_offset;
        name = next;
        end = !name;
    }
    file->data = end ? nullptr : name;
    if (!end) name_get(name);
    spin_unlock(&name_lock);
    if (old_hint) name_put(old_hint);
    return 0;
}

static void tmp_release(struct file *file) {
    if (node_type(file->node) == S_IFDIR && file->data) name_put(file->data);
}

static int32_t tmp_unlink(struct node *, const char *, size_t, struct node *) {
    return 0;
}

enum allocate_mode : uint32_t { ALLOCATE_KEEP_SIZE = 1, ALLOCATE_PUNCH_HOLE = 2, ALLOCATE_ZERO_RANGE = 16 };

static int32_t allocate_pages(struct node *node, uint64_t offset, uint64_t end) {
    for (uint64_t index = offset / PAGE_SIZE; index * PAGE_SIZE < end; index++) {
        struct frame *frame;
        int32_t error = memory_object_page(node->object, index, true, &frame);
        if (error < 0) return error == -ENOMEM ? -ENOSPC : error;
        frame_put(frame);
        preemption_point();
    }
    return 0;
}

static int32_t tmp_allocate_locked(struct node *node, uint32_t mode, uint64_t offset, uint64_t length) {
    uint64_t end = offset + length, size = node->object->size;
    bool punch = mode & ALLOCATE_PUNCH_HOLE, grow = end > size && !(mode & ALLOCATE_KEEP_SIZE);
    int32_t error = grow || punch || mode & ALLOCATE_ZERO_RANGE ? seals_check_write(node, grow) : 0;
    if (error < 0) return error;
    if (mode & (ALLOCATE_PUNCH_HOLE | ALLOCATE_ZERO_RANGE)) {
        error = tmp_initrd_detach(node);
        if (error < 0) return -ENOSPC;
        if (offset < size) memory_object_punch(node->object, offset, min(end, size) - offset);
    }
    if (grow) error = memory_object_resize(node->object, end);
    // Without a disk behind it, space is guaranteed only by having the pages; only the file's own size is worth it.
    if (error == 0 && !punch && !(mode & ALLOCATE_ZERO_RANGE)) {
        bool room = tmp_space_room(node, offset, end - offset) == end - offset;
        error = !room || (end - offset) / PAGE_SIZE > frame_free_count() ? -ENOSPC : 0;
        if (error == 0) error = allocate_pages(node, offset, min(end, max(size, grow ? end : size)));
        if (error < 0 && grow && memory_object_resize(node->object, size) < 0) error = -ENOSPC;
    }
    tmp_space_account(node);
    if (error == 0) node_touch_modified(node);
    return error;
}

static int32_t tmp_allocate(struct file *file, uint32_t mode, uint64_t offset, uint64_t length) {
    if (mode & ~(ALLOCATE_KEEP_SIZE | ALLOCATE_PUNCH_HOLE | ALLOCATE_ZERO_RANGE)) return -EOPNOTSUPP;
    if (mode & ALLOCATE_PUNCH_HOLE && mode != (ALLOCATE_PUNCH_HOLE | ALLOCATE_KEEP_SIZE)) return -EOPNOTSUPP;
    struct node *node = file->node;
    mutex_lock(&node->lock);
    int32_t error = tmp_allocate_locked(node, mode, offset, length);
    mutex_unlock(&node->lock);
    return error;
}

static int32_t tmp_fsync(struct file *, bool) {
    return 0;
}

const struct scheme tmp_scheme = {
    .name = "tmpfs",
    .magic = 0x01021994,
    .flags = SCHEME_PERSISTENT,
    .create = tmp_create,
    .symlink = tmp_symlink,
    .link = tmp_link,
    .unlink = tmp_unlink,
    .rename = tmp_rename,
    .read_link = tmp_read_link,
    .statfs = tmp_statfs,
    .node_release = tmp_node_release,
    .release = tmp_release,
    .read = tmp_read,
    .write = tmp_write,
    .iterate = tmp_iterate,
    .fsync = tmp_fsync,
    .allocate = tmp_allocate,
};

int32_t tmp_root_create(const struct tmp_options *options, struct node **root) {
    struct tmp_space *space = tmp_space_create(options->maximum_pages);
    *root = space ? tmp_node_create(S_IFDIR | (options->mode & 07777), device_new_id(), 0) : nullptr;
    if (!*root) {
        tmp_space_put(space);
        return -ENOMEM;
    }
    (*root)->links = 2;
    (*root)->data = space;
    (*root)->uid = options->uid;
    (*root)->gid = options->gid;
    return 0;
}

static int32_t tmpfs_create(struct mount *mount, const char *, struct node **root) {
    struct tmp_options options = {.maximum_pages = frame_total / 2, .mode = S_ISVTX | 0777};
    int32_t error = tmp_options_parse(mount->options, &options);
    return error < 0 ? error : tmp_root_create(&options, root);
}

static const struct mount_type tmpfs_type = {.name = "tmpfs", .create = tmpfs_create};
static const struct mount_type ramfs_type = {.name = "ramfs", .create = tmpfs_create};

void tmp_init(void) {
    mount_type_register(&tmpfs_type);
    mount_type_register(&ramfs_type);
}
