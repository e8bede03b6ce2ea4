#include "src/scheme/device.h"

#include "lib/string.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/tmp.h"

struct registered {
    struct list link;
    const struct device_scheme *device;
};
// One devtmpfs tree; all show the same devices.
struct instance {
    struct list link;
    struct name *root; // a reference
};

static struct mutex lock = {.rank = RANK_MOUNT, // guards both lists
                            .lock = SPINLOCK_INIT(RANK_WAIT_QUEUE),
                            .waiters = LIST_INIT(lock.waiters)};
static struct list devices = LIST_INIT(devices);
static struct list instances = LIST_INIT(instances);

static const struct device_scheme *device_find(uint64_t number) {
    const struct device_scheme *found = nullptr;
    mutex_lock(&lock);
    list_for_each(entry, &devices, struct registered, link) {
        if (device_number(entry->device->major, entry->device->minor) == number) found = entry->device;
    }
    mutex_unlock(&lock);
    return found;
}

int32_t device_open(struct file *file) {
    const struct device_scheme *device = device_find(file->node->rdev);
    if (!device) return -ENXIO;
    file->scheme = device->scheme;
    file->data = device->data;
    return device->scheme->open ? device->scheme->open(file->node, file) : 0;
}

static int32_t add_node(struct name *root, const struct device_scheme *device) {
    struct node *node =
        tmp_node_create(S_IFCHR | device->mode, root->node->device, device_number(device->major, device->minor));
    return node ? tmp_place(root, device->path, strlen(device->path), node) : -ENOMEM;
}

int32_t device_register(const struct device_scheme *device) {
    if (device_find(device_number(device->major, device->minor))) return -EEXIST;
    struct registered *entry = heap_alloc(sizeof(*entry));
    if (!entry) return -ENOMEM;
    entry->device = device;
    int32_t error = 0;
    mutex_lock(&lock);
    list_push_back(&devices, &entry->link);
    if (device->path) {
        list_for_each(instance, &instances, struct instance, link) {
            if (error == 0) error = add_node(instance->root, device);
        }
    }
    mutex_unlock(&lock);
    return error;
}

static const struct {
    const char *path, *target;
} links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},         {"core", "/proc/kcore"},
};
static const struct {
    const char *path;
    uint32_t mode;
} directories[] = {{"pts", 0755}, {"shm", S_ISVTX | 0777}};

static int32_t add_fixed(struct name *root) {
    int32_t error = 0;
    for (unsigned i = 0; i < array_size(directories) && error == 0; i++) {
        struct node *node = tmp_node_create(S_IFDIR | directories[i].mode, root->node->device, 0);
        error = node ? tmp_place(root, directories[i].path, strlen(directories[i].path), node) : -ENOMEM;
    }
    for (unsigned i = 0; i < array_size(links) && error == 0; i++) {
        struct node *node = tmp_symlink_create(root->node->device, links[i].target, strlen(links[i].target));
        error = node ? tmp_place(root, links[i].path, strlen(links[i].path), node) : -ENOMEM;
    }
    return error;
}

static int32_t devtmpfs_create(struct mount *, const char *, struct node **root) {
    *root = tmp_node_create(S_IFDIR | 0755, device_new_id(), 0);
    if (!*root) return -ENOMEM;
    (*root)->links = 2;
    return 0;
}

// The mount's tree gets what is known; later devices join it.
static int32_t devtmpfs_populate(struct mount *mount) {
    struct instance *instance = heap_alloc(sizeof(*instance));
    if (!instance) return -ENOMEM;
    instance->root = mount->root;
    name_get(mount->root);
    int32_t error = add_fixed(mount->root);
    mutex_lock(&lock);
    list_push_back(&instances, &instance->link);
    list_for_each(entry, &devices, struct registered, link) {
        if (entry->device->path && error == 0) error = add_node(mount->root, entry->device);
    }
    mutex_unlock(&lock);
    return error;
}

static void devtmpfs_forget(struct mount *mount) {
    mutex_lock(&lock);
    list_for_each_safe(instance, following, &instances, struct instance, link) {
        if (instance->root != mount->root) continue;
        list_remove(&instance->link);
        name_put(instance->root);
        heap_free(instance);
    }
    mutex_unlock(&lock);
}

static const struct mount_type devtmpfs_type = {
    .name = "devtmpfs", .create = devtmpfs_create, .populate = devtmpfs_populate, .forget = devtmpfs_forget};

void device_init(void) {
    mount_type_register(&devtmpfs_type);
    memory_devices_init();
}
