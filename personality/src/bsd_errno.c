#include "personality/src/bsd_errno.h"

static const uint8_t common[] = {
    [EPERM] = 1,
    [ENOENT] = 2,
    [ESRCH] = 3,
    [EINTR] = 4,
    [EIO] = 5,
    [ENXIO] = 6,
    [E2BIG] = 7,
    [ENOEXEC] = 8,
    [EBADF] = 9,
    [ECHILD] = 10,
    [EAGAIN] = 35,
    [ENOMEM] = 12,
    [EACCES] = 13,
    [EFAULT] = 14,
    [ENOTBLK] = 15,
    [EBUSY] = 16,
    [EEXIST] = 17,
    [EXDEV] = 18,
    [ENODEV] = 19,
    [ENOTDIR] = 20,
    [EISDIR] = 21,
    [EINVAL] = 22,
    [ENFILE] = 23,
    [EMFILE] = 24,
    [ENOTTY] = 25,
    [ETXTBSY] = 26,
    [EFBIG] = 27,
    [ENOSPC] = 28,
    [ESPIPE] = 29,
    [EROFS] = 30,
    [EMLINK] = 31,
    [EPIPE] = 32,
    [EDOM] = 33,
    [ERANGE] = 34,
    [EDEADLK] = 11,
    [ENAMETOOLONG] = 63,
    [ENOLCK] = 77,
    [ENOSYS] = 78,
    [ENOTEMPTY] = 66,
    [ELOOP] = 62,
    [EUSERS] = 68,
    [ENOTSOCK] = 38,
    [EDESTADDRREQ] = 39,
    [EMSGSIZE] = 40,
    [EPROTOTYPE] = 41,
    [ENOPROTOOPT] = 42,
    [EPROTONOSUPPORT] = 43,
    [ESOCKTNOSUPPORT] = 44,
    [EOPNOTSUPP] = 45,
    [EPFNOSUPPORT] = 46,
    [EAFNOSUPPORT] = 47,
    [EADDRINUSE] = 48,
    [EADDRNOTAVAIL] = 49,
    [ENETDOWN] = 50,
    [ENETUNREACH] = 51,
    [ECONNABORTED] = 53,
    [ECONNRESET] = 54,
    [ENOBUFS] = 55,
    [EISCONN] = 56,
    [ENOTCONN] = 57,
    [ETIMEDOUT] = 60,
    [ECONNREFUSED] = 61,
    [EHOSTUNREACH] = 65,
    [EALREADY] = 37,
    [EINPROGRESS] = 36,
    [ESTALE] = 70,
    [EDQUOT] = 69,
};

int32_t bsd_errno(int32_t canonical, const struct bsd_errno_difference *differences) {
    for (; differences->canonical; differences++) {
        if (differences->canonical == canonical) return differences->number;
    }
    if (canonical > 0 && canonical < (int32_t)array_size(common) && common[canonical]) return common[canonical];
    return common[EIO];
}

uintptr_t bsd_encode(intptr_t result, struct user_frame *frame, const struct bsd_errno_difference *differences) {
    bool error = result < 0 && result >= -4095;
    user_frame_set_error(frame, error);
    return error ? (uintptr_t)bsd_errno((int32_t)-result, differences) : (uintptr_t)result;
}
