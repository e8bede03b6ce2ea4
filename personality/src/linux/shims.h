// The prototypes of Linux's shims: linux.tbl comes from the folder of the architecture.
#pragma once

#define SYSCALL_TABLE_FILE "linux.tbl"
#include "personality/src/syscall_table_declare.h"

extern const struct syscall_table linux_table;
