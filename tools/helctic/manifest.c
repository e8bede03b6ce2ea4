#include "tools/helctic/manifest.h"

#include "tools/helctic/text.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum : int { LINKS_MAX = 40 };

static uint32_t path_hash(const char *path) {
    uint32_t hash = 2166136261u;
    for (; *path; path++)
        hash = (hash ^ (uint8_t)*path) * 16777619u;
    return hash;
}

static uint32_t *slot_find(const struct manifest *manifest, const char *path) {
    size_t at = path_hash(path) & (manifest->slot_count - 1);
    while (manifest->slots[at] && strcmp(manifest->entries[manifest->slots[at] - 1].path, path) != 0)
        at = (at + 1) & (manifest->slot_count - 1);
    return &manifest->slots[at];
}

struct manifest_entry *manifest_find(const struct manifest *manifest, const char *path) {
    if (!manifest->slot_count) return nullptr;
    uint32_t index = *slot_find(manifest, path);
    return index ? &manifest->entries[index - 1] : nullptr;
}

static void slots_grow(struct manifest *manifest) {
    free(manifest->slots);
    manifest->slot_count = manifest->slot_count ? manifest->slot_count * 2 : 1024;
    manifest->slots = memory_alloc(manifest->slot_count * sizeof *manifest->slots);
    for (size_t i = 0; i < manifest->count; i++)
        *slot_find(manifest, manifest->entries[i].path) = (uint32_t)i + 1;
}

// A new entry at a canonical path whose parents exist, or null when the path is taken. Owns `path` either way.
static struct manifest_entry *entry_new(struct manifest *manifest, char *path, enum entry_kind kind, unsigned mode) {
    if (strcmp(path, "/") == 0 || manifest_find(manifest, path)) {
        free(path);
        return nullptr;
    }
    if ((manifest->count + 1) * 2 > manifest->slot_count) slots_grow(manifest);
    if (manifest->count == manifest->capacity) {
        manifest->capacity = manifest->capacity ? manifest->capacity * 2 : 256;
        manifest->entries = memory_grow(manifest->entries, manifest->capacity * sizeof *manifest->entries);
    }
    *slot_find(manifest, path) = (uint32_t)manifest->count + 1;
    struct manifest_entry *entry = &manifest->entries[manifest->count++];
    *entry = (struct manifest_entry){.path = path, .kind = kind, .mode = mode & 07777, .links = 1};
    return entry;
}

void manifest_free(struct manifest *manifest) {
    for (size_t i = 0; i < manifest->count; i++) {
        free(manifest->entries[i].path);
        free(manifest->entries[i].source);
        free(manifest->entries[i].data);
    }
    free(manifest->entries);
    free(manifest->slots);
    *manifest = (struct manifest){};
}

// A walk over a path: what is resolved so far ("" is the root), and what is left.
struct walk {
    struct buffer done;
    struct buffer rest;
    int links;
};

static void walk_start(struct walk *walk, const char *path) {
    *walk = (struct walk){};
    buffer_append(&walk->done, "", 0);
    buffer_append(&walk->rest, path, strlen(path));
}

static void walk_end(struct walk *walk) {
    buffer_free(&walk->done);
    buffer_free(&walk->rest);
}

// Moves the next component from `rest` to `done`; false at the end. ".." and "." are dealt with here.
static bool walk_step(struct walk *walk) {
    for (;;) {
        size_t skip = strspn(walk->rest.data, "/");
        buffer_consume(&walk->rest, skip);
        size_t length = strcspn(walk->rest.data, "/");
        if (!length) return false;
        bool parent = length == 2 && memcmp(walk->rest.data, "..", 2) == 0;
        bool here = length == 1 && walk->rest.data[0] == '.';
        if (!parent && !here) {
            buffer_append(&walk->done, "/", 1);
            buffer_append(&walk->done, walk->rest.data, length);
        } else if (parent && walk->done.size) {
            walk->done.size = (size_t)(strrchr(walk->done.data, '/') - walk->done.data);
            walk->done.data[walk->done.size] = '\0';
        }
        buffer_consume(&walk->rest, length);
        if (!parent && !here) return true;
    }
}

static bool walk_at_end(const struct walk *walk) {
    return walk->rest.data[strspn(walk->rest.data, "/")] == '\0';
}

// Replaces the last component of `done` by a link's target. False after too many links.
static bool walk_follow(struct walk *walk, const char *target) {
    if (++walk->links > LINKS_MAX) return false;
    struct buffer rest = {};
    buffer_append(&rest, target, strlen(target));
    buffer_append(&rest, "/", 1);
    buffer_append(&rest, walk->rest.data, walk->rest.size);
    buffer_free(&walk->rest);
    walk->rest = rest;
    walk->done.size = target[0] == '/' ? 0 : (size_t)(strrchr(walk->done.data, '/') - walk->done.data);
    walk->done.data[walk->done.size] = '\0';
    return true;
}

char *manifest_resolve(const struct manifest *manifest, const char *path, bool follow) {
    struct walk walk;
    char *result = nullptr;
    walk_start(&walk, path);
    while (walk_step(&walk)) {
        const struct manifest_entry *entry = manifest_find(manifest, walk.done.data);
        if (!entry || entry->kind != ENTRY_SYMLINK || (walk_at_end(&walk) && !follow)) continue;
        if (!walk_follow(&walk, entry->data)) goto out;
    }
    result = text_copy(walk.done.size ? walk.done.data : "/");
out:
    walk_end(&walk);
    return result;
}

static void parents_add(struct manifest *manifest, const char *path) {
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        char *parent = text_format("%.*s", (int)(slash - path), path);
        entry_new(manifest, parent, ENTRY_DIRECTORY, 0755);
    }
}

static struct manifest_entry *entry_place(struct manifest *manifest, const char *path, enum entry_kind kind,
                                          unsigned mode) {
    char *place = manifest_resolve(manifest, path, kind == ENTRY_DIRECTORY);
    if (!place) return nullptr;
    parents_add(manifest, place);
    return entry_new(manifest, place, kind, mode);
}

void manifest_add_directory(struct manifest *manifest, const char *path, unsigned mode) {
    entry_place(manifest, path, ENTRY_DIRECTORY, mode);
}

static void entry_set_data(struct manifest_entry *entry, const void *data, size_t size) {
    entry->data = memory_alloc(size + 1);
    if (size) memcpy(entry->data, data, size);
    entry->size = size;
}

void manifest_add_symlink(struct manifest *manifest, const char *path, const char *target) {
    struct manifest_entry *entry = entry_place(manifest, path, ENTRY_SYMLINK, 0777);
    if (entry) entry_set_data(entry, target, strlen(target));
}

void manifest_add_memory(struct manifest *manifest, const char *path, const void *data, size_t size, unsigned mode) {
    struct manifest_entry *entry = entry_place(manifest, path, ENTRY_MEMORY, mode);
    if (entry) entry_set_data(entry, data, size);
}

static void entry_set_stat(struct manifest_entry *entry, const struct stat *status) {
    entry->modified = status->st_mtime;
    entry->user = status->st_uid;
    entry->group = status->st_gid;
    if (entry->kind != ENTRY_FILE) return;
    entry->size = (uint64_t)status->st_size;
    entry->device = status->st_dev;
    entry->inode = status->st_ino;
    entry->links = (uint32_t)status->st_nlink;
}

// Adds the host object `source` with its status as a new entry at canonical `path`.
static int entry_from_host(struct manifest *manifest, char *path, const char *source, const struct stat *status) {
    struct manifest_entry *entry;
    if (S_ISDIR(status->st_mode)) {
        entry = entry_new(manifest, path, ENTRY_DIRECTORY, status->st_mode);
    } else if (S_ISREG(status->st_mode)) {
        entry = entry_new(manifest, path, ENTRY_FILE, status->st_mode);
        if (entry) entry->source = text_copy(source);
    } else if (S_ISLNK(status->st_mode)) {
        char target[PATH_MAX];
        ssize_t length = readlink(source, target, sizeof target - 1);
        if (length < 0) {
            free(path);
            return -errno;
        }
        entry = entry_new(manifest, path, ENTRY_SYMLINK, 0777);
        if (entry) entry_set_data(entry, target, (size_t)length);
    } else if (S_ISFIFO(status->st_mode)) {
        entry = entry_new(manifest, path, ENTRY_FIFO, status->st_mode);
    } else {
        free(path);
        return -EINVAL;
    }
    if (entry) entry_set_stat(entry, status);
    return 0;
}

// One component of manifest_add_host: packs it and follows it when it is a link.
static int host_component(struct manifest *manifest, const char *root, struct walk *walk, bool *regular) {
    const struct manifest_entry *entry = manifest_find(manifest, walk->done.data);
    if (!entry) {
        struct stat status;
        char *source = text_format("%s%s", root, walk->done.data);
        int result = lstat(source, &status) < 0 ? -errno : 0;
        if (result == 0) result = entry_from_host(manifest, text_copy(walk->done.data), source, &status);
        free(source);
        if (result < 0) return result;
        entry = manifest_find(manifest, walk->done.data);
    }
    if (entry->kind == ENTRY_SYMLINK) return walk_follow(walk, entry->data) ? 0 : -ELOOP;
    *regular = entry->kind != ENTRY_DIRECTORY;
    return *regular && !walk_at_end(walk) ? -ENOTDIR : 0;
}

int manifest_add_host(struct manifest *manifest, const char *root, const char *path, char **canonical) {
    struct walk walk;
    bool regular = false;
    int result = 0;
    walk_start(&walk, path);
    while (result == 0 && walk_step(&walk))
        result = host_component(manifest, root, &walk, &regular);
    if (result == 0 && canonical) *canonical = text_copy(walk.done.size ? walk.done.data : "/");
    walk_end(&walk);
    return result;
}

int manifest_add_file(struct manifest *manifest, const char *source, const char *path) {
    struct stat status;
    if (stat(source, &status) < 0) return -errno;
    if (!S_ISREG(status.st_mode)) return -EINVAL;
    char *place = manifest_resolve(manifest, path, false);
    if (!place) return -ELOOP;
    parents_add(manifest, place);
    return entry_from_host(manifest, place, source, &status);
}

static bool name_skipped(const struct manifest *manifest, const char *name) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return true;
    for (const char *const *skip = manifest->skip; skip && *skip; skip++)
        if (fnmatch(*skip, name, 0) == 0) return true;
    return false;
}

static int tree_children(struct manifest *manifest, const char *source, const char *path) {
    DIR *folder = opendir(source);
    if (!folder) {
        int error = errno;
        report("%s: %s", source, strerror(error));
        return -error;
    }
    int result = 0;
    for (struct dirent *child; result == 0 && (child = readdir(folder));) {
        if (name_skipped(manifest, child->d_name)) continue;
        char *child_source = text_format("%s/%s", source, child->d_name);
        char *child_path = text_format("%s/%s", strcmp(path, "/") == 0 ? "" : path, child->d_name);
        result = manifest_add_tree(manifest, child_source, child_path);
        free(child_source);
        free(child_path);
    }
    closedir(folder);
    return result;
}

int manifest_add_tree(struct manifest *manifest, const char *source, const char *path) {
    struct stat status;
    if (lstat(source, &status) < 0) {
        int error = errno;
        report("%s: %s", source, strerror(error));
        return -error;
    }
    char *place = manifest_resolve(manifest, path, S_ISDIR(status.st_mode));
    if (!place) return -ELOOP;
    parents_add(manifest, place);
    int result = 0;
    if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode) || S_ISLNK(status.st_mode) || S_ISFIFO(status.st_mode))
        result = entry_from_host(manifest, text_copy(place), source, &status);
    if (result == 0 && S_ISDIR(status.st_mode)) result = tree_children(manifest, source, place);
    free(place);
    return result;
}
