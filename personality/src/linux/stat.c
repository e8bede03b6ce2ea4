// What files and file systems are: stat, statx, statfs.
#include "personality/src/linux/file.h"

static intptr_t stat_store(uintptr_t pointer, const struct kernel_stat *stat) {
    struct linux_stat out = {
        .st_dev = stat->device,
        .st_ino = stat->inode,
        .st_nlink = stat->links,
        .st_mode = stat->mode,
        .st_uid = stat->uid,
        .st_gid = stat->gid,
        .st_rdev = stat->rdev,
        .st_size = (int64_t)stat->size,
        .st_blksize = stat->block_size,
        .st_blocks = (int64_t)stat->blocks,
    };
    out.st_atime = linux_seconds(stat->atime, &out.st_atime_nsec);
    out.st_mtime = linux_seconds(stat->mtime, &out.st_mtime_nsec);
    out.st_ctime = linux_seconds(stat->ctime, &out.st_ctime_nsec);
    return store_struct(pointer, &out);
}

static intptr_t stat_path(int32_t directory, uintptr_t path_pointer, uintptr_t pointer, uint32_t flags) {
    struct path_argument path;
    struct kernel_stat stat;
    int32_t error = linux_path_with_flags(&path, path_pointer, flags);
    if (error < 0) return error;
    error = kernel_ops->stat(directory, path.text, path.length, flags, &stat);
    return error < 0 ? error : stat_store(pointer, &stat);
}

SHIM2(linux_stat, path, pointer) {
    return stat_path(AT_FDCWD, path, pointer, 0);
}

SHIM2(linux_lstat, path, pointer) {
    return stat_path(AT_FDCWD, path, pointer, AT_SYMLINK_NOFOLLOW);
}

SHIM2(linux_fstat, descriptor, pointer) {
    struct kernel_stat stat;
    int32_t error = linux_file_stat(descriptor, &stat);
    return error < 0 ? error : stat_store(pointer, &stat);
}

// A null path with AT_EMPTY_PATH is an empty one.
SHIM4(linux_newfstatat, directory, path, pointer, flags) {
    constexpr uint32_t known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    if (((uint32_t)flags & ~known) != 0) return -EINVAL;
    uint32_t canonical = (uint32_t)flags & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    if (path == 0 && (canonical & AT_EMPTY_PATH) != 0 && (int32_t)directory >= 0)
        return linux_fstat(directory, pointer, 0, 0, 0);
    return stat_path((int32_t)directory, path, pointer, canonical);
}

static struct linux_statx_timestamp statx_time(nanoseconds time) {
    int64_t rest;
    int64_t seconds = linux_seconds(time, &rest);
    return (struct linux_statx_timestamp){.tv_sec = seconds, .tv_nsec = (uint32_t)rest};
}

static uint32_t device_major(uint64_t device) {
    return (uint32_t)(device >> 8) & 0xfff;
}

static uint32_t device_minor(uint64_t device) {
    return (uint32_t)(device & 0xff) | ((uint32_t)(device >> 12) & ~0xffU);
}

static intptr_t statx_store(uintptr_t pointer, const struct kernel_stat *stat) {
    struct linux_statx out = {
        .stx_mask = STATX_BASIC_STATS | STATX_MNT_ID | (stat->btime != 0 ? STATX_BTIME : 0),
        .stx_blksize = stat->block_size,
        .stx_nlink = stat->links,
        .stx_uid = stat->uid,
        .stx_gid = stat->gid,
        .stx_mode = (uint16_t)stat->mode,
        .stx_ino = stat->inode,
        .stx_size = stat->size,
        .stx_blocks = stat->blocks,
        .stx_atime = statx_time(stat->atime),
        .stx_btime = statx_time(stat->btime),
        .stx_ctime = statx_time(stat->ctime),
        .stx_mtime = statx_time(stat->mtime),
        .stx_rdev_major = device_major(stat->rdev),
        .stx_rdev_minor = device_minor(stat->rdev),
        .stx_dev_major = device_major(stat->device),
        .stx_dev_minor = device_minor(stat->device),
        .stx_mnt_id = stat->mount_id,
    };
    return store_struct(pointer, &out);
}

SHIM5(linux_statx, directory, path_pointer, flags, mask, pointer) {
    constexpr uint32_t known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    struct path_argument path = {.length = 0};
    struct kernel_stat stat;
    if ((mask & STATX_RESERVED) != 0 || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) return -EINVAL;
    if (((uint32_t)flags & ~known) != 0) return -EINVAL;
    uint32_t canonical = (uint32_t)flags & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    bool of_descriptor = path_pointer == 0 && (canonical & AT_EMPTY_PATH) != 0 && (int32_t)directory >= 0;
    int32_t error = of_descriptor ? 0 : linux_path_with_flags(&path, path_pointer, canonical);
    if (error < 0) return error;
    error = kernel_ops->stat((int32_t)directory, path.text, path.length, canonical, &stat);
    return error < 0 ? error : statx_store(pointer, &stat);
}

static intptr_t statfs_store(uintptr_t pointer, const struct kernel_statfs *statfs) {
    struct linux_statfs out = {
        .f_type = (int64_t)statfs->type,
        .f_bsize = (int64_t)statfs->block_size,
        .f_blocks = statfs->blocks,
        .f_bfree = statfs->blocks_free,
        .f_bavail = statfs->blocks_available,
        .f_files = statfs->files,
        .f_ffree = statfs->files_free,
        .f_fsid = {(uint32_t)statfs->id, (uint32_t)(statfs->id >> 32)},
        .f_namelen = (int64_t)statfs->name_max,
        .f_frsize = (int64_t)statfs->block_size,
        .f_flags = (int64_t)statfs->flags,
    };
    return store_struct(pointer, &out);
}

SHIM2(linux_statfs, path_pointer, pointer) {
    struct path_argument path;
    struct kernel_statfs statfs;
    int32_t error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    error = kernel_ops->statfs(AT_FDCWD, path.text, path.length, 0, &statfs);
    return error < 0 ? error : statfs_store(pointer, &statfs);
}

SHIM2(linux_fstatfs, descriptor, pointer) {
    struct kernel_statfs statfs;
    if ((int32_t)descriptor < 0) return -EBADF;
    int32_t error = kernel_ops->statfs((int32_t)descriptor, "", 0, AT_EMPTY_PATH, &statfs);
    return error < 0 ? error : statfs_store(pointer, &statfs);
}
