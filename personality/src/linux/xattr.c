// Extended attributes.
#include "personality/src/linux/file.h"

constexpr size_t XATTR_NAME_SIZE = 256;
constexpr size_t XATTR_SIZE_MAXIMUM = 65536;
enum xattr_how : uint32_t { XATTR_CREATE = 1, XATTR_REPLACE = 2 };

// What a call is about: a path, or an open file (then the path is empty).
struct xattr_target {
    int32_t directory;
    uint32_t flags;
    struct path_argument path;
};

static int32_t target_by_path(struct xattr_target *target, uintptr_t path, uint32_t flags) {
    target->directory = AT_FDCWD;
    target->flags = flags;
    return linux_path(&target->path, path);
}

static int32_t target_by_descriptor(struct xattr_target *target, uintptr_t descriptor) {
    uint32_t flags;
    target->directory = (int32_t)descriptor;
    target->flags = AT_EMPTY_PATH;
    target->path.length = 0;
    return linux_file_flags(descriptor, &flags);
}

static int32_t name_fetch(char name[XATTR_NAME_SIZE], uintptr_t word) {
    size_t length;
    int32_t error = kernel_ops->fetch_string(name, user_pointer(word), XATTR_NAME_SIZE, &length);
    if (error == -ENAMETOOLONG || (error == 0 && length == 0)) return -ERANGE;
    return error;
}

static intptr_t attribute_set(struct xattr_target *target, uintptr_t name_pointer, uintptr_t value, size_t size,
                              uintptr_t how) {
    char name[XATTR_NAME_SIZE];
    void *memory = nullptr;
    if (((uint32_t)how & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE)) != 0) return -EINVAL;
    int32_t error = name_fetch(name, name_pointer);
    if (error < 0) return error;
    if (size > XATTR_SIZE_MAXIMUM) return -E2BIG;
    if (size != 0) {
        error = kernel_ops->allocate(size, &memory);
        if (error < 0) return error;
        error = kernel_ops->fetch(memory, user_pointer(value), size);
    }
    if (error == 0)
        error = kernel_ops->xattr_set(target->directory, target->path.text, target->path.length, target->flags, name,
                                      memory, size, (uint32_t)how);
    if (memory != nullptr) kernel_ops->release(memory);
    return error;
}

// Gets the value of `name`, or the list of names when it is nullptr. Size 0 asks for the length.
static intptr_t attribute_get(struct xattr_target *target, const char *name, uintptr_t value, size_t size) {
    void *memory = nullptr;
    size_t done;
    int32_t error = 0;
    size = min(size, XATTR_SIZE_MAXIMUM);
    if (size != 0) error = kernel_ops->allocate(size, &memory);
    if (error < 0) return error;
    error = name != nullptr ? kernel_ops->xattr_get(target->directory, target->path.text, target->path.length,
                                                    target->flags, name, memory, size, &done)
                            : kernel_ops->xattr_list(target->directory, target->path.text, target->path.length,
                                                     target->flags, memory, size, &done);
    if (error >= 0 && size != 0) error = kernel_ops->store(user_pointer(value), memory, done);
    if (memory != nullptr) kernel_ops->release(memory);
    return error < 0 ? error : (intptr_t)done;
}

static intptr_t attribute_get_named(struct xattr_target *target, uintptr_t name_pointer, uintptr_t value, size_t size) {
    char name[XATTR_NAME_SIZE];
    int32_t error = name_fetch(name, name_pointer);
    return error < 0 ? error : attribute_get(target, name, value, size);
}

static intptr_t attribute_remove(struct xattr_target *target, uintptr_t name_pointer) {
    char name[XATTR_NAME_SIZE];
    int32_t error = name_fetch(name, name_pointer);
    if (error < 0) return error;
    return kernel_ops->xattr_remove(target->directory, target->path.text, target->path.length, target->flags, name);
}

SHIM5(linux_setxattr, path, name, value, size, how) {
    struct xattr_target target;
    int32_t error = target_by_path(&target, path, 0);
    return error < 0 ? error : attribute_set(&target, name, value, size, how);
}

SHIM5(linux_lsetxattr, path, name, value, size, how) {
    struct xattr_target target;
    int32_t error = target_by_path(&target, path, AT_SYMLINK_NOFOLLOW);
    return error < 0 ? error : attribute_set(&target, name, value, size, how);
}

SHIM5(linux_fsetxattr, descriptor, name, value, size, how) {
    struct xattr_target target;
    int32_t error = target_by_descriptor(&target, descriptor);
    return error < 0 ? error : attribute_set(&target, name, value, size, how);
}

SHIM4(linux_getxattr, path, name, value, size) {
    struct xattr_target target;
    int32_t error = target_by_path(&target, path, 0);
    return error < 0 ? error : attribute_get_named(&target, name, value, size);
}

SHIM4(linux_lgetxattr, path, name, value, size) {
    struct xattr_target target;
    int32_t error = target_by_path(&target, path, AT_SYMLINK_NOFOLLOW);
    return error < 0 ? error : attribute_get_named(&target, name, value, size);
}

SHIM4(linux_fgetxattr, descriptor, name, value, size) {
    struct xattr_target target;
    int32_t error = target_by_descriptor(&target, descriptor);
    return error < 0 ? error : attribute_get_named(&target, name, value, size);
}

SHIM3(linux_listxattr, path, list, size) {
    struct xattr_target target;
    int32_t error = target_by_path(&target, path, 0);
    return error < 0 ? error : attribute_get(&target, nullptr, list, size);
}

SHIM3(linux_llistxattr, path, list, size) {
    struct xattr_target target;
    int32_t error = target_by_path(&target, path, AT_SYMLINK_NOFOLLOW);
    return error < 0 ? error : attribute_get(&target, nullptr, list, size);
}

SHIM3(linux_flistxattr, descriptor, list, size) {
    struct xattr_target target;
    int32_t error = target_by_descriptor(&target, descriptor);
    return error < 0 ? error : attribute_get(&target, nullptr, list, size);
}

SHIM2(linux_removexattr, path, name) {
    struct xattr_target target;
    int32_t error = target_by_path(&target, path, 0);
    return error < 0 ? error : attribute_remove(&target, name);
}

SHIM2(linux_lremovexattr, path, name) {
    struct xattr_target target;
    int32_t error = target_by_path(&target, path, AT_SYMLINK_NOFOLLOW);
    return error < 0 ? error : attribute_remove(&target, name);
}

SHIM2(linux_fremovexattr, descriptor, name) {
    struct xattr_target target;
    int32_t error = target_by_descriptor(&target, descriptor);
    return error < 0 ? error : attribute_remove(&target, name);
}

// ---- the calls with a directory and flags; what they take lies in a structure that may grow

struct xattr_arguments {
    uint64_t value;
    uint32_t size, flags;
};

static int32_t target_at(struct xattr_target *target, uintptr_t directory, uintptr_t path, uintptr_t flags) {
    if (((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
    target->directory = (int32_t)directory;
    target->flags = (uint32_t)flags;
    return linux_path_with_flags(&target->path, path, (uint32_t)flags);
}

static int32_t arguments_fetch(struct xattr_arguments *arguments, uintptr_t pointer, uintptr_t size) {
    if (size < sizeof(*arguments)) return -EINVAL;
    if (size > PAGE_SIZE) return -E2BIG;
    return fetch_struct(arguments, pointer);
}

SHIM5(linux_setxattrat, directory, path, flags, name, pointer) {
    struct xattr_target target;
    struct xattr_arguments arguments;
    int32_t error = arguments_fetch(&arguments, pointer, sixth_argument());
    if (error == 0) error = target_at(&target, directory, path, flags);
    return error < 0 ? error : attribute_set(&target, name, arguments.value, arguments.size, arguments.flags);
}

SHIM5(linux_getxattrat, directory, path, flags, name, pointer) {
    struct xattr_target target;
    struct xattr_arguments arguments;
    int32_t error = arguments_fetch(&arguments, pointer, sixth_argument());
    if (error == 0 && arguments.flags != 0) error = -EINVAL;
    if (error == 0) error = target_at(&target, directory, path, flags);
    return error < 0 ? error : attribute_get_named(&target, name, arguments.value, arguments.size);
}

SHIM5(linux_listxattrat, directory, path, flags, list, size) {
    struct xattr_target target;
    int32_t error = target_at(&target, directory, path, flags);
    return error < 0 ? error : attribute_get(&target, nullptr, list, size);
}

SHIM4(linux_removexattrat, directory, path, flags, name) {
    struct xattr_target target;
    int32_t error = target_at(&target, directory, path, flags);
    return error < 0 ? error : attribute_remove(&target, name);
}
