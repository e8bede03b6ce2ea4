// NetBSD's descriptor: no calls yet, so every call answers NetBSD's ENOSYS.
#include "personality/src/os.h"

#include "personality/src/bsd_errno.h"

static const struct bsd_errno_difference differences[] = {
    {EOVERFLOW, 84},  {ECANCELED, 87},       {EILSEQ, 85}, {EIDRM, 82},   {ENOMSG, 83},
    {EOWNERDEAD, 97}, {ENOTRECOVERABLE, 98}, {EPROTO, 96}, {EBADMSG, 88}, {0, 0},
};

static uintptr_t encode(intptr_t result, struct user_frame *frame) {
    return bsd_encode(result, frame, differences);
}

const struct os os_netbsd = {
    .name = "NetBSD",
    .encode = encode,
};
