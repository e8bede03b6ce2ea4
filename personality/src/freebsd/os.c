// FreeBSD's descriptor: no calls yet, so every call answers FreeBSD's ENOSYS.
#include "personality/src/os.h"

#include "personality/src/bsd_errno.h"

static const struct bsd_errno_difference differences[] = {
    {EOVERFLOW, 84},  {ECANCELED, 85},       {EILSEQ, 86}, {EIDRM, 82},   {ENOMSG, 83},
    {EOWNERDEAD, 96}, {ENOTRECOVERABLE, 95}, {EPROTO, 92}, {EBADMSG, 89}, {0, 0},
};

static uintptr_t encode(intptr_t result, struct user_frame *frame) {
    return bsd_encode(result, frame, differences);
}

const struct os os_freebsd = {
    .name = "FreeBSD",
    .encode = encode,
};
