// Moving bytes between two descriptors inside the kernel: sendfile, splice, copy_file_range.
#include "personality/src/linux/file.h"

constexpr uint32_t SPLICE_FLAGS = 15;
constexpr uint32_t SPLICE_F_NONBLOCK = 2;

// An offset that a program gives by pointer: -1 when the pointer is null. -EFAULT, -EINVAL when it is negative.
static int32_t offset_fetch(int64_t *offset, uintptr_t word) {
    *offset = -1;
    if (word == 0) return 0;
    int32_t error = fetch_struct(offset, word);
    if (error < 0) return error;
    return *offset < 0 ? -EINVAL : 0;
}

static intptr_t offset_store(intptr_t result, uintptr_t word, const int64_t *offset) {
    if (word == 0 || result < 0) return result;
    int32_t error = store_struct(word, offset);
    return error < 0 ? error : result;
}

// One end of a copy, as its checks need it.
struct copy_end {
    struct kernel_stat stat;
    uint32_t flags, type;
};

static int32_t copy_end_read(struct copy_end *end, uintptr_t descriptor, bool write) {
    int32_t error = linux_file_flags(descriptor, &end->flags);
    if (error < 0) return error;
    if ((end->flags & O_ACCMODE) == (write ? O_RDONLY : O_WRONLY)) return -EBADF;
    error = linux_file_stat(descriptor, &end->stat);
    end->type = end->stat.mode & S_IFMT;
    return error;
}

SHIM4(linux_sendfile, to, from, offset_pointer, size) {
    int64_t offset, to_offset = -1;
    int32_t error = offset_pointer == 0 ? 0 : fetch_struct(&offset, offset_pointer);
    if (error < 0) return error;
    if (offset_pointer == 0) offset = -1;
    struct copy_end source, target;
    error = copy_end_read(&source, from, false);
    if (error < 0) return error;
    if (offset_pointer != 0 && source.type == S_IFIFO) return -ESPIPE;
    if (offset_pointer != 0 && offset < 0) return -EINVAL;
    error = copy_end_read(&target, to, true);
    if (error < 0) return error;
    if ((target.flags & O_APPEND) != 0) return -EINVAL;
    if (source.type == S_IFDIR || source.type == S_IFIFO || source.type == S_IFSOCK) return -EINVAL;
    size_t done;
    error = kernel_ops->copy_range((int32_t)from, &offset, (int32_t)to, &to_offset, min(size, IO_MAXIMUM), 0, &done);
    return offset_store(error < 0 ? error : (intptr_t)done, offset_pointer, &offset);
}

SHIM5(linux_splice, from, from_pointer, to, to_pointer, size) {
    uint32_t flags = (uint32_t)sixth_argument();
    if ((flags & ~SPLICE_FLAGS) != 0) return -EINVAL;
    if (size == 0) return 0;
    struct copy_end source, target;
    int32_t error = copy_end_read(&source, from, false);
    if (error == 0) error = copy_end_read(&target, to, true);
    if (error < 0) return error;
    if ((source.type == S_IFIFO && from_pointer != 0) || (target.type == S_IFIFO && to_pointer != 0)) return -ESPIPE;
    if (source.type != S_IFIFO && target.type != S_IFIFO) return -EINVAL;
    if (source.type == S_IFIFO && target.type == S_IFIFO && source.stat.inode == target.stat.inode) return -EINVAL;
    if ((target.flags & O_APPEND) != 0 || source.type == S_IFDIR) return -EINVAL;
    int64_t from_offset, to_offset;
    error = offset_fetch(&from_offset, from_pointer);
    if (error == 0) error = offset_fetch(&to_offset, to_pointer);
    if (error < 0) return error;
    size_t done;
    error = kernel_ops->copy_range((int32_t)from, &from_offset, (int32_t)to, &to_offset, min(size, IO_MAXIMUM),
                                   (flags & SPLICE_F_NONBLOCK) != 0 ? IO_NOWAIT : 0, &done);
    intptr_t result = offset_store(error < 0 ? error : (intptr_t)done, from_pointer, &from_offset);
    return offset_store(result, to_pointer, &to_offset);
}

// The checks of copy_file_range on two open ends and their offsets (-1: the position).
static int32_t copy_file_range_check(const struct copy_end *source, const struct copy_end *target) {
    if (source->type == S_IFDIR || target->type == S_IFDIR) return -EISDIR;
    if (source->type != S_IFREG || target->type != S_IFREG) return -EINVAL;
    return (target->flags & O_APPEND) != 0 ? -EBADF : 0;
}

static int32_t offset_of(uintptr_t descriptor, int64_t given, int64_t *offset) {
    *offset = given;
    return given == -1 ? kernel_ops->seek((int32_t)descriptor, 0, SEEK_CUR, offset) : 0;
}

// Cuts *size at the end of the source. -EOVERFLOW when a range passes the largest offset, -EINVAL when both ranges lie
// in one file and overlap.
static int32_t ranges_check(const struct copy_end *source, uintptr_t from, int64_t from_given, uintptr_t to,
                            int64_t to_given, size_t *size, bool same) {
    int64_t from_offset, to_offset;
    uint64_t end;
    int32_t error = offset_of(from, from_given, &from_offset);
    if (error == 0) error = offset_of(to, to_given, &to_offset);
    if (error < 0) return error;
    if (__builtin_add_overflow((uint64_t)from_offset, *size, &end) ||
        __builtin_add_overflow((uint64_t)to_offset, *size, &end))
        return -EOVERFLOW;
    uint64_t rest = (uint64_t)from_offset < source->stat.size ? source->stat.size - (uint64_t)from_offset : 0;
    *size = min(*size, rest);
    if (!same || *size == 0) return 0;
    return from_offset < to_offset + (int64_t)*size && to_offset < from_offset + (int64_t)*size ? -EINVAL : 0;
}

SHIM5(linux_copy_file_range, from, from_pointer, to, to_pointer, size) {
    uint32_t flags = (uint32_t)sixth_argument();
    struct copy_end source, target;
    int64_t from_offset, to_offset;
    int32_t error = linux_descriptor_error(from, linux_descriptor_error(to, 0));
    if (error == 0) error = offset_fetch(&from_offset, from_pointer);
    if (error == 0) error = offset_fetch(&to_offset, to_pointer);
    if (error < 0) return error;
    if (flags != 0) return -EINVAL;
    error = linux_file_stat(from, &source.stat);
    if (error == 0) error = linux_file_stat(to, &target.stat);
    if (error == 0 && ((source.stat.mode & S_IFMT) == S_IFDIR || (target.stat.mode & S_IFMT) == S_IFDIR))
        return -EISDIR;
    if (error == 0) error = copy_end_read(&source, from, false);
    if (error == 0) error = copy_end_read(&target, to, true);
    if (error == 0) error = copy_file_range_check(&source, &target);
    if (error < 0) return error;
    bool same = source.stat.device == target.stat.device && source.stat.inode == target.stat.inode;
    error = ranges_check(&source, from, from_offset, to, to_offset, &size, same);
    if (error < 0 || size == 0) return error;
    size_t done;
    error =
        kernel_ops->copy_range((int32_t)from, &from_offset, (int32_t)to, &to_offset, min(size, IO_MAXIMUM), 0, &done);
    intptr_t result = offset_store(error < 0 ? error : (intptr_t)done, from_pointer, &from_offset);
    return offset_store(result, to_pointer, &to_offset);
}

// Fills the pipe and waits only when nothing fits, unlike write.
static int32_t vmsplice_write(int32_t descriptor, const struct segment_array *array, bool impatient, size_t *done) {
    int32_t error = kernel_ops->write(descriptor, array->segments, array->count, 0, IO_NOWAIT, done);
    if (error != -EAGAIN || impatient) return error;
    for (uint32_t i = 0; i < array->count; i++) {
        struct segment piece = array->segments[i];
        if (!piece.length) continue;
        piece.length = min(piece.length, PAGE_SIZE);
        return kernel_ops->write(descriptor, &piece, 1, 0, 0, done);
    }
    return error;
}

// Bytes of a program's memory into a pipe, or out of it: the pages themselves are copied.
SHIM4(linux_vmsplice, descriptor, vectors, count, flags) {
    struct segment_array array;
    struct copy_end end;
    size_t done;
    if (((uint32_t)flags & ~SPLICE_FLAGS) != 0) return -EINVAL;
    int32_t error = linux_file_flags(descriptor, &end.flags);
    if (error == 0) error = linux_file_stat(descriptor, &end.stat);
    if (error < 0) return error;
    if ((end.stat.mode & S_IFMT) != S_IFIFO) return -EBADF;
    error = segments_fetch(&array, vectors, count);
    if (error < 0) return error;
    bool impatient = ((uint32_t)flags & SPLICE_F_NONBLOCK) != 0;
    uint32_t io_flags = impatient ? IO_NOWAIT : 0;
    if ((end.flags & O_ACCMODE) != O_RDONLY)
        error = vmsplice_write((int32_t)descriptor, &array, impatient, &done);
    else
        error = kernel_ops->read((int32_t)descriptor, array.segments, array.count, 0, io_flags, &done);
    segments_release(&array);
    return error < 0 ? error : (intptr_t)done;
}

SHIM4(linux_tee, from, to, size, flags) {
    struct copy_end source, target;
    int64_t from_offset = -1, to_offset = -1;
    size_t done;
    if (((uint32_t)flags & ~SPLICE_FLAGS) != 0) return -EINVAL;
    if (size == 0) return 0;
    int32_t error = copy_end_read(&source, from, false);
    if (error == 0) error = copy_end_read(&target, to, true);
    if (error < 0) return error;
    if (source.type != S_IFIFO || target.type != S_IFIFO || source.stat.inode == target.stat.inode) return -EINVAL;
    uint32_t io_flags = IO_DUPLICATE | (((uint32_t)flags & SPLICE_F_NONBLOCK) != 0 ? IO_NOWAIT : 0);
    error = kernel_ops->copy_range((int32_t)from, &from_offset, (int32_t)to, &to_offset, min(size, IO_MAXIMUM),
                                   io_flags, &done);
    return error < 0 ? error : (intptr_t)done;
}
