// The prototypes of Linux's shims. x86_64 has every call that any architecture has, so its table names them all; the
// table in use is that of the architecture (linux.tbl of its folder).
#pragma once

#define SYSCALL_TABLE_FILE "personality/src/linux/x86_64/linux.tbl"
#include "personality/src/syscall_table_declare.h"

extern const struct syscall_table linux_table;
