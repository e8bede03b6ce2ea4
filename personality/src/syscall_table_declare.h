// Declares the shims that SYSCALL_TABLE_FILE names. Included once per table, hence no #pragma once.
#include "personality/src/syscall_table.h"

#define SYSCALL(number, name, handler, status, kinds, note) handler;
#define SHIM(function)                                      syscall_shim function
#define OP(op)                                              static_assert(true)
#define NONE                                                static_assert(true)
#include SYSCALL_TABLE_FILE
#undef NONE
#undef OP
#undef SHIM
#undef SYSCALL
#undef SYSCALL_TABLE_FILE
