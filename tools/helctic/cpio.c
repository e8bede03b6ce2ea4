#include "tools/helctic/cpio.h"

#include "tools/helctic/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum : size_t { HEADER_SIZE = 110, PAGE = 4096, NAME_MAX_BYTES = 4096, FLUSH_AT = 128 * 1024 };

struct archive {
    int file;
    struct buffer pending;
    uint64_t position; // of the end of `pending` in the archive
    uint32_t next_inode;
};

// The members of one group of hard links.
struct link_group {
    uint64_t device;
    uint64_t inode;
    uint32_t number; // inode number in the archive, 0 before the first member was written
    uint32_t left;   // members not written yet
    uint32_t total;
};

struct link_groups {
    struct link_group *groups; // ordered by device and inode
    size_t count;
};

struct header_fields {
    uint32_t inode, mode, user, group, links, modified;
    uint64_t size;
};

static int archive_flush(struct archive *archive) {
    size_t done = 0;
    while (done < archive->pending.size) {
        ssize_t written = write(archive->file, archive->pending.data + done, archive->pending.size - done);
        if (written < 0 && errno != EINTR) return -errno;
        if (written > 0) done += (size_t)written;
    }
    archive->pending.size = 0;
    return 0;
}

static void archive_append(struct archive *archive, const void *data, size_t size) {
    buffer_append(&archive->pending, data, size);
    archive->position += size;
}

static void archive_pad(struct archive *archive, size_t size) {
    static const char zeros[PAGE];
    for (size_t part; size; size -= part) {
        part = size < sizeof zeros ? size : sizeof zeros;
        archive_append(archive, zeros, part);
    }
}

static size_t padding(uint64_t position, size_t alignment) {
    return (size_t)(-position & (alignment - 1));
}

static void header_append(struct archive *archive, const char *name, size_t extra_nuls, struct header_fields fields) {
    char header[HEADER_SIZE + 1];
    size_t name_size = strlen(name) + 1 + extra_nuls;
    snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", fields.inode,
             fields.mode, fields.user, fields.group, fields.links, fields.modified, (uint32_t)fields.size, 0u, 0u, 0u,
             0u, (uint32_t)name_size, 0u);
    archive_append(archive, header, HEADER_SIZE);
    archive_append(archive, name, strlen(name) + 1);
    archive_pad(archive, extra_nuls);
    archive_pad(archive, padding(archive->position, 4));
}

// NULs to append to a name so that the data behind the header that starts now begin on a page. When that would make the
// name too long, an entry for the root folder is put in between first.
static size_t name_fill(struct archive *archive, const char *name) {
    size_t name_size = strlen(name) + 1;
    size_t fill = padding(archive->position + HEADER_SIZE + name_size, PAGE);
    if (name_size + fill <= NAME_MAX_BYTES) return fill;
    size_t between = HEADER_SIZE + 2;
    size_t wanted = padding(archive->position + between + HEADER_SIZE + name_size, PAGE);
    if (2 + wanted > NAME_MAX_BYTES) wanted = NAME_MAX_BYTES - 4;
    header_append(archive, ".", wanted & ~(size_t)3, (struct header_fields){.mode = S_IFDIR | 0755, .links = 2});
    return padding(archive->position + HEADER_SIZE + name_size, PAGE);
}

static int file_send(struct archive *archive, int source, uint64_t size) {
    int result = archive_flush(archive);
    uint64_t left = size;
    while (result == 0 && left) {
        ssize_t sent = sendfile(archive->file, source, nullptr, left < (1u << 30) ? (size_t)left : 1u << 30);
        if (sent == 0) break;
        if (sent < 0 && errno != EINTR) result = -errno;
        if (sent > 0) left -= (uint64_t)sent;
    }
    archive->position += size - left;
    // The file shrank while it was read: keep the archive's shape.
    for (; result == 0 && left; left -= left < PAGE ? left : PAGE)
        archive_pad(archive, left < PAGE ? (size_t)left : PAGE);
    return result;
}

static int file_append(struct archive *archive, const struct manifest_entry *entry) {
    int source = open(entry->source, O_RDONLY | O_CLOEXEC);
    if (source < 0) {
        int error = errno;
        report("%s: %s", entry->source, strerror(error));
        return -error;
    }
    int result = 0;
    if (entry->size >= PAGE * 4) {
        result = file_send(archive, source, entry->size);
    } else {
        char block[PAGE * 4] = {};
        ssize_t got = pread(source, block, (size_t)entry->size, 0);
        if (got < 0) result = -errno;
        archive_append(archive, block, (size_t)entry->size);
    }
    close(source);
    if (result < 0) report("%s: %s", entry->source, strerror(-result));
    return result;
}

static int group_compare(const void *left, const void *right) {
    const struct link_group *a = left, *b = right;
    if (a->device != b->device) return a->device < b->device ? -1 : 1;
    return a->inode == b->inode ? 0 : a->inode < b->inode ? -1 : 1;
}

static struct link_groups groups_collect(const struct manifest *manifest) {
    struct link_groups result = {.groups = memory_alloc(manifest->count * sizeof(struct link_group))};
    size_t members = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_entry *entry = &manifest->entries[i];
        if (entry->kind == ENTRY_FILE && entry->links > 1)
            result.groups[members++] = (struct link_group){.device = entry->device, .inode = entry->inode};
    }
    qsort(result.groups, members, sizeof *result.groups, group_compare);
    for (size_t i = 0; i < members; i++) {
        if (i == 0 || group_compare(&result.groups[result.count - 1], &result.groups[i]) != 0)
            result.groups[result.count++] = result.groups[i];
        result.groups[result.count - 1].left++;
        result.groups[result.count - 1].total++;
    }
    return result;
}

static struct link_group *group_of(const struct link_groups *groups, const struct manifest_entry *entry) {
    if (entry->kind != ENTRY_FILE || entry->links < 2) return nullptr;
    struct link_group key = {.device = entry->device, .inode = entry->inode};
    return bsearch(&key, groups->groups, groups->count, sizeof key, group_compare);
}

static const uint32_t type_bits[] = {
    [ENTRY_DIRECTORY] = S_IFDIR, [ENTRY_FILE] = S_IFREG, [ENTRY_MEMORY] = S_IFREG,
    [ENTRY_SYMLINK] = S_IFLNK,   [ENTRY_FIFO] = S_IFIFO,
};

static int entry_append(struct archive *archive, const struct manifest_entry *entry, const struct link_groups *groups) {
    if (entry->size > UINT32_MAX) {
        report("%s: too large to pack (4 GiB or more)", entry->source);
        return -EFBIG;
    }
    struct link_group *group = group_of(groups, entry);
    struct header_fields fields = {
        .inode = group && group->number ? group->number : ++archive->next_inode,
        .mode = type_bits[entry->kind] | entry->mode,
        .user = entry->user,
        .group = entry->group,
        .links = group                            ? group->total
                 : entry->kind == ENTRY_DIRECTORY ? 2
                                                  : 1,
        .modified = entry->modified < 0            ? 0
                    : entry->modified > UINT32_MAX ? UINT32_MAX
                                                   : (uint32_t)entry->modified,
        .size = entry->size,
    };
    if (group) {
        group->number = fields.inode;
        if (--group->left) fields.size = 0;
    }
    const char *name = entry->path + 1;
    bool align = fields.size >= PAGE && entry->kind == ENTRY_FILE;
    header_append(archive, name, align ? name_fill(archive, name) : 0, fields);
    int result = 0;
    if (fields.size && entry->kind == ENTRY_FILE) {
        result = file_append(archive, entry);
    } else if (fields.size) {
        archive_append(archive, entry->data, (size_t)entry->size);
    }
    archive_pad(archive, padding(archive->position, 4));
    if (result == 0 && archive->pending.size >= FLUSH_AT) result = archive_flush(archive);
    return result;
}

int64_t cpio_write(int file, const struct manifest *manifest) {
    struct archive archive = {.file = file};
    struct link_groups groups = groups_collect(manifest);
    int result = 0;
    for (size_t i = 0; result == 0 && i < manifest->count; i++)
        result = entry_append(&archive, &manifest->entries[i], &groups);
    if (result == 0) {
        header_append(&archive, "TRAILER!!!", 0, (struct header_fields){.links = 1});
        archive_pad(&archive, padding(archive.position, 512));
        result = archive_flush(&archive);
        if (result < 0) report("the guest's root archive: %s", strerror(-result));
    }
    free(groups.groups);
    buffer_free(&archive.pending);
    return result < 0 ? result : (int64_t)archive.position;
}
