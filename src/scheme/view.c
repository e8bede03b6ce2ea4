#include "src/scheme/view.h"

#include "lib/hash.h"
#include "lib/string.h"
#include "src/memory/heap.h"
#include "src/scheme/io_request.h"

constexpr uint32_t FIRST_OFFSET = 2; // behind "." and ".."
constexpr size_t STORE_MAXIMUM = 4096;

struct view_data {
    const struct view_entry *entry;
    struct view_target target;
};

// The same entry of the same target has the same inode number each time it is looked up.
static uint64_t entry_id(const struct view_entry *entry, const struct view_target *target) {
    uint64_t id =
        hash_word((uintptr_t)entry) ^ hash_word(((uint64_t)(uint32_t)target->pid << 32) | (uint32_t)target->tid);
    return (id ^ hash_word((uint64_t)(uint32_t)target->number + 1)) >> 16 | 1;
}

static struct node *make_node(const struct scheme *scheme, uint64_t device, const struct view_entry *entry,
                              const struct view_target *target) {
    struct view_data *data = heap_alloc(sizeof *data);
    struct node *node = data ? node_create(scheme, entry->mode, device, entry_id(entry, target)) : nullptr;
    if (!node) {
        heap_free(data);
        return nullptr;
    }
    *data = (struct view_data){entry, *target};
    node->data = data;
    if (node_type(node) == S_IFDIR) node->links = 2;
    if (entry->owner) entry->owner(target, &node->uid, &node->gid);
    return node;
}

int32_t view_root(const struct scheme *scheme, struct mount *mount, const struct view_entry *root, struct node **node) {
    *node = make_node(scheme, mount->device, root, &(struct view_target){});
    return *node ? 0 : -ENOMEM;
}

static bool named(const struct view_entry *entry, const char *name, size_t length) {
    return strlen(entry->name) == length && memcmp(entry->name, name, length) == 0;
}

int32_t view_lookup(struct node *directory, const char *name, size_t length, struct node **found) {
    struct view_data *data = directory->data;
    const struct view_entry *entry = data->entry->children;
    struct view_target target = data->target;
    while (entry && entry->name && !named(entry, name, length))
        entry++;
    if (!entry || !entry->name) {
        if (!data->entry->find) return -ENOENT;
        int32_t error = data->entry->find(&data->target, name, length, &entry, &target);
        if (error) return error;
    }
    *found = make_node(directory->scheme, directory->device, entry, &target);
    return *found ? 0 : -ENOMEM;
}

int32_t view_read_link(struct node *node, char *buffer, size_t size, size_t *length) {
    struct view_data *data = node->data;
    return data->entry->read_link ? data->entry->read_link(&data->target, buffer, size, length) : -EINVAL;
}

int32_t view_follow(struct node *node, struct path *target) {
    struct view_data *data = node->data;
    return data->entry->follow ? data->entry->follow(&data->target, target) : -EINVAL;
}

void view_node_release(struct node *node) {
    heap_free(node->data);
}

int32_t view_attributes_set(struct node *, const struct kernel_attributes *attributes) {
    // Opening with O_TRUNC is how shells write to these files.
    return attributes->valid & ~(uint32_t)ATTRIBUTE_SIZE ? -EPERM : 0;
}

int32_t view_open(struct node *node, struct file *file) {
    struct view_data *data = node->data;
    if (node_type(node) != S_IFREG) return 0;
    if (data->entry->permission) {
        int32_t error = data->entry->permission(&data->target);
        if (error) return error;
    }
    struct text *text = heap_alloc_zeroed(sizeof *text);
    if (!text) return -ENOMEM;
    file->data = text;
    return 0;
}

void view_release(struct file *file) {
    struct text *text = file->data;
    if (!text) return;
    text_free(text);
    heap_free(text);
}

// A read from the start makes the text anew; further reads continue in it.
int64_t view_read(struct file *file, struct io_request *request) {
    struct view_data *data = file->node->data;
    struct text *text = file->data;
    if (!text) return -EISDIR;
    if (!data->entry->show) return -EACCES;
    if (request->offset == 0 || !text->buffer) {
        text_free(text);
        int32_t error = data->entry->show(text, &data->target);
        if (!error && text->failed) error = -ENOMEM;
        if (error) {
            text_free(text);
            return error;
        }
    }
    if ((uint64_t)request->offset >= text->length) return 0;
    size_t size = min(text->length - (size_t)request->offset, request->cursor.remaining);
    size_t done = segment_copy_in(&request->cursor, text->buffer + request->offset, size);
    return done || !size ? (int64_t)done : -EFAULT;
}

int64_t view_write(struct file *file, struct io_request *request) {
    struct view_data *data = file->node->data;
    if (!data->entry->store) return -EACCES;
    size_t size = request->cursor.remaining;
    if (size > STORE_MAXIMUM) return -EINVAL;
    char *text = heap_alloc(size + 1);
    if (!text) return -ENOMEM;
    int64_t result = -EFAULT;
    if (segment_copy_out(text, &request->cursor, size) == size) {
        text[size] = 0;
        int32_t error = data->entry->store(text, size, &data->target);
        result = error ? error : (int64_t)size;
    }
    heap_free(text);
    return result;
}

struct view_walk {
    struct view_lister lister;
    struct directory_sink *sink;
    struct file *file;
    uint32_t base; // offset of key 0
    bool full;
};

static bool emit(struct view_walk *walk, const char *name, size_t length, const struct view_entry *entry,
                 const struct view_target *target, uint64_t next) {
    if (!walk->sink->emit(walk->sink, name, length, entry_id(entry, target), entry->mode, next)) {
        walk->full = true;
        return false;
    }
    walk->file->offset = (int64_t)next;
    return true;
}

static bool add_dynamic(struct view_lister *lister, const char *name, size_t length, const struct view_entry *entry,
                        const struct view_target *target, uint32_t key) {
    struct view_walk *walk = container_of(lister, struct view_walk, lister);
    return emit(walk, name, length, entry, target, (uint64_t)walk->base + key + 1);
}

int32_t view_iterate(struct file *file, struct directory_sink *sink) {
    struct view_data *data = file->node->data;
    struct view_walk walk = {.lister = {.add = add_dynamic}, .sink = sink, .file = file};
    uint32_t index = 0;
    const struct view_entry *entry = data->entry->children;
    for (; entry && entry->name; entry++, index++) {
        if (file->offset > (int64_t)(index + FIRST_OFFSET)) continue;
        if (!emit(&walk, entry->name, strlen(entry->name), entry, &data->target, index + FIRST_OFFSET + 1)) return 0;
    }
    walk.base = index + FIRST_OFFSET;
    if (data->entry->list) {
        uint32_t from = file->offset > (int64_t)walk.base ? (uint32_t)(file->offset - walk.base) : 0;
        data->entry->list(&data->target, from, &walk.lister);
    }
    return 0;
}
