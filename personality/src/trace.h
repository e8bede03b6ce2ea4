// The tracer: performs a call and writes one strace-like line about it by the trace_write op:
//     12 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
#pragma once

#include "personality/src/dispatch.h"

// call_perform with a line written after it; before it when the call does not return.
intptr_t trace_call(const struct call *call);
