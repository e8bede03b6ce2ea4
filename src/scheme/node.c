// Nodes: life, numbers, permission, attributes.
#include "src/scheme/node.h"

#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "src/scheme/identity.h"
#include "src/scheme/lock_record.h"
#include "src/scheme/seals.h"
#include "src/scheme/tmp.h"
#include "src/scheme/tmp_space.h"
#include "src/scheme/xattr.h"

static struct slab_cache node_cache = SLAB_CACHE(struct node);
static uint64_t last_node_id = 1, last_device_minor;

uint64_t node_new_id(void) {
    return atomic_fetch_add_relaxed(&last_node_id, 1) + 1;
}

uint64_t device_new_id(void) {
    return device_number(0, (uint32_t)atomic_fetch_add_relaxed(&last_device_minor, 1) + 1);
}

struct node *node_create(const struct scheme *scheme, uint32_t mode, uint64_t device, uint64_t id) {
    struct node *node = slab_alloc(&node_cache);
    if (!node) return nullptr;
    nanoseconds now = clock_realtime();
    *node = (struct node){.scheme = scheme,
                          .device = device,
                          .id = id,
                          .mode = mode,
                          .links = 1,
                          .atime = now,
                          .mtime = now,
                          .ctime = now,
                          .btime = now,
                          .generation = 2};
    refcount_init(&node->references);
    mutex_init(&node->lock, (mode & S_IFMT) == S_IFDIR ? RANK_DIRECTORY : RANK_NODE);
    return node;
}

void node_put(struct node *node) {
    if (!node || !refcount_put(&node->references)) return;
    if (node->scheme->node_release) node->scheme->node_release(node);
    if (node->locks) lock_list_free(node->locks);
    if (node->xattrs) xattr_list_free(node->xattrs);
    if (node->object) memory_object_put(node->object);
    slab_free(&node_cache, node);
}

int32_t node_permission(struct node *node, uint32_t access) {
    if (access & ACCESS_WRITE && node->scheme->flags & SCHEME_READ_ONLY) return -EROFS;
    struct identity identity = identity_borrow();
    int32_t error = identity_permission(&identity, node, access);
    identity_return(&identity);
    return error;
}

int32_t node_stat(struct node *node, const struct mount *mount, struct kernel_stat *stat) {
    stat->device = node->device;
    stat->inode = node->id;
    stat->rdev = node->rdev;
    stat->mode = node->mode;
    stat->links = node->links;
    stat->uid = node->uid;
    stat->gid = node->gid;
    stat->block_size = PAGE_SIZE;
    stat->mount_id = mount ? (uint32_t)mount->id : 0;
    stat->atime = node->atime;
    stat->mtime = node->mtime;
    stat->ctime = node->ctime;
    stat->btime = node->btime;
    stat->size = node->size;
    stat->blocks = 0;
    if (node->object) {
        const struct tmp_file *file = tmp_file_of(node);
        uint64_t bytes = node->object->page_count * PAGE_SIZE;
        stat->size = atomic_load_relaxed(&node->object->size);
        if (file && file->initrd_size > bytes) bytes = align_up(file->initrd_size, PAGE_SIZE);
        stat->blocks = bytes / 512;
    }
    return 0;
}

void node_touch_modified(struct node *node) {
    node->mtime = node->ctime = clock_realtime();
}

void node_touch_changed(struct node *node) {
    node->ctime = clock_realtime();
}

constexpr nanoseconds RELATIVE_ATIME_AGE = 24 * 3600 * NANOSECONDS_PER_SECOND;

void node_touch_accessed(struct node *node, uint32_t file_flags) {
    if (file_flags & O_NOATIME || node->scheme->flags & SCHEME_READ_ONLY) return;
    // The time of the last context switch is exact enough for the age rule and needs no clock.
    nanoseconds about_now = context_current()->slice_start + clock_wall_offset();
    if (node->atime > node->mtime && node->atime > node->ctime && about_now - node->atime < RELATIVE_ATIME_AGE) return;
    node->atime = clock_realtime();
}

static bool keeps_group_bit(const struct node *node, const struct identity *identity) {
    return identity_in_group(identity, node->gid) || identity_capable(identity, CAP_FSETID);
}

// The set-id bits that a change of owner or contents takes away.
static uint32_t bits_to_drop(const struct node *node, const struct identity *identity) {
    bool group = node->mode & 010 || !keeps_group_bit(node, identity);
    return node->mode & (S_ISUID | (group ? S_ISGID : 0u));
}

void node_drop_privilege_bits(struct node *node, const struct identity *identity) {
    if (!(node->mode & (S_ISUID | S_ISGID)) || node_type(node) != S_IFREG) return;
    if (!identity_capable(identity, CAP_FSETID)) node->mode &= ~bits_to_drop(node, identity);
}

// ---- chmod, chown, truncate, utimens

static int32_t check_times(const struct identity *identity, const struct node *node, uint32_t valid) {
    if (!(valid & (ATTRIBUTE_ATIME | ATTRIBUTE_MTIME | ATTRIBUTE_ATIME_NOW | ATTRIBUTE_MTIME_NOW))) return 0;
    if (identity_owns(identity, node)) return 0;
    bool both_now = valid & ATTRIBUTE_ATIME_NOW && valid & ATTRIBUTE_MTIME_NOW;
    if (!both_now) return -EPERM;
    return identity_permission(identity, node, ACCESS_WRITE);
}

static int32_t check_owner(const struct identity *identity, const struct node *node,
                           const struct kernel_attributes *attributes) {
    bool privileged = identity_capable(identity, CAP_CHOWN);
    if (attributes->valid & ATTRIBUTE_UID && !privileged &&
        (identity->uid != node->uid || attributes->uid != node->uid))
        return -EPERM;
    if (attributes->valid & ATTRIBUTE_GID && !privileged &&
        (identity->uid != node->uid || (attributes->gid != node->gid && !identity_in_group(identity, attributes->gid))))
        return -EPERM;
    return 0;
}

static int32_t check_attributes(const struct identity *identity, const struct node *node,
                                const struct kernel_attributes *attributes) {
    if (attributes->valid & ATTRIBUTE_MODE && !identity_owns(identity, node)) return -EPERM;
    int32_t error = check_owner(identity, node, attributes);
    return error < 0 ? error : check_times(identity, node, attributes->valid);
}

static int32_t apply_size(struct node *node, uint64_t size) {
    if (!node->object) return -EINVAL;
    int32_t error = seals_check_resize(node, size);
    if (error < 0) return error;
    tmp_initrd_limit(node, size);
    error = memory_object_resize(node->object, size);
    tmp_space_account(node);
    return error;
}

static void apply_owner(struct node *node, const struct identity *identity,
                        const struct kernel_attributes *attributes) {
    if (!(attributes->valid & (ATTRIBUTE_UID | ATTRIBUTE_GID))) return;
    uint32_t drop = node_type(node) == S_IFDIR ? 0 : bits_to_drop(node, identity);
    if (attributes->valid & ATTRIBUTE_UID) node->uid = attributes->uid;
    if (attributes->valid & ATTRIBUTE_GID) node->gid = attributes->gid;
    // A change of the mode is one that the new group must allow, too.
    if (drop && !keeps_group_bit(node, identity)) drop |= S_ISGID;
    node->mode &= ~drop;
}

// Caller holds the node's lock and has checked.
static int32_t apply_attributes(struct node *node, const struct identity *identity,
                                const struct kernel_attributes *attributes) {
    uint32_t valid = attributes->valid;
    if (valid & ATTRIBUTE_SIZE) {
        int32_t error = apply_size(node, attributes->size);
        if (error < 0) return error;
        node_drop_privilege_bits(node, identity);
    }
    apply_owner(node, identity, attributes);
    if (valid & ATTRIBUTE_MODE) node->mode = (node->mode & S_IFMT) | (attributes->mode & 07777);
    nanoseconds now = clock_realtime();
    if (valid & (ATTRIBUTE_ATIME | ATTRIBUTE_ATIME_NOW))
        node->atime = valid & ATTRIBUTE_ATIME_NOW ? now : attributes->atime;
    if (valid & (ATTRIBUTE_MTIME | ATTRIBUTE_MTIME_NOW))
        node->mtime = valid & ATTRIBUTE_MTIME_NOW ? now : attributes->mtime;
    else if (valid & ATTRIBUTE_SIZE)
        node->mtime = now;
    node->ctime = now;
    return 0;
}

int32_t node_attributes_set(struct node *node, const struct kernel_attributes *attributes) {
    if (node->scheme->flags & SCHEME_READ_ONLY) return -EROFS;
    struct identity identity = identity_borrow();
    mutex_lock(&node->lock);
    struct kernel_attributes wanted = *attributes;
    int32_t error = check_attributes(&identity, node, &wanted);
    if (error == 0 && wanted.valid & ATTRIBUTE_MODE && wanted.mode & S_ISGID &&
        !identity_capable(&identity, CAP_FSETID) && !identity_in_group(&identity, node->gid))
        wanted.mode &= ~S_ISGID;
    if (error == 0 && node->scheme->attributes_set)
        error = node->scheme->attributes_set(node, &wanted);
    else if (error == 0)
        error = apply_attributes(node, &identity, &wanted);
    mutex_unlock(&node->lock);
    identity_return(&identity);
    return error;
}

int32_t node_truncate(struct node *node, uint64_t size) {
    if (node->scheme->flags & SCHEME_READ_ONLY) return -EROFS;
    const struct kernel_attributes attributes = {.valid = ATTRIBUTE_SIZE, .size = size};
    struct identity identity = identity_borrow();
    mutex_lock(&node->lock);
    int32_t error = node->scheme->attributes_set ? node->scheme->attributes_set(node, &attributes)
                                                 : apply_attributes(node, &identity, &attributes);
    mutex_unlock(&node->lock);
    identity_return(&identity);
    return error;
}

int64_t node_seek_data(struct node *node, uint64_t offset, bool data) {
    const struct tmp_file *file = tmp_file_of(node);
    uint64_t size = node->object->size;
    if (offset >= size) return -ENXIO;
    // What was not read from the initrd yet is data without pages.
    if (file && offset < file->initrd_size) {
        if (data) return (int64_t)offset;
        offset = file->initrd_size;
        if (offset >= size) return (int64_t)size;
    }
    return memory_object_seek(node->object, offset, data);
}

int32_t node_owner_check(const struct node *node) {
    struct identity identity = identity_borrow();
    bool owner = identity_owns(&identity, node);
    identity_return(&identity);
    return owner ? 0 : -EPERM;
}

void node_own_by_current(struct node *node) {
    struct identity identity = identity_borrow();
    node->uid = identity.uid;
    node->gid = identity.gid;
    identity_return(&identity);
}
