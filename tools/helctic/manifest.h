#pragma once
// The files that go into the guest's root archive: guest paths with where their bytes come from, parents always before
// children. An entry that is already there is kept: what is added first wins.
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum entry_kind : uint8_t { ENTRY_DIRECTORY, ENTRY_FILE, ENTRY_MEMORY, ENTRY_SYMLINK, ENTRY_FIFO };

struct manifest_entry {
    char *path;   // in the guest, absolute; no symbolic link among its parents
    char *source; // host file of ENTRY_FILE, else null
    char *data;   // bytes of ENTRY_MEMORY, target of ENTRY_SYMLINK
    uint64_t size;
    int64_t modified; // seconds since 1970
    uint64_t device;  // of the host file, with inode: entries that share both are hard links
    uint64_t inode;
    uint32_t links;
    uint32_t user;
    uint32_t group;
    uint16_t mode; // permission bits
    enum entry_kind kind;
};

struct manifest {
    struct manifest_entry *entries;
    size_t count;
    size_t capacity;
    uint32_t *slots; // hash table: entry index + 1, or 0
    size_t slot_count;
    const char *const *skip; // name patterns that manifest_add_tree leaves out, ended by null; or null
};

void manifest_free(struct manifest *manifest);

// The entry of exactly this path, or null. Valid until the next addition.
[[nodiscard]] struct manifest_entry *manifest_find(const struct manifest *manifest, const char *path);

// The canonical place of guest `path`: symbolic links that the manifest holds are followed (the last component's too
// when `follow`), "." and ".." removed. The caller frees it; null after more than 40 links.
[[nodiscard]] char *manifest_resolve(const struct manifest *manifest, const char *path, bool follow);

// Each places an entry at guest `path`, making the missing parent directories.
void manifest_add_directory(struct manifest *manifest, const char *path, unsigned mode);
void manifest_add_symlink(struct manifest *manifest, const char *path, const char *target);
void manifest_add_memory(struct manifest *manifest, const char *path, const void *data, size_t size, unsigned mode);

// Packs the regular file or directory `path` of the tree at `root` ("" is the host's own) at the same path, with every
// symbolic link on the way. On success `*canonical` (may be null) gets the real path inside the tree, owned by the
// caller. Returns 0 or a negative errno (-EINVAL for other kinds of file).
[[nodiscard]] int manifest_add_host(struct manifest *manifest, const char *root, const char *path, char **canonical);

// Packs host file `source` at guest `path`, links followed. Returns 0 or a negative errno.
[[nodiscard]] int manifest_add_file(struct manifest *manifest, const char *source, const char *path);

// Packs a host file or a whole folder at guest `path`. Sockets and device files are left out. Returns 0 or a negative
// errno, having reported the file it failed on.
[[nodiscard]] int manifest_add_tree(struct manifest *manifest, const char *source, const char *path);
