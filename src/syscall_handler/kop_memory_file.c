// Memory files and their seals.
#include <personality.h>

#include "lib/string.h"
#include "src/scheme/file.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/node.h"
#include "src/scheme/seals.h"
#include "src/scheme/tmp.h"

enum memory_file_flags : uint32_t { MEMORY_FILE_CLOEXEC = 1, MEMORY_FILE_SEALABLE = 2, MEMORY_FILE_NO_EXEC = 8 };

int32_t kop_memory_file_create(const char *name, size_t length, uint32_t flags) {
    static uint64_t device;
    static const char prefix[] = "/memfd:";
    char text[NAME_MAXIMUM + 1];
    if (length > NAME_MAXIMUM - (sizeof("memfd:") - 1)) return -EINVAL;
    length = min(length, NAME_MAXIMUM - (sizeof(prefix) - 1)); // the name is only shown
    if (!device) device = device_new_id();
    bool executable = !(flags & MEMORY_FILE_NO_EXEC);
    struct node *node = tmp_node_create(S_IFREG | (executable ? 0777 : 0666), device, 0);
    if (!node) return -ENOMEM;
    node_own_by_current(node);
    node->links = 0;
    struct tmp_file *contents = tmp_file_of(node);
    contents->seals = !executable ? SEAL_EXEC : flags & MEMORY_FILE_SEALABLE ? 0 : SEAL_SEAL;
    memcpy(text, prefix, sizeof(prefix) - 1);
    memcpy(text + sizeof(prefix) - 1, name, length);
    struct path path = {.mount = nullptr, .name = name_create(nullptr, text, length + sizeof(prefix) - 1, node)};
    if (!path.name) return -ENOMEM;
    path.name->unlinked = true;
    path.mount = mount_anonymous();
    struct file *file;
    int32_t error = file_open_node(&path, O_RDWR, &file);
    path_put(&path);
    if (error < 0) return error;
    int32_t descriptor = handle_install(&file->object, 0, flags & MEMORY_FILE_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

// Every file in memory has seals; those of no memory file are SEAL_SEAL alone.
static bool has_seals(const struct node *node) {
    return node && tmp_file_of(node);
}

int32_t kop_seals_get(int32_t descriptor, uint32_t *seals) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    struct node *node = reference.file->node;
    int32_t error = has_seals(node) ? 0 : -EINVAL;
    if (error == 0) *seals = tmp_file_of(node)->seals;
    file_release(reference);
    return error;
}

int32_t kop_seals_add(int32_t descriptor, uint32_t seals) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int32_t error = !file_writable(file) ? -EPERM : !has_seals(file->node) ? -EINVAL : 0;
    if (error == 0) {
        mutex_lock(&file->node->lock);
        error = seals_add(file->node, seals);
        mutex_unlock(&file->node->lock);
    }
    file_release(reference);
    return error;
}
