// Between main.c (the two public functions) and the tracer.
#pragma once

#include "personality/src/os.h"
#include "personality/src/shim.h"

struct call {
    const struct os *os;
    uint32_t number; // index of the table
    uint32_t personality;
    uintptr_t arguments[5];
};

// Performs a call: its shim's answer, or -ENOSYS (reported once) when it has none.
intptr_t call_perform(const struct call *call);
