// Ops on schemes by name and on schemes that a program serves.
#include <personality.h>

#include "lib/string.h"
#include "src/context/credentials.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/node.h"
#include "src/scheme/user_scheme.h"

static int32_t install(struct file *file, uint32_t flags) {
    int32_t descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

int32_t kop_scheme_serve(const char *target, size_t length) {
    struct path place;
    struct file *file;
    int32_t error = path_lookup(AT_FDCWD, target, length, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &place);
    if (error < 0) return error;
    if (!capable(CAP_SYS_ADMIN)) error = node_owner_check(place.name->node);
    char *source = error == 0 ? heap_copy_string(target, length) : nullptr;
    if (error == 0) error = source ? user_scheme_serve(&place, source, 0, &file) : -ENOMEM;
    heap_free(source);
    path_put(&place);
    return error < 0 ? error : install(file, O_CLOEXEC);
}

// The oldest mount whose scheme or source has the name; found has references.
struct mount_search {
    const char *name;
    size_t length;
    struct path found;
};

static bool named(const char *text, const struct mount_search *search) {
    return text && strlen(text) == search->length && memcmp(text, search->name, search->length) == 0;
}

static void search_visit(const struct mount *mount, void *data) {
    struct mount_search *search = data;
    if (search->found.mount || !(named(mount->scheme->name, search) || named(mount->source, search))) return;
    search->found = (struct path){(struct mount *)mount, mount->root};
    path_get(&search->found);
}

// A scheme is reached only through a mount: the path is walked from that mount's root.
int32_t kop_open_scheme(const char *scheme, size_t scheme_length, const char *path, size_t length, uint32_t flags) {
    struct mount_search search = {.name = scheme, .length = scheme_length};
    struct file *root;
    mount_visit(search_visit, &search);
    if (!search.found.mount) return -ENODEV;
    int32_t error = file_open_node(&search.found, O_PATH | O_DIRECTORY, &root);
    path_put(&search.found);
    if (error < 0) return error;
    while (length && *path == '/')
        path++, length--;
    if (!length) {
        path = ".";
        length = 1;
    }
    int32_t directory = install(root, O_CLOEXEC);
    if (directory < 0) return directory;
    int32_t descriptor = kop_open(directory, path, length, flags & ~(uint32_t)O_CREAT, 0);
    (void)kop_close(directory);
    return descriptor;
}
