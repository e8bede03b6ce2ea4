// The error encoding that Darwin and the BSDs share: carry flag and a positive errno in the first result register.
#pragma once

#include <personality.h>

// Numbers of one OS that differ from the common 4.4BSD ones.
struct bsd_errno_difference {
    int16_t canonical, number;
};

// The OS's number for a canonical errno (both positive); its EIO for one it has not. differences ends with {0, 0}.
int32_t bsd_errno(int32_t canonical, const struct bsd_errno_difference *differences);

// Sets or clears the error flag and returns the word for the result register.
uintptr_t bsd_encode(intptr_t result, struct user_frame *frame, const struct bsd_errno_difference *differences);
