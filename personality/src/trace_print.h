// Printing one argument of a traced call.
#pragma once

#include "personality/src/dispatch.h"

// A text under construction: what does not fit is cut.
struct trace_text {
    char *text;
    size_t size, length;
};
[[gnu::format(printf, 2, 3)]] void trace_append(struct trace_text *to, const char *format, ...);

struct traced_argument {
    const uintptr_t *words; // this argument and the ones behind it
    unsigned left;          // how many words there are
    intptr_t result;        // of the call, for what is printed after it
};

typedef void trace_printer(struct trace_text *to, const struct traced_argument *argument);

struct trace_kind {
    trace_printer *print;
    bool after; // the call fills it: printed when the result is known
};
extern const struct trace_kind trace_kinds[KIND_COUNT];

// The canonical name of an errno ("ENOENT") and its text; "?" for an unknown one.
const char *trace_errno_name(int32_t error);
const char *trace_errno_text(int32_t error);
