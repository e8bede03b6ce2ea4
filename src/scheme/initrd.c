// The root tree from the initrd's archive. Contents stay where they are until a page of them is touched.
#include "src/scheme/initrd.h"

#include "lib/hash.h"
#include "lib/string.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/scheme/cpio.h"
#include "src/scheme/tmp.h"

// A node that several names share, by its key in the archive.
struct initrd_shared {
    struct initrd_shared *next;
    uint32_t inode, device_major, device_minor;
    struct node *node; // a reference
};

void initrd_forget_links(struct initrd_unpacker *unpacker) {
    for (unsigned i = 0; i < INITRD_LINK_BUCKETS; i++) {
        while (unpacker->shared[i]) {
            struct initrd_shared *shared = unpacker->shared[i];
            unpacker->shared[i] = shared->next;
            node_put(shared->node);
            heap_free(shared);
        }
    }
}

static struct initrd_shared **find_shared(struct initrd_unpacker *unpacker, const struct cpio_entry *entry) {
    struct initrd_shared **link = &unpacker->shared[hash_word(entry->inode) % INITRD_LINK_BUCKETS];
    while (*link && ((*link)->inode != entry->inode || (*link)->device_major != entry->device_major ||
                     (*link)->device_minor != entry->device_minor))
        link = &(*link)->next;
    return link;
}

// The entry's node, a regular file still empty.
static struct node *make_node(struct initrd_unpacker *unpacker, const struct cpio_entry *entry) {
    uint64_t device = unpacker->root->node->device;
    struct node *node =
        (entry->mode & S_IFMT) == S_IFLNK
            ? tmp_symlink_create(device, (const char *)entry->data, entry->size)
            : tmp_node_create(entry->mode, device, device_number(entry->special_major, entry->special_minor));
    if (!node) return nullptr;
    node->uid = entry->uid;
    node->gid = entry->gid;
    node->atime = node->mtime = node->ctime = (nanoseconds)entry->modified * NANOSECONDS_PER_SECOND;
    return node;
}

// The node of a file with several names, with a reference. The contents come with whichever name has them.
static struct node *shared_node(struct initrd_unpacker *unpacker, const struct cpio_entry *entry) {
    struct initrd_shared **slot = find_shared(unpacker, entry), *shared = *slot;
    if (shared) {
        shared->node->links++;
    } else {
        shared = heap_alloc(sizeof(*shared));
        struct node *node = shared ? make_node(unpacker, entry) : nullptr;
        if (!node) {
            heap_free(shared);
            return nullptr;
        }
        *shared = (struct initrd_shared){nullptr, entry->inode, entry->device_major, entry->device_minor, node};
        *slot = shared;
    }
    node_get(shared->node);
    return shared->node;
}

int32_t initrd_place(struct initrd_unpacker *unpacker, const struct cpio_entry *entry) {
    uint32_t type = entry->mode & S_IFMT;
    struct node *node = type == S_IFREG && entry->links > 1 ? shared_node(unpacker, entry) : make_node(unpacker, entry);
    if (!node) return -ENOMEM;
    int32_t error = type == S_IFREG && entry->size ? unpacker->contents(unpacker, node, entry) : 0;
    if (error < 0) {
        node_put(node);
        return error;
    }
    error = tmp_place(unpacker->root, entry->name, entry->name_length, node);
    if (error == -ENOMEM) return error;
    if (error < 0)
        log_warning("initrd", "%.*s is not taken over: error %d", (int)min(entry->name_length, 200UL), entry->name,
                    -error);
    unpacker->entries++;
    return 0;
}

static int32_t contents_in_place(struct initrd_unpacker *, struct node *node, const struct cpio_entry *entry) {
    return tmp_contents_set(node, entry->data, entry->size);
}

int32_t initrd_unpack(struct name *root, const void *archive, size_t size) {
    struct initrd_unpacker unpacker = {.root = root, .contents = contents_in_place};
    struct cpio_reader reader = cpio_start(archive, size);
    struct cpio_entry entry;
    int32_t result;
    while ((result = cpio_next(&reader, &entry)) > 0) {
        if (result == CPIO_TRAILER)
            initrd_forget_links(&unpacker);
        else
            result = initrd_place(&unpacker, &entry);
        if (result < 0) break;
    }
    initrd_forget_links(&unpacker);
    return result < 0 ? result : unpacker.entries;
}
