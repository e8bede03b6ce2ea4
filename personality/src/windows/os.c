// Windows NT's descriptor: no calls yet, so every call answers STATUS_INVALID_SYSTEM_SERVICE.
#include "personality/src/os.h"

enum : uint32_t {
    STATUS_UNSUCCESSFUL = 0xC0000001,
    STATUS_ACCESS_VIOLATION = 0xC0000005,
    STATUS_INVALID_HANDLE = 0xC0000008,
    STATUS_INVALID_PARAMETER = 0xC000000D,
    STATUS_NO_MEMORY = 0xC0000017,
    STATUS_INVALID_SYSTEM_SERVICE = 0xC000001C,
    STATUS_ACCESS_DENIED = 0xC0000022,
    STATUS_OBJECT_NAME_NOT_FOUND = 0xC0000034,
    STATUS_OBJECT_NAME_COLLISION = 0xC0000035,
};

static const uint32_t statuses[] = {
    [EPERM] = STATUS_ACCESS_DENIED,           [ENOENT] = STATUS_OBJECT_NAME_NOT_FOUND,
    [EBADF] = STATUS_INVALID_HANDLE,          [ENOMEM] = STATUS_NO_MEMORY,
    [EACCES] = STATUS_ACCESS_DENIED,          [EFAULT] = STATUS_ACCESS_VIOLATION,
    [EEXIST] = STATUS_OBJECT_NAME_COLLISION,  [EINVAL] = STATUS_INVALID_PARAMETER,
    [ENOSYS] = STATUS_INVALID_SYSTEM_SERVICE,
};

static uintptr_t encode(intptr_t result, struct user_frame *) {
    if (result >= 0 || result < -4095) return (uintptr_t)result;
    size_t error = (size_t)-result;
    return error < array_size(statuses) && statuses[error] ? statuses[error] : STATUS_UNSUCCESSFUL;
}

const struct os os_windows = {
    .name = "Windows",
    .encode = encode,
};
