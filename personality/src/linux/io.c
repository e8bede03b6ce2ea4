// Reading and writing: the read and write family, and the file position.
#include "personality/src/linux/file.h"

typedef int32_t transfer_op(int32_t descriptor, const struct segment *segments, uint32_t count, int64_t offset,
                            uint32_t flags, size_t *done);

static inline intptr_t transfer_one(transfer_op *op, uintptr_t descriptor, uintptr_t buffer, size_t size,
                                    int64_t offset, uint32_t flags) {
    if (unlikely((intptr_t)size < 0)) return linux_descriptor_error(descriptor, -EFAULT);
    struct segment segment = segment_user(user_pointer(buffer), min(size, IO_MAXIMUM));
    size_t done;
    int32_t result = op((int32_t)descriptor, &segment, 1, offset, flags, &done);
    return result < 0 ? result : (intptr_t)done;
}

SHIM3(linux_read, descriptor, buffer, size) {
    return transfer_one(kernel_ops->read, descriptor, buffer, size, 0, 0);
}

SHIM3(linux_write, descriptor, buffer, size) {
    return transfer_one(kernel_ops->write, descriptor, buffer, size, 0, 0);
}

SHIM4(linux_pread64, descriptor, buffer, size, offset) {
    if ((int64_t)offset < 0) return -EINVAL;
    return transfer_one(kernel_ops->read, descriptor, buffer, size, (int64_t)offset, IO_AT_OFFSET);
}

SHIM4(linux_pwrite64, descriptor, buffer, size, offset) {
    if ((int64_t)offset < 0) return -EINVAL;
    return transfer_one(kernel_ops->write, descriptor, buffer, size, (int64_t)offset, IO_AT_OFFSET);
}

static intptr_t transfer_many(transfer_op *op, uintptr_t descriptor, uintptr_t vectors, uintptr_t count, int64_t offset,
                              uint32_t flags) {
    struct segment_array array;
    int32_t error = segments_fetch(&array, vectors, count);
    if (error < 0) return linux_descriptor_error(descriptor, error);
    size_t done;
    int32_t result = op((int32_t)descriptor, array.segments, array.count, offset, flags, &done);
    segments_release(&array);
    return result < 0 ? result : (intptr_t)done;
}

SHIM3(linux_readv, descriptor, vectors, count) {
    return transfer_many(kernel_ops->read, descriptor, vectors, count, 0, 0);
}

SHIM3(linux_writev, descriptor, vectors, count) {
    return transfer_many(kernel_ops->write, descriptor, vectors, count, 0, 0);
}

SHIM4(linux_preadv, descriptor, vectors, count, offset) {
    if ((int64_t)offset < 0) return -EINVAL;
    return transfer_many(kernel_ops->read, descriptor, vectors, count, (int64_t)offset, IO_AT_OFFSET);
}

SHIM4(linux_pwritev, descriptor, vectors, count, offset) {
    if ((int64_t)offset < 0) return -EINVAL;
    return transfer_many(kernel_ops->write, descriptor, vectors, count, (int64_t)offset, IO_AT_OFFSET);
}

// The RWF_* flags in canonical form; -EOPNOTSUPP for those that are not known.
static int32_t transfer_flags(uint32_t rwf, uint32_t *flags) {
    if ((rwf & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)) != 0) return -EOPNOTSUPP;
    *flags = ((rwf & RWF_NOWAIT) != 0 ? IO_NOWAIT : 0) | ((rwf & RWF_APPEND) != 0 ? IO_APPEND : 0);
    return 0;
}

// Offset -1 is the file's position.
static intptr_t transfer_many_with_flags(transfer_op *op, uintptr_t descriptor, uintptr_t vectors, uintptr_t count,
                                         int64_t offset, uint32_t rwf) {
    uint32_t flags;
    if (offset < -1) return -EINVAL;
    int32_t error = transfer_flags(rwf, &flags);
    if (error < 0) return linux_descriptor_error(descriptor, error);
    if (offset != -1) flags |= IO_AT_OFFSET;
    return transfer_many(op, descriptor, vectors, count, offset == -1 ? 0 : offset, flags);
}

SHIM4(linux_preadv2, descriptor, vectors, count, offset) {
    return transfer_many_with_flags(kernel_ops->read, descriptor, vectors, count, (int64_t)offset,
                                    (uint32_t)sixth_argument());
}

SHIM4(linux_pwritev2, descriptor, vectors, count, offset) {
    uint32_t rwf = (uint32_t)sixth_argument();
    intptr_t result = transfer_many_with_flags(kernel_ops->write, descriptor, vectors, count, (int64_t)offset, rwf);
    if (result <= 0 || (rwf & (RWF_SYNC | RWF_DSYNC)) == 0) return result;
    int32_t error = kernel_ops->fsync((int32_t)descriptor, (rwf & RWF_SYNC) == 0);
    return error < 0 ? error : result;
}

SHIM3(linux_lseek, descriptor, offset, whence) {
    if ((uint32_t)whence > SEEK_HOLE) return linux_descriptor_error(descriptor, -EINVAL);
    int64_t result;
    int32_t error = kernel_ops->seek((int32_t)descriptor, (int64_t)offset, (uint32_t)whence, &result);
    return error < 0 ? error : result;
}

SHIM3(linux_readahead, descriptor, offset, size) {
    uint32_t flags;
    int32_t error = linux_file_flags(descriptor, &flags);
    if (error < 0) return error;
    if ((flags & O_ACCMODE) == O_WRONLY) return -EBADF;
    struct kernel_stat stat;
    error = linux_file_stat(descriptor, &stat);
    if (error < 0) return error;
    uint32_t type = stat.mode & S_IFMT;
    if (type != S_IFREG && type != S_IFBLK) return -EINVAL;
    constexpr uint32_t advice_will_need = 3;
    return kernel_ops->advise_file((int32_t)descriptor, (int64_t)offset, (int64_t)size, advice_will_need);
}
