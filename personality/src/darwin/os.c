// Darwin's descriptor: no calls yet, so every call answers Darwin's ENOSYS.
#include "personality/src/os.h"

#include "personality/src/bsd_errno.h"

static const struct bsd_errno_difference differences[] = {
    {EOVERFLOW, 84},   {ECANCELED, 89},        {EILSEQ, 92},  {EIDRM, 90},   {ENOMSG, 91},
    {EOWNERDEAD, 105}, {ENOTRECOVERABLE, 104}, {EPROTO, 100}, {EBADMSG, 94}, {0, 0},
};

static uintptr_t encode(intptr_t result, struct user_frame *frame) {
    return bsd_encode(result, frame, differences);
}

const struct os os_darwin = {
    .name = "Darwin",
    .encode = encode,
};
