#include <personality.h>

#include "personality/src/native/shims.h"

// native.tbl pins each op's number. When this fails, kernel_ops.def was changed other than at its end.
#define SYSCALL(number, name, handler, status, kinds, note)                                                            \
    static_assert(number == KERNEL_OP_##name,                                                                          \
                  "op " #name " has moved: append new ops, or run tools/native_numbers.py before a release");
#include "personality/src/native/native.tbl"
#undef SYSCALL

#define SYSCALL_TABLE_FILE "personality/src/native/native.tbl"
#define SYSCALL_TABLE_NAME native_table
#include "personality/src/syscall_table_define.h"
