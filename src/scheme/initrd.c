// The root tree from the initrd's archive. Contents stay where they are until a page of them is touched.
#include "src/scheme/initrd.h"

#include "lib/hash.h"
#include "lib/string.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/scheme/cpio.h"
#include "src/scheme/tmp.h"

constexpr unsigned LINK_BUCKETS = 64;

// A node that several names share, by its key in the archive.
struct shared {
    struct shared *next;
    uint32_t inode, device_major, device_minor;
    struct node *node; // a reference
};

struct unpacker {
    struct name *root;
    struct shared *shared[LINK_BUCKETS];
    int32_t entries;
};

static void forget_shared(struct unpacker *unpacker) {
    for (unsigned i = 0; i < LINK_BUCKETS; i++) {
        while (unpacker->shared[i]) {
            struct shared *shared = unpacker->shared[i];
            unpacker->shared[i] = shared->next;
            node_put(shared->node);
            heap_free(shared);
        }
    }
}

static struct shared **find_shared(struct unpacker *unpacker, const struct cpio_entry *entry) {
    struct shared **link = &unpacker->shared[hash_word(entry->inode) % LINK_BUCKETS];
    while (*link && ((*link)->inode != entry->inode || (*link)->device_major != entry->device_major ||
                     (*link)->device_minor != entry->device_minor))
        link = &(*link)->next;
    return link;
}

static struct node *make_node(struct unpacker *unpacker, const struct cpio_entry *entry) {
    uint64_t device = unpacker->root->node->device;
    struct node *node;
    switch (entry->mode & S_IFMT) {
    case S_IFLNK:
        node = tmp_symlink_create(device, (const char *)entry->data, entry->size);
        break;
    case S_IFREG:
        node = tmp_node_create_from(entry->mode, device, entry->size ? entry->data : nullptr, entry->size);
        break;
    default:
        node = tmp_node_create(entry->mode, device, device_number(entry->special_major, entry->special_minor));
        break;
    }
    if (!node) return nullptr;
    node->uid = entry->uid;
    node->gid = entry->gid;
    node->atime = node->mtime = node->ctime = (nanoseconds)entry->modified * NANOSECONDS_PER_SECOND;
    return node;
}

// A further name of a file, or its first one. The contents come with whichever name has them.
static int32_t place_linked(struct unpacker *unpacker, const struct cpio_entry *entry) {
    struct shared **slot = find_shared(unpacker, entry), *shared = *slot;
    if (!shared) {
        shared = heap_alloc(sizeof(*shared));
        struct node *node = shared ? make_node(unpacker, entry) : nullptr;
        if (!node) {
            heap_free(shared);
            return -ENOMEM;
        }
        *shared = (struct shared){nullptr, entry->inode, entry->device_major, entry->device_minor, node};
        *slot = shared;
    } else {
        if (entry->size) tmp_contents_set(shared->node, entry->data, entry->size);
        shared->node->links++;
    }
    node_get(shared->node);
    return tmp_place(unpacker->root, entry->name, entry->name_length, shared->node);
}

static int32_t place_entry(struct unpacker *unpacker, const struct cpio_entry *entry) {
    uint32_t type = entry->mode & S_IFMT;
    if (type == S_IFREG && entry->links > 1) return place_linked(unpacker, entry);
    if (type == S_IFLNK && (!entry->size || entry->size >= 4096)) return -EINVAL;
    struct node *node = make_node(unpacker, entry);
    return node ? tmp_place(unpacker->root, entry->name, entry->name_length, node) : -ENOMEM;
}

int32_t initrd_unpack(struct name *root, const void *archive, size_t size) {
    struct unpacker unpacker = {.root = root};
    struct cpio_reader reader = cpio_start(archive, size);
    struct cpio_entry entry;
    int32_t result;
    while ((result = cpio_next(&reader, &entry)) > 0) {
        if (result == CPIO_TRAILER) {
            forget_shared(&unpacker);
            continue;
        }
        int32_t error = place_entry(&unpacker, &entry);
        if (error == -ENOMEM) {
            result = error;
            break;
        }
        if (error < 0)
            log_warning("initrd", "%.*s is not taken over: error %d", (int)min(entry.name_length, 200UL), entry.name,
                        -error);
        unpacker.entries++;
    }
    forget_shared(&unpacker);
    return result < 0 ? result : unpacker.entries;
}
