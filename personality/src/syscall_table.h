// The format of a syscall table. One .tbl file per OS and architecture lists every number of that ABI, one line each:
//
//     SYSCALL(0, read, SHIM(linux_read), FULL, KINDS(FD, BUFFER_OUT, SIZE), "")
//     SYSCALL(95, umask, OP(umask), FULL, KINDS(MODE), "")
//     SYSCALL(134, uselib, NONE, GONE, KINDS(PATH), "libc5")
//
// The handler is SHIM(function), OP(an op whose parameters are plain words: see op_shims.def), or NONE: the OS's
// ENOSYS, logged once. KINDS describes up to six arguments (syscall_kinds.def). Status: FULL, PARTIAL, TODO, or GONE
// (ENOSYS is the right answer: not logged, no end for --strict); the note says what is missing. A number given twice
// fails to compile. A file becomes a table by
//
//     #define SYSCALL_TABLE_FILE "linux.tbl"
//     #define SYSCALL_TABLE_NAME linux_table
//     #include "personality/src/syscall_table_define.h"
//
// and the prototypes of its shims by the same with SYSCALL_TABLE_FILE and syscall_table_declare.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A call of a foreign ABI: its first five arguments (a sixth: sixth_argument() of shim.h). Returns the canonical result
// or a negative errno, -KERNEL_ERESTART* and -KERNEL_EKEEP_FRAME included; dispatch encodes.
typedef intptr_t syscall_shim(uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f);

// Heads of shim definitions: SHIM2(linux_munmap, address, length) { … }, every parameter an uintptr_t.
#define SHIM0(name)                intptr_t name(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t)
#define SHIM1(name, b)             intptr_t name(uintptr_t b, uintptr_t, uintptr_t, uintptr_t, uintptr_t)
#define SHIM2(name, b, c)          intptr_t name(uintptr_t b, uintptr_t c, uintptr_t, uintptr_t, uintptr_t)
#define SHIM3(name, b, c, d)       intptr_t name(uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t, uintptr_t)
#define SHIM4(name, b, c, d, e)    intptr_t name(uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t)
#define SHIM5(name, b, c, d, e, f) intptr_t name(uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f)

enum syscall_kind : uint8_t {
#define KIND(name, printer) KIND_##name,
#include "personality/src/syscall_kinds.def"
#undef KIND
    KIND_COUNT,
};

enum syscall_status : uint8_t { SYSCALL_UNLISTED, SYSCALL_FULL, SYSCALL_PARTIAL, SYSCALL_TODO, SYSCALL_GONE };

struct syscall_description {
    const char *name; // nullptr: not listed
    const char *note;
    enum syscall_status status;
    enum syscall_kind kinds[6];
};

// handlers[n] is nullptr for a call that is not implemented. Both arrays have count entries.
struct syscall_table {
    syscall_shim *const *handlers;
    const struct syscall_description *descriptions;
    uint32_t count;
    uint32_t *reported; // a bit per entry: its absence was logged
};
