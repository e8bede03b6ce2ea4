#include "personality/src/os.h"

const struct os *const os_list[PERSONALITY_COUNT] = {
    [PERSONALITY_NATIVE] = &os_native,   [PERSONALITY_LINUX] = &os_linux,     [PERSONALITY_WINDOWS] = &os_windows,
    [PERSONALITY_DARWIN] = &os_darwin,   [PERSONALITY_FREEBSD] = &os_freebsd, [PERSONALITY_NETBSD] = &os_netbsd,
    [PERSONALITY_OPENBSD] = &os_openbsd,
};
