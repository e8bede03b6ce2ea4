// Names: access, links, renaming, making and removing directories and nodes, the working directory, mounts.
#include "lib/string.h"
#include "personality/src/linux/file.h"

constexpr uint32_t MODE_BITS = 07777;

static intptr_t access_path(int32_t directory, uintptr_t path_pointer, uint32_t mode, uint32_t flags) {
    struct path_argument path;
    if ((mode & ~(uint32_t)(ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE)) != 0) return -EINVAL;
    if ((flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
    int32_t error = linux_path_with_flags(&path, path_pointer, flags);
    if (error < 0) return error;
    return kernel_ops->access(directory, path.text, path.length, mode, flags);
}

SHIM2(linux_access, path, mode) {
    return access_path(AT_FDCWD, path, (uint32_t)mode, 0);
}

SHIM3(linux_faccessat, directory, path, mode) {
    return access_path((int32_t)directory, path, (uint32_t)mode, 0);
}

SHIM4(linux_faccessat2, directory, path, mode, flags) {
    return access_path((int32_t)directory, path, (uint32_t)mode, (uint32_t)flags);
}

static intptr_t link_paths(int32_t old_directory, uintptr_t old_pointer, int32_t new_directory, uintptr_t new_pointer,
                           uint32_t flags) {
    struct path_argument old, new;
    if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
    int32_t error = linux_path_with_flags(&old, old_pointer, flags);
    if (error == 0) error = linux_path(&new, new_pointer);
    if (error < 0) return error;
    return kernel_ops->link(old_directory, old.text, old.length, new_directory, new.text, new.length, flags);
}

SHIM2(linux_link, old, new) {
    return link_paths(AT_FDCWD, old, AT_FDCWD, new, 0);
}

SHIM5(linux_linkat, old_directory, old, new_directory, new, flags) {
    return link_paths((int32_t)old_directory, old, (int32_t)new_directory, new, (uint32_t)flags);
}

static intptr_t symlink_path(uintptr_t target_pointer, int32_t directory, uintptr_t path_pointer) {
    struct path_argument target, path;
    int32_t error = linux_path(&target, target_pointer);
    if (error == 0) error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    return kernel_ops->symlink(target.text, target.length, directory, path.text, path.length);
}

SHIM2(linux_symlink, target, path) {
    return symlink_path(target, AT_FDCWD, path);
}

SHIM3(linux_symlinkat, target, directory, path) {
    return symlink_path(target, (int32_t)directory, path);
}

// An empty path names the link that the descriptor itself is (opened by O_PATH | O_NOFOLLOW).
static intptr_t read_link_path(int32_t directory, uintptr_t path_pointer, uintptr_t buffer, int32_t size) {
    struct path_argument path, target;
    if (size <= 0) return -EINVAL;
    int32_t error = directory == AT_FDCWD ? linux_path(&path, path_pointer) : path_fetch(&path, path_pointer);
    if (error < 0) return error;
    error = kernel_ops->read_link(directory, path.text, path.length, target.text, sizeof(target.text), &target.length);
    if (error < 0) return error == -EINVAL && path.length == 0 ? -ENOENT : error;
    size_t length = min(target.length, (size_t)size);
    error = kernel_ops->store(user_pointer(buffer), target.text, length);
    return error < 0 ? error : (intptr_t)length;
}

SHIM3(linux_readlink, path, buffer, size) {
    return read_link_path(AT_FDCWD, path, buffer, (int32_t)size);
}

SHIM4(linux_readlinkat, directory, path, buffer, size) {
    return read_link_path((int32_t)directory, path, buffer, (int32_t)size);
}

static intptr_t unlink_path(int32_t directory, uintptr_t path_pointer, uint32_t flags) {
    struct path_argument path;
    if ((flags & ~AT_REMOVEDIR) != 0) return -EINVAL;
    int32_t error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    return kernel_ops->unlink(directory, path.text, path.length, flags);
}

SHIM1(linux_unlink, path) {
    return unlink_path(AT_FDCWD, path, 0);
}

SHIM1(linux_rmdir, path) {
    return unlink_path(AT_FDCWD, path, AT_REMOVEDIR);
}

SHIM3(linux_unlinkat, directory, path, flags) {
    return unlink_path((int32_t)directory, path, (uint32_t)flags);
}

constexpr uint32_t RENAME_WHITEOUT = 4;

// Leaves a whiteout, a device of number 0, at the old place; not in one step with the renaming.
static intptr_t rename_leaving_whiteout(int32_t old_directory, const struct path_argument *old, int32_t new_directory,
                                        const struct path_argument *new, uint32_t flags) {
    struct kernel_credentials credentials;
    int32_t error = kernel_ops->credentials_get(0, &credentials);
    if (error < 0) return error;
    if ((credentials.capabilities_effective >> CAP_MKNOD & 1) == 0) return -EPERM;
    error = kernel_ops->rename(old_directory, old->text, old->length, new_directory, new->text, new->length, flags);
    return error < 0 ? error : kernel_ops->make_node(old_directory, old->text, old->length, S_IFCHR, 0);
}

static intptr_t rename_paths(int32_t old_directory, uintptr_t old_pointer, int32_t new_directory, uintptr_t new_pointer,
                             uint32_t flags) {
    struct path_argument old, new;
    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) != 0) return -EINVAL;
    if ((flags & RENAME_EXCHANGE) != 0 && flags != RENAME_EXCHANGE) return -EINVAL;
    int32_t error = linux_path(&old, old_pointer);
    if (error == 0) error = linux_path(&new, new_pointer);
    if (error < 0) return error;
    if ((flags & RENAME_WHITEOUT) != 0)
        return rename_leaving_whiteout(old_directory, &old, new_directory, &new, flags & ~RENAME_WHITEOUT);
    return kernel_ops->rename(old_directory, old.text, old.length, new_directory, new.text, new.length, flags);
}

SHIM2(linux_rename, old, new) {
    return rename_paths(AT_FDCWD, old, AT_FDCWD, new, 0);
}

SHIM4(linux_renameat, old_directory, old, new_directory, new) {
    return rename_paths((int32_t)old_directory, old, (int32_t)new_directory, new, 0);
}

SHIM5(linux_renameat2, old_directory, old, new_directory, new, flags) {
    return rename_paths((int32_t)old_directory, old, (int32_t)new_directory, new, (uint32_t)flags);
}

static intptr_t make_directory(int32_t directory, uintptr_t path_pointer, uint32_t mode) {
    struct path_argument path;
    int32_t error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    return kernel_ops->make_directory(directory, path.text, path.length, mode & (S_ISVTX | 0777));
}

SHIM2(linux_mkdir, path, mode) {
    return make_directory(AT_FDCWD, path, (uint32_t)mode);
}

SHIM3(linux_mkdirat, directory, path, mode) {
    return make_directory((int32_t)directory, path, (uint32_t)mode);
}

static int32_t node_type_check(uint32_t type) {
    switch (type) {
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        return 0;
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

// The device word of Linux has the canonical encoding in its 32 bits.
static intptr_t make_node(int32_t directory, uintptr_t path_pointer, uint32_t mode, uint32_t device) {
    struct path_argument path;
    uint32_t type = (mode & S_IFMT) == 0 ? (uint32_t)S_IFREG : mode & S_IFMT;
    int32_t error = node_type_check(type);
    if (error == 0) error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    if (type != S_IFCHR && type != S_IFBLK) device = 0;
    return kernel_ops->make_node(directory, path.text, path.length, type | (mode & MODE_BITS), device);
}

SHIM3(linux_mknod, path, mode, device) {
    return make_node(AT_FDCWD, path, (uint32_t)mode, (uint32_t)device);
}

SHIM4(linux_mknodat, directory, path, mode, device) {
    return make_node((int32_t)directory, path, (uint32_t)mode, (uint32_t)device);
}

SHIM1(linux_chdir, path_pointer) {
    struct path_argument path;
    int32_t error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    return kernel_ops->change_directory(AT_FDCWD, path.text, path.length, 0);
}

SHIM1(linux_fchdir, descriptor) {
    if ((int32_t)descriptor < 0) return -EBADF;
    return kernel_ops->change_directory((int32_t)descriptor, "", 0, AT_EMPTY_PATH);
}

SHIM1(linux_chroot, path_pointer) {
    struct path_argument path;
    int32_t error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    return kernel_ops->change_root(path.text, path.length);
}

// Returns the length with the NUL.
SHIM2(linux_getcwd, buffer, size) {
    struct path_argument path;
    int32_t error = kernel_ops->working_directory(path.text, sizeof(path.text) - 1, &path.length);
    if (error < 0) return error == -ERANGE ? -ENAMETOOLONG : error;
    path.text[path.length] = '\0';
    if (size < path.length + 1) return -ERANGE;
    error = kernel_ops->store(user_pointer(buffer), path.text, path.length + 1);
    return error < 0 ? error : (intptr_t)path.length + 1;
}

SHIM1(linux_umask, mask) {
    return kernel_ops->umask((uint32_t)mask & 0777);
}

SHIM5(linux_mount, source_pointer, target_pointer, type_pointer, flags, data) {
    constexpr uint32_t magic = 0xc0ed0000, magic_mask = 0xffff0000;
    struct path_argument source = {.length = 0}, target;
    char type[256] = "";
    size_t length = 0, options_length;
    int32_t error = type_pointer == 0 ? 0 : kernel_ops->fetch_string(type, user_pointer(type_pointer), 64, &length);
    if (error == -ENAMETOOLONG) error = -ENODEV;
    if (error == 0 && length != 0 && data != 0) { // the file system's options follow its name
        type[length++] = ' ';
        error = kernel_ops->fetch_string(type + length, user_pointer(data), sizeof(type) - length, &options_length);
        if (error == -ENAMETOOLONG) error = -EINVAL;
    }
    if (error == 0 && source_pointer != 0) error = path_fetch(&source, source_pointer);
    if (error == 0) error = linux_path(&target, target_pointer);
    if (error < 0) return error;
    uint32_t canonical = (uint32_t)flags;
    if ((canonical & magic_mask) == magic) canonical &= ~magic_mask;
    return kernel_ops->mount(source.text, source.length, target.text, target.length, type, canonical);
}

SHIM2(linux_umount2, target_pointer, flags) {
    constexpr uint32_t force = 1, detach = 2, expire = 4, no_follow = 8;
    struct path_argument target;
    if (((uint32_t)flags & ~(force | detach | expire | no_follow)) != 0) return -EINVAL;
    if ((flags & expire) != 0 && (flags & (force | detach)) != 0) return -EINVAL;
    int32_t error = linux_path(&target, target_pointer);
    if (error < 0) return error;
    return kernel_ops->unmount(target.text, target.length, (uint32_t)flags);
}
