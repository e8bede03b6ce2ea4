// What dispatch knows about an OS. Adding an OS is a folder with one struct os, and one line in os.c.
#pragma once

#include <personality.h>

#include "personality/src/syscall_table.h"

struct call;

struct os {
    const char *name;
    // The calls; nullptr: every call answers ENOSYS in the OS's encoding.
    const struct syscall_table *table;
    // The table's index of a trap whose number register holds a; an index beyond the table is unknown. nullptr:
    // (uint32_t)a.
    uint32_t (*index)(uintptr_t a, const struct user_frame *frame);
    // Encodes a canonical result or negative errno (never an internal one): the word for the first result register;
    // flags and further registers go to the frame. nullptr: the word as it is (negative errno), as Linux and native do.
    uintptr_t (*encode)(intptr_t result, struct user_frame *frame);
    // Asked before a call of a thread with PERSONALITY_FILTERED; true: the call is not made, *result (as encoded) is
    // its answer.
    bool (*filter)(const struct call *call, intptr_t *result);
    // Upcalls, registered when the ops are installed; nullptr: none.
    const struct personality_hooks *hooks;
    // Further set-up once the ops and hooks are installed (time pages …); nullptr: none.
    void (*initialise)(void);
    // The OS's name of an errno for the tracer; nullptr: the canonical name.
    const char *(*errno_name)(int32_t error);
};

// By enum personality; every entry is present.
extern const struct os *const os_list[PERSONALITY_COUNT];

extern const struct os os_native, os_linux, os_windows, os_darwin, os_freebsd, os_netbsd, os_openbsd;
