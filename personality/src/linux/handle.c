// File handles: a name for a file that stays valid while the file exists: here its device and inode number.
#include "lib/string.h"
#include "personality/src/linux/file.h"

constexpr uint32_t HANDLE_MAXIMUM = 128; // MAX_HANDLE_SZ
constexpr int32_t HANDLE_TYPE = 0x81;

struct linux_file_handle {
    uint32_t handle_bytes;
    int32_t handle_type;
};
struct handle_contents {
    uint64_t device, inode;
};

SHIM5(linux_name_to_handle_at, directory, path_pointer, pointer, mount_pointer, flags) {
    constexpr uint32_t handle_fid = 0x200;
    struct path_argument path;
    struct kernel_stat stat;
    struct {
        struct linux_file_handle head;
        struct handle_contents contents;
    } out;
    if (((uint32_t)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | handle_fid)) != 0) return -EINVAL;
    int32_t error = linux_path_with_flags(&path, path_pointer, (uint32_t)flags);
    if (error < 0) return error;
    uint32_t how = ((uint32_t)flags & AT_EMPTY_PATH) | ((flags & AT_SYMLINK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW);
    error = kernel_ops->stat((int32_t)directory, path.text, path.length, how, &stat);
    if (error == 0) error = fetch_struct(&out.head, pointer);
    if (error < 0) return error;
    if (out.head.handle_bytes > HANDLE_MAXIMUM) return -EINVAL;
    bool fits = out.head.handle_bytes >= sizeof(out.contents);
    out.head = (struct linux_file_handle){.handle_bytes = sizeof(out.contents), .handle_type = HANDLE_TYPE};
    out.contents = (struct handle_contents){.device = stat.device, .inode = stat.inode};
    int32_t mount = (int32_t)stat.mount_id;
    error = store_struct(mount_pointer, &mount);
    if (error == 0) error = kernel_ops->store(user_pointer(pointer), &out, fits ? sizeof(out) : sizeof(out.head));
    if (error < 0) return error;
    return fits ? 0 : -EOVERFLOW;
}

SHIM3(linux_open_by_handle_at, mount, pointer, flags) {
    struct {
        struct linux_file_handle head;
        struct handle_contents contents;
    } in;
    struct kernel_credentials credentials;
    int32_t error = kernel_ops->credentials_get(0, &credentials);
    if (error < 0) return error;
    if ((credentials.capabilities_effective >> CAP_DAC_READ_SEARCH & 1) == 0) return -EPERM;
    error = fetch_struct(&in.head, pointer);
    if (error < 0) return error;
    if (in.head.handle_bytes == 0 || in.head.handle_bytes > HANDLE_MAXIMUM) return -EINVAL;
    if ((int32_t)mount != AT_FDCWD) {
        error = linux_descriptor_error(mount, 0);
        if (error < 0) return error;
    }
    if (in.head.handle_bytes < sizeof(in.contents) || in.head.handle_type != HANDLE_TYPE) return -ESTALE;
    error = fetch_struct(&in.contents, pointer + sizeof(in.head));
    if (error < 0) return error;
    uint32_t known =
        (uint32_t)flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECTORY | O_NOATIME | O_CLOEXEC | O_PATH);
    return kernel_ops->open_inode((int32_t)mount, in.contents.device, in.contents.inode, known);
}
