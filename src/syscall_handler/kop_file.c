// Ops on open files: transfers, position, size, directories.
#include <personality.h>

#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/memory_object.h"
#include "src/scheme/descriptor.h"
#include "src/scheme/io.h"
#include "src/scheme/node.h"
#include "src/scheme/notify.h"

// ---- read and write

static int32_t check_transfer(const struct file *file, int64_t offset, uint32_t flags, bool right) {
    if (unlikely(!right)) return -EBADF;
    if (unlikely(flags & IO_AT_OFFSET)) {
        if (!file_seekable(file)) return -ESPIPE;
        if (offset < 0) return -EINVAL;
    }
    return 0;
}

static int32_t finish_transfer(int64_t result, size_t *done) {
    if (unlikely(result < 0)) return (int32_t)result;
    *done = (size_t)result;
    return 0;
}

// A file that is written and read at its position, or at a given offset.
static int64_t transfer_at(struct io_request *request, int64_t offset) {
    struct file *file = request->file;
    if (request->flags & IO_AT_OFFSET) request->offset = offset;
    if (!request->cursor.remaining && file_positioned(file) && file->node->object) return 0;
    return io_perform(request);
}

static inline struct segment_cursor cursor_of(const struct segment *segments, uint32_t count) {
    struct segment_cursor cursor = {.segment = segments, .left = count};
    if (likely(count == 1))
        cursor.remaining = segments->length;
    else
        cursor = segment_cursor_start(segments, count);
    if (unlikely(cursor.remaining > IO_MAXIMUM)) cursor.remaining = IO_MAXIMUM;
    return cursor;
}

int32_t kop_read(int32_t descriptor, const struct segment *segments, uint32_t count, int64_t offset, uint32_t flags,
                 size_t *done) {
    struct file_reference reference = file_lookup_inline(descriptor);
    struct file *file = reference.file;
    if (unlikely(!file)) return -EBADF;
    int64_t result = check_transfer(file, offset, flags, file_readable(file));
    if (likely(result == 0)) {
        struct io_request request;
        request.operation = IO_READ;
        request.flags = flags;
        request.file = file;
        request.cursor = cursor_of(segments, count);
        if (flags & IO_AT_OFFSET || file_positioned(file) || !file->scheme->read) {
            result = transfer_at(&request, offset);
        } else {
            request.offset = 0;
            result = file->scheme->read(file, &request);
            if (unlikely(result < 0)) result = io_continue(&request, result);
        }
    }
    if (unlikely(atomic_load_relaxed(&notify_watches)) && result > 0) notify_file(file, NOTIFY_ACCESS);
    file_release_inline(reference);
    return finish_transfer(result, done);
}

int32_t kop_write(int32_t descriptor, const struct segment *segments, uint32_t count, int64_t offset, uint32_t flags,
                  size_t *done) {
    struct file_reference reference = file_lookup_inline(descriptor);
    struct file *file = reference.file;
    if (unlikely(!file)) return -EBADF;
    int64_t result = check_transfer(file, offset, flags, file_writable(file));
    if (likely(result == 0)) {
        struct io_request request;
        request.operation = IO_WRITE;
        request.flags = flags;
        request.file = file;
        request.cursor = cursor_of(segments, count);
        if (flags & IO_AT_OFFSET || file_positioned(file) || !file->scheme->write) {
            result = transfer_at(&request, offset);
        } else {
            request.offset = 0;
            result = file->scheme->write(file, &request);
            if (unlikely(result < 0 || request.cursor.remaining)) result = io_continue(&request, result);
        }
    }
    if (unlikely(atomic_load_relaxed(&notify_watches)) && result > 0) notify_file(file, NOTIFY_MODIFY);
    file_release_inline(reference);
    return finish_transfer(result, done);
}

// ---- position

static int64_t seek_data(struct file *file, int64_t offset, bool data) {
    if (!file->node->object) return -EINVAL;
    if (offset < 0) return -ENXIO;
    return node_seek_data(file->node, (uint64_t)offset, data);
}

static int64_t seek_regular(struct file *file, int64_t offset, uint32_t whence) {
    int64_t base = 0, result;
    if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        result = seek_data(file, offset, whence == SEEK_DATA);
    } else {
        base = whence == SEEK_CUR ? file->offset : whence == SEEK_END ? (int64_t)file_size(file) : 0;
        if (__builtin_add_overflow(base, offset, &result)) return -EINVAL;
    }
    if (result < 0) return whence >= SEEK_DATA ? result : -EINVAL;
    file->offset = result;
    return result;
}

int32_t kop_seek(int32_t descriptor, int64_t offset, uint32_t whence, int64_t *result) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int64_t place;
    if (file->flags & O_PATH)
        place = -EBADF;
    else if (!file_seekable(file))
        place = -ESPIPE;
    else if (whence > SEEK_HOLE)
        place = -EINVAL;
    else if (file->scheme->seek)
        place = file->scheme->seek(file, offset, whence);
    else {
        mutex_lock(&file->offset_lock);
        place = seek_regular(file, offset, whence);
        mutex_unlock(&file->offset_lock);
    }
    file_release(reference);
    if (place < 0) return (int32_t)place;
    *result = place;
    return 0;
}

// ---- size and storage

int32_t kop_truncate(int32_t descriptor, int64_t size) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int32_t error = 0;
    if (file->flags & O_PATH)
        error = -EBADF;
    else if (size < 0 || !file->node || node_type(file->node) != S_IFREG || !file_writable(file))
        error = -EINVAL;
    if (error == 0) error = node_size_limit((uint64_t)size, file->node);
    if (error == 0) error = node_truncate(file->node, (uint64_t)size);
    if (error == 0) notify_file(file, NOTIFY_MODIFY);
    file_release(reference);
    return error;
}

// fallocate(2)'s modes, of which one but KEEP_SIZE may be given.
enum allocate_flags : uint32_t {
    ALLOCATE_KEEP_SIZE = 1,
    ALLOCATE_PUNCH_HOLE = 2,
    ALLOCATE_COLLAPSE = 8,
    ALLOCATE_ZERO = 16,
    ALLOCATE_INSERT = 32,
    ALLOCATE_UNSHARE = 64,
};

static bool allocate_mode_known(uint32_t mode) {
    switch (mode & ~(uint32_t)ALLOCATE_KEEP_SIZE) {
    case 0:
    case ALLOCATE_ZERO:
    case ALLOCATE_UNSHARE:
        return true;
    case ALLOCATE_PUNCH_HOLE:
        return mode & ALLOCATE_KEEP_SIZE;
    case ALLOCATE_COLLAPSE:
    case ALLOCATE_INSERT:
        return !(mode & ALLOCATE_KEEP_SIZE);
    default:
        return false;
    }
}

// In the order of Linux.
static int32_t check_allocate(const struct file *file, uint32_t mode, int64_t offset, int64_t length) {
    int64_t end;
    if (file->flags & O_PATH) return -EBADF;
    if (offset < 0 || length <= 0) return -EINVAL;
    if (!allocate_mode_known(mode)) return -EOPNOTSUPP;
    if (!file_writable(file)) return -EBADF;
    uint32_t type = file->node ? node_type(file->node) : 0;
    if (type == S_IFIFO) return -ESPIPE;
    if (type == S_IFDIR) return -EISDIR;
    if (type != S_IFREG) return -ENODEV;
    if (__builtin_add_overflow(offset, length, &end)) return -EFBIG;
    return file->scheme->allocate ? 0 : -EOPNOTSUPP;
}

int32_t kop_allocate_space(int32_t descriptor, uint32_t mode, int64_t offset, int64_t length) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int32_t error = check_allocate(file, mode, offset, length);
    if (error == 0 && !(mode & 1)) error = node_size_limit((uint64_t)offset + (uint64_t)length, file->node);
    if (error == 0) error = file->scheme->allocate(file, mode, (uint64_t)offset, (uint64_t)length);
    file_release(reference);
    return error;
}

int32_t kop_advise_file(int32_t descriptor, int64_t, int64_t length, uint32_t advice) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int32_t error = 0;
    if (file->flags & O_PATH)
        error = -EBADF;
    else if (!file->node || node_type(file->node) == S_IFIFO)
        error = -ESPIPE;
    else if (advice > 5 || length < 0)
        error = -EINVAL;
    file_release(reference);
    return error;
}

int32_t kop_fsync(int32_t descriptor, uint32_t data_only) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int32_t error = file->flags & O_PATH  ? -EBADF
                    : file->scheme->fsync ? file->scheme->fsync(file, data_only)
                                          : -EINVAL;
    file_release(reference);
    return error;
}

int32_t kop_sync(int32_t descriptor) {
    if (descriptor == -1) return 0; // no file system keeps unwritten data yet
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = reference.file->flags & O_PATH ? -EBADF : 0;
    file_release(reference);
    return error;
}

// ---- directories

struct record_sink {
    struct directory_sink sink;
    char *buffer;
    size_t size, used;
    bool refused;
};

static bool record_emit(struct directory_sink *sink, const char *name, size_t length, uint64_t inode, uint32_t mode,
                        uint64_t next) {
    struct record_sink *records = container_of(sink, struct record_sink, sink);
    size_t size = align_up(sizeof(struct kernel_directory_entry) + length + 1, 8);
    if (size > records->size - records->used) {
        records->refused = true;
        return false;
    }
    struct kernel_directory_entry *entry = (void *)(records->buffer + records->used);
    entry->inode = inode;
    entry->next_offset = next;
    entry->length = (uint16_t)size;
    entry->name_length = (uint16_t)length;
    entry->type = (uint8_t)((mode & S_IFMT) >> 12);
    memcpy(entry->name, name, length);
    memset(entry->name + length, 0, (size_t)((char *)entry + size - (entry->name + length)));
    records->used += size;
    return true;
}

static uint64_t parent_inode(const struct file *file) {
    const struct name *name = file->path.name;
    const struct mount *mount = file->path.mount;
    if (name == mount->root) name = mount->place.name;
    return name->parent->node->id;
}

static int32_t iterate(struct file *file, struct record_sink *records) {
    struct directory_sink *sink = &records->sink;
    if (file->offset == 0) {
        if (!sink->emit(sink, ".", 1, file->node->id, S_IFDIR, 1)) return -EINVAL;
        file->offset = 1;
    }
    if (file->offset == 1) {
        if (!sink->emit(sink, "..", 2, parent_inode(file), S_IFDIR, 2)) return records->used ? 0 : -EINVAL;
        file->offset = 2;
    }
    int32_t error = file->scheme->iterate(file, sink);
    if (error < 0) return records->used && error != -ENOENT ? 0 : error;
    return records->refused && !records->used ? -EINVAL : 0;
}

int32_t kop_read_directory(int32_t descriptor, void *buffer, size_t size, size_t *done) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    struct record_sink records = {.sink = {record_emit}, .buffer = buffer, .size = size};
    int32_t error = 0;
    if (file->flags & O_PATH)
        error = -EBADF;
    else if (!file->node || node_type(file->node) != S_IFDIR || !file->scheme->iterate)
        error = -ENOTDIR;
    if (error == 0) {
        mutex_lock(&file->offset_lock);
        error = iterate(file, &records);
        mutex_unlock(&file->offset_lock);
        node_touch_accessed(file->node, file->flags);
        notify_file(file, NOTIFY_ACCESS);
    }
    file_release(reference);
    if (error < 0) return error;
    *done = records.used;
    return 0;
}
