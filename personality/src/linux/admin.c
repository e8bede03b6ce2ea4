// Calls of the system's administration that this kernel has no use for: accounting, swap, quotas, modules, ports. They
// check what Linux checks, in its order, and answer what is true here: there is no swap area, no module, no quota.
#include "lib/string.h"
#include "personality/src/linux/file.h"

static bool capable(uint32_t capability) {
    struct kernel_credentials credentials;
    return kernel_ops->credentials_get(0, &credentials) == 0 &&
           (credentials.capabilities_effective >> capability & 1) != 0;
}

// What fstat says of a file that must be possible to open so.
static int32_t open_and_stat(uintptr_t path_pointer, uint32_t flags, struct kernel_stat *stat) {
    struct path_argument path;
    int32_t error = linux_path(&path, path_pointer);
    if (error < 0) return error;
    int32_t descriptor = kernel_ops->open(AT_FDCWD, path.text, path.length, flags | O_CLOEXEC, 0);
    if (descriptor < 0) return descriptor;
    error = linux_file_stat((uint32_t)descriptor, stat);
    kernel_ops->close(descriptor);
    return error;
}

// Accounting is always off.
SHIM1(linux_acct, path) {
    struct kernel_stat stat;
    if (!capable(CAP_SYS_PACCT)) return -EPERM;
    if (path == 0) return 0;
    int32_t error = open_and_stat(path, O_WRONLY | O_APPEND, &stat);
    if (error < 0) return error;
    return (stat.mode & S_IFMT) != S_IFREG ? -EACCES : -ENOSYS;
}

// No file has a form in which this kernel could swap to it.
SHIM2(linux_swapon, path, flags) {
    constexpr uint32_t known = 0x7ffff;
    struct kernel_stat stat;
    if (((uint32_t)flags & ~known) != 0) return -EINVAL;
    if (!capable(CAP_SYS_ADMIN)) return -EPERM;
    int32_t error = open_and_stat(path, O_RDWR, &stat);
    return error < 0 ? error : -EINVAL;
}

SHIM1(linux_swapoff, path) {
    struct kernel_stat stat;
    if (!capable(CAP_SYS_ADMIN)) return -EPERM;
    int32_t error = open_and_stat(path, O_RDWR, &stat);
    return error < 0 ? error : -EINVAL;
}

SHIM4(linux_quotactl, command, special_pointer, id, pointer) {
    constexpr uint32_t type_mask = 0xff, type_maximum = 2, sync = 0x800001;
    struct path_argument special;
    struct kernel_stat stat;
    (void)id;
    (void)pointer;
    if (((uint32_t)command & type_mask) > type_maximum) return -EINVAL;
    if (special_pointer == 0) return (uint32_t)command >> 8 == sync ? 0 : -ENODEV;
    int32_t error = linux_path(&special, special_pointer);
    if (error == 0) error = kernel_ops->stat(AT_FDCWD, special.text, special.length, 0, &stat);
    if (error < 0) return error;
    return (stat.mode & S_IFMT) == S_IFBLK ? -ENODEV : -ENOTBLK;
}

// Without a terminal of its own there is nothing to hang up.
SHIM0(linux_vhangup) {
    static const char terminal[] = "/dev/tty";
    if (!capable(CAP_SYS_TTY_CONFIG)) return -EPERM;
    int32_t descriptor =
        kernel_ops->open(AT_FDCWD, terminal, sizeof(terminal) - 1, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (descriptor < 0) return 0;
    kernel_ops->close(descriptor);
    return -ENOSYS;
}

// The root is the unpacked archive, which cannot be left this way on Linux either.
SHIM2(linux_pivot_root, new_pointer, old_pointer) {
    struct path_argument path;
    struct kernel_stat stat;
    if (!capable(CAP_SYS_ADMIN)) return -EPERM;
    for (unsigned i = 0; i < 2; i++) {
        int32_t error = linux_path(&path, i == 0 ? new_pointer : old_pointer);
        if (error == 0) error = kernel_ops->stat(AT_FDCWD, path.text, path.length, 0, &stat);
        if (error < 0) return error;
        if ((stat.mode & S_IFMT) != S_IFDIR) return -ENOTDIR;
    }
    return -EINVAL;
}

// ---- modules: Linux's are for no kernel but Linux

SHIM3(linux_init_module, image, size, parameters) {
    constexpr size_t elf_header = 64;
    uint8_t head[elf_header];
    (void)parameters;
    if (!capable(CAP_SYS_MODULE)) return -EPERM;
    if (size < elf_header) return -ENOEXEC;
    int32_t error = kernel_ops->fetch(head, user_pointer(image), sizeof(head));
    return error < 0 ? error : -ENOEXEC;
}

SHIM3(linux_finit_module, descriptor, parameters, flags) {
    constexpr uint32_t known = 7;
    uint32_t file_flags;
    (void)parameters;
    if (!capable(CAP_SYS_MODULE)) return -EPERM;
    if (((uint32_t)flags & ~known) != 0) return -EINVAL;
    int32_t error = linux_file_flags(descriptor, &file_flags);
    if (error < 0) return error;
    return (file_flags & O_ACCMODE) == O_WRONLY ? -EBADF : -ENOEXEC;
}

SHIM2(linux_delete_module, name_pointer, flags) {
    char name[56];
    size_t length;
    (void)flags;
    if (!capable(CAP_SYS_MODULE)) return -EPERM;
    int32_t error = kernel_ops->fetch_string(name, user_pointer(name_pointer), sizeof(name), &length);
    return error < 0 && error != -ENAMETOOLONG ? error : -ENOENT;
}

SHIM4(linux_kexec_load, entry, count, segments, flags) {
    constexpr uintptr_t known = 0xffff000fUL, segments_maximum = 16;
    (void)entry;
    if (!capable(CAP_SYS_BOOT)) return -EPERM;
    if ((flags & ~known) != 0 || count > segments_maximum) return -EINVAL;
    uint64_t first[4];
    int32_t error = count == 0 ? 0 : kernel_ops->fetch(first, user_pointer(segments), sizeof(first));
    return error < 0 ? error : -ENOSYS;
}

// ---- ports: no program has any

SHIM1(linux_iopl, level) {
    if ((uint32_t)level > 3) return -EINVAL;
    if (level == 0) return 0;
    return capable(CAP_SYS_RAWIO) ? -ENOSYS : -EPERM;
}

SHIM3(linux_ioperm, first, count, on) {
    constexpr uintptr_t ports = 65536;
    if (first + count <= first || first + count > ports) return -EINVAL;
    if ((int32_t)on == 0) return 0;
    return capable(CAP_SYS_RAWIO) ? -ENOSYS : -EPERM;
}

// ---- file systems by number and by device

static const char *const file_system_names[] = {"sysfs", "tmpfs", "proc", "devtmpfs"};

SHIM3(linux_sysfs, option, first, second) {
    enum : uint32_t { BY_NAME = 1, BY_INDEX, COUNT };
    char name[32];
    size_t length;
    switch ((uint32_t)option) {
    case BY_NAME: {
        int32_t error = kernel_ops->fetch_string(name, user_pointer(first), sizeof(name), &length);
        if (error < 0) return error == -ENAMETOOLONG ? -EINVAL : error;
        for (unsigned i = 0; i < array_size(file_system_names); i++)
            if (string_equal(name, file_system_names[i])) return i;
        return -EINVAL;
    }
    case BY_INDEX:
        if (first >= array_size(file_system_names)) return -EINVAL;
        return kernel_ops->store(user_pointer(second), file_system_names[first], strlen(file_system_names[first]) + 1);
    case COUNT:
        return array_size(file_system_names);
    default:
        return -EINVAL;
    }
}

// Finds the root's and the working directory's file systems only.
SHIM2(linux_ustat, device, pointer) {
    static const char *const places[] = {"/", ".", "/tmp", "/dev", "/proc", "/sys"};
    for (unsigned i = 0; i < array_size(places); i++) {
        struct kernel_stat stat;
        struct kernel_statfs statfs;
        size_t length = strlen(places[i]);
        if (kernel_ops->stat(AT_FDCWD, places[i], length, 0, &stat) < 0 || stat.device != (uint32_t)device) continue;
        int32_t error = kernel_ops->statfs(AT_FDCWD, places[i], length, 0, &statfs);
        if (error < 0) return error;
        struct {
            int32_t free;
            uint64_t inodes;
            char name[6], pack[6];
        } out;
        memset(&out, 0, sizeof(out));
        out.free = (int32_t)statfs.blocks_free;
        out.inodes = statfs.files_free;
        return store_struct(pointer, &out);
    }
    return -EINVAL;
}
