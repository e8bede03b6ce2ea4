// OpenBSD's descriptor: no calls yet, so every call answers OpenBSD's ENOSYS.
#include "personality/src/os.h"

#include "personality/src/bsd_errno.h"

static const struct bsd_errno_difference differences[] = {
    {EOVERFLOW, 87},  {ECANCELED, 88},       {EILSEQ, 84}, {EIDRM, 89},   {ENOMSG, 90},
    {EOWNERDEAD, 94}, {ENOTRECOVERABLE, 93}, {EPROTO, 95}, {EBADMSG, 92}, {0, 0},
};

static uintptr_t encode(intptr_t result, struct user_frame *frame) {
    return bsd_encode(result, frame, differences);
}

const struct os os_openbsd = {
    .name = "OpenBSD",
    .encode = encode,
};
